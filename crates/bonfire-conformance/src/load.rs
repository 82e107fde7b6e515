//! The load cases: many threads of several processes call at once, sense and
//! nonsense mixed, and each answer must be the right one.
//!
//! The registrations are settled before the threads start and none of the
//! calls changes them, so that what each call must return does not depend on
//! who comes first.

use core::fmt;

use bonfire_abi::{Command, Commands, FLAG_CPU};

use crate::budget::Cost;
use crate::kind::{Group, Kind, absent};
use crate::random::Random;
use crate::script::Player;
use crate::verdict::Means;
use crate::{Ending, Start, Task, World};

/// One load case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Load {
    /// Everything at once, by processes that hold every registration.
    Registered,
    /// Everything at once, by processes that hold none.
    Unregistered,
    /// Many callers that each name a CPU, while their CPUs come and go in the kernel.
    Targeted,
}

use Load::{Registered, Targeted, Unregistered};

/// Threads of a process, processes, and calls of a thread.
const THREADS: usize = 4;
const PROCESSES: usize = 3;
const CALLS: u32 = 3000;
/// After how many targeted calls a thread changes its CPU.
const EVERY: u32 = 16;
/// The parts; the first task is 0.
const PROCESS: u16 = 1;
const THREAD: u16 = 2;

/// Every load case.
pub(crate) fn all() -> impl Iterator<Item = Load> {
    [Registered, Unregistered, Targeted].into_iter()
}

impl Load {
    fn call_much(self, world: &dyn World, seat: u16) {
        let mut player = if self != Unregistered { Player::registered(world) } else { Player::new(world) };
        let mut random = Random::new(world.arena().seed() ^ u64::from(seat));
        for count in 0..CALLS {
            match self {
                Targeted => player.call(targeted_call(world, &mut random)),
                _ => player.call(self.some_call(&mut random)),
            }
            if self == Targeted && count % EVERY == 0 {
                // Where it may not, it stays.
                let _ = world.place(random.below(world.arena().cpus()));
            }
            if world.arena().is_done(world.now_ns()) {
                return;
            }
        }
    }

    /// A call that changes nothing. One in eight is nonsense, and `GLOBAL`, which
    /// takes milliseconds, is rare.
    fn some_call(self, random: &mut Random) -> [u64; 3] {
        let garbage = random.next();
        let high = garbage & 0xffff_ffff_0000_0000;
        let command = Command::ALL[random.below(Command::ALL.len() as u32) as usize];
        let cmd = match (command, random.below(64)) {
            (_, 0..8) => garbage & 0xffff_ffff | 1 << 30,
            (Command::Global, 8..63) => 0,
            (command, _) if command.registers().is_some() && self == Unregistered => 0,
            (command, _) => u64::from(command.number().unsigned_abs()),
        };
        let flags = if random.below(4) == 0 { u64::from(random.below(4)) } else { 0 };
        [cmd | high, flags | high, random.next()]
    }
}

/// `RSEQ` for one of the CPUs.
fn targeted_call(world: &dyn World, random: &mut Random) -> [u64; 3] {
    let cpu = world.cpu_number(random.below(world.arena().cpus()));
    [u64::from(Command::Rseq.number().unsigned_abs()), u64::from(FLAG_CPU), u64::from(cpu)]
}

fn start(world: &dyn World, how: Start, tasks: &[crate::Task]) {
    if world.start(how, tasks) != Ending::Ended {
        world.arena().lacks(Means::Start);
    }
}

impl Kind for Load {
    fn group(&self) -> Group {
        Group::Load
    }

    fn citation(&self) -> &'static str {
        "membarrier(2), RETURN VALUE and ERRORS: no others; and every call returns"
    }

    fn explain(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        if *self == Targeted {
            write!(
                out,
                "{PROCESSES} processes of {THREADS} threads each issue up to {CALLS} calls of RSEQ with "
            )?;
            write!(
                out,
                "FLAG_CPU a thread, for one CPU after the other, and change their own CPU meanwhile: "
            )?;
            write!(
                out,
                "most are in the kernel, some with interrupts off, when they are asked. Each call must "
            )?;
            write!(
                out,
                "return 0, and all must return.\n\nWhat a failure means: callers for one CPU wait for each "
            )?;
            return write!(out, "other, or for a CPU that waits for them with interrupts off.");
        }
        write!(
            out,
            "{PROCESSES} processes of {THREADS} threads each issue up to {CALLS} calls a thread: every "
        )?;
        write!(
            out,
            "command and many numbers that are none, with and without flags, garbage in what does not "
        )?;
        write!(out, "count. Each answer is compared with what QUERY and the registrations make of it. No ")?;
        write!(
            out,
            "barrier is involved.\n\nWhat a failure means: the kernel answers otherwise under load (a "
        )?;
        write!(
            out,
            "lock that could not be taken, a list that overflowed, a wait that was given up), or a call "
        )?;
        write!(out, "never returns.")
    }

    fn play(&self, world: &dyn World, number: u16, part: u16, _: u32) {
        let task = |part| Task::of(number, part, 0);
        match part {
            0 => start(world, Start::Fork, &[task(PROCESS); PROCESSES]),
            PROCESS => {
                if *self != Unregistered {
                    Player::new(world).register_all();
                }
                let seats: [u16; THREADS] = core::array::from_fn(|seat| THREAD + seat as u16);
                start(world, Start::Thread, &seats.map(task));
            }
            seat => self.call_much(world, seat),
        }
    }

    fn lacks(&self, commands: Commands) -> Option<Command> {
        absent((*self == Targeted).then_some(Command::Rseq), commands)
    }

    fn cost(&self) -> Cost {
        Cost { weight: 60, ..Cost::SMALL }
    }

    fn takes_long(&self) -> bool {
        true
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{PROCESSES}x{THREADS}-threads/{}",
            match self {
                Registered => "registered",
                Unregistered => "unregistered",
                Targeted => "targeted",
            }
        )
    }
}
