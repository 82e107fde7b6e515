//! Whom a barrier interrupts, where the kernel counts interrupts.
//!
//! A barrier that is done by interrupts owes one to each CPU that runs a thread which
//! it is for, and owes nobody else any. Neither needs a machine that reorders: the
//! count says it. In a round the *caller* reads the count, calls, and reads it again,
//! while *spinners* on other CPUs say all the time that they run. What another kind of
//! call does to the count is the twin:
//!
//! | case | who spins | forbidden | the twin |
//! |---|---|---|---|
//! | `beside-1-thread`, `beside-3-threads` | threads of the caller's process | the count rises by less than there are spinners | an ordinary call, which interrupts nobody |
//! | `beside-a-process` | a process that has registered | the same | the same |
//! | `refused` | a thread of the caller's process, which has not registered | the count rises by more than for an ordinary call | another command, which it has registered for |
//! | `stranger` | another process | the same | `GLOBAL_EXPEDITED`, for which that one has registered |
//!
//! Other interrupts are counted, too, so one stray rise or the want of one says
//! nothing: the verdict is on the rate ([`weigh`](crate::judgement::weigh)), and where
//! an ordinary call is followed by a rise as well, the two are set off against each
//! other. A round counts only if every spinner had its CPU from before the call until
//! after it.
//!
//! | edge | one side | other side | without it |
//! |---|---|---|---|
//! | beat | a spinner says when it last ran | the caller sees it | an interruption that it noticed may not be seen yet, and the round counts |

use core::fmt;
use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use bonfire_abi::{Command, Commands};

use crate::budget::Cost;
use crate::kind::{Group, Kind, absent};
use crate::litmus::registration;
use crate::random::Random;
use crate::verdict::{Means, Rounds};
use crate::{Ending, Start, Task, World, script};

/// A case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counted {
    /// The barrier of this command, beside so many threads that it is for.
    Beside(Command, u32),
    /// A call that is refused.
    Refused,
    /// A call whose barrier is for nobody who runs elsewhere.
    Stranger,
}

use Counted::{Beside, Refused, Stranger};

/// What they share.
#[repr(C)]
pub(crate) struct Watched([Spinner; SPINNERS]);

/// What a spinner says of itself.
#[repr(C, align(128))]
struct Spinner {
    /// When it last ran.
    beat_ns: AtomicU64,
    /// How often it has lost its CPU.
    losses: AtomicU64,
}

const SPINNERS: usize = 3;
/// The parts: the caller, from [`SPINNER`] on whoever spins in that place, and of a
/// caller that is a process of its own the thread that calls and one that sleeps, so
/// that the kernel has somebody to look for.
const CALLER: u16 = 1;
const SPINNER: u16 = 2;
const CALLING: u16 = 8;
const SLEEPING: u16 = 9;
/// A spinner that did not run for so long has lost its CPU; an interrupt takes less.
const LOST_NS: u64 = 50_000;
/// How often the caller looks for a spinner before it thinks that it has no CPU.
const PATIENCE: u32 = 10_000;

impl Watched {
    pub(crate) const fn new() -> Self {
        Self([const { Spinner { beat_ns: AtomicU64::new(0), losses: AtomicU64::new(0) } }; SPINNERS])
    }

    pub(crate) fn reset(&self) {
        self.0
            .iter()
            .flat_map(|spinner| [&spinner.beat_ns, &spinner.losses])
            .for_each(|word| word.store(0, Relaxed));
    }
}

/// Every case.
pub(crate) fn all() -> impl Iterator<Item = Counted> {
    let private = [Command::PrivateExpedited, Command::SyncCore, Command::Rseq];
    let beside = private.into_iter().chain([Command::GlobalExpedited]).map(|command| Beside(command, 1));
    beside.chain([Beside(Command::PrivateExpedited, SPINNERS as u32), Refused, Stranger])
}

impl Counted {
    const fn spinners(self) -> u32 {
        match self {
            Beside(_, spinners) => spinners,
            Refused | Stranger => 1,
        }
    }

    /// The command that is called.
    const fn command(self) -> Command {
        match self {
            Beside(command, _) => command,
            Refused | Stranger => Command::PrivateExpedited,
        }
    }

    /// The commands without which there is nothing to judge, or no twin.
    fn needed(self) -> impl Iterator<Item = Command> {
        let twin = match self {
            Beside(..) => None,
            Refused => Some(Command::SyncCore),
            Stranger => Some(Command::GlobalExpedited),
        };
        [self.command()].into_iter().chain(twin)
    }

    /// Whether the spinners are processes of their own, which register for everyone's
    /// barriers.
    fn crosses_processes(self) -> bool {
        self == Stranger || self.command() == Command::GlobalExpedited
    }

    fn direct(self, world: &dyn World, number: u16) {
        let registers = match self {
            // Its spinner registers, and nobody else.
            Beside(Command::GlobalExpedited, _) => None,
            Beside(command, _) => registration(command),
            Refused => registration(Command::SyncCore),
            Stranger => registration(Command::PrivateExpedited),
        };
        let how = if self.crosses_processes() { Start::Fork } else { Start::Thread };
        registers.into_iter().for_each(|command| script::Player::new(world).issue(command));
        let tasks: [_; SPINNERS + 1] = core::array::from_fn(|part| Task::of(number, CALLER + part as u16, 0));
        start(world, how, &tasks[..=self.spinners() as usize]);
    }

    /// Says all the time that it runs, until the caller has left.
    fn spin(self, world: &dyn World, place: u16) {
        let arena = world.arena();
        let own = &arena.watched.0[usize::from(place)];
        if !world.place(u32::from(place) + 1) {
            arena.lacks(Means::Place);
            return arena.close();
        }
        if self.crosses_processes() {
            script::Player::new(world).issue(Command::RegisterGlobalExpedited);
        }
        let mut last_ns = world.now_ns();
        while !arena.is_over() {
            let now_ns = world.now_ns();
            if now_ns.saturating_sub(last_ns) > LOST_NS {
                own.losses.fetch_add(1, Relaxed);
            }
            // Release. PAIRS(beat): with the caller's acquire.
            own.beat_ns.store(now_ns, Release);
            last_ns = now_ns;
        }
    }

    fn call(self, world: &dyn World) {
        let arena = world.arena();
        if world.interrupts().is_none() {
            return arena.lacks(Means::Counter);
        }
        if !world.place(0) {
            return arena.lacks(Means::Place);
        }
        let mut random = Random::new(arena.seed());
        let mut tally = Tally::default();
        while !arena.is_over() && !arena.is_done(world.now_ns()) {
            let twin = random.below(2) == 0;
            if let Some(excess) = self.excess(world, twin) {
                tally.add(excess, twin);
                arena.counts.set(tally.rounds());
            }
        }
    }

    /// Plays a round, and says how far it speaks for the forbidden outcome: 1, 0, or -1
    /// where the count rose beside an ordinary call and not beside what was called.
    /// `None` if it does not count.
    fn excess(self, world: &dyn World, twin: bool) -> Option<i64> {
        let rise = self.rise(world, &|| self.act(world, twin))?;
        if let Beside(_, spinners) = self {
            return Some(i64::from(rise < u64::from(spinners)));
        }
        let ordinary = self.rise(world, &|| world.ordinary_call())?;
        Some(i64::from(rise > 0) - i64::from(ordinary > 0))
    }

    /// What is called in a round of the case, or of its twin.
    fn act(self, world: &dyn World, twin: bool) {
        let issue = |command: Command| _ = world.call([u64::from(command.number().unsigned_abs()), 0, 0]);
        match (self, twin) {
            (Beside(..), true) => world.ordinary_call(),
            (Refused, true) => issue(Command::SyncCore),
            (Stranger, true) => issue(Command::GlobalExpedited),
            (_, false) => issue(self.command()),
        }
    }

    /// By how much the count rises while `act` is done; `None` if a spinner lost its CPU.
    fn rise(self, world: &dyn World, act: &dyn Fn()) -> Option<u64> {
        let before = world.interrupts()?;
        self.await_spinners(world)?;
        let losses = self.losses(world);
        act();
        self.await_spinners(world)?;
        let kept = self.losses(world) == losses;
        let after = world.interrupts()?;
        kept.then(|| after.saturating_sub(before))
    }

    /// Waits until every spinner has run after now; `None` if the race is over.
    fn await_spinners(self, world: &dyn World) -> Option<()> {
        let (arena, since_ns, mut looks) = (world.arena(), world.now_ns(), 0);
        let spinners = &arena.watched.0[..self.spinners() as usize];
        // Acquire. PAIRS(beat): with the spinner's release.
        while spinners.iter().any(|spinner| spinner.beat_ns.load(Acquire) <= since_ns) {
            world.pause();
            looks += 1;
            if looks > PATIENCE {
                looks = 0;
                world.nap();
                arena.close_if_late(world.now_ns());
            }
            if arena.is_over() {
                return None;
            }
        }
        Some(())
    }

    fn losses(self, world: &dyn World) -> u64 {
        let spinners = &world.arena().watched.0[..self.spinners() as usize];
        spinners.iter().map(|spinner| spinner.losses.load(Relaxed)).sum()
    }
}

fn start(world: &dyn World, how: Start, tasks: &[Task]) {
    if world.start(how, tasks) != Ending::Ended {
        world.arena().lacks(Means::Start);
        world.arena().close();
    }
}

/// Is off the CPU, the caller's when it is on one.
fn sleep(world: &dyn World) {
    let _ = world.place(0);
    while !world.arena().is_over() {
        world.nap();
    }
}

/// What the rounds of a case and of its twin came to.
#[derive(Default)]
struct Tally {
    rounds: [u64; 2],
    excess: [i64; 2],
}

impl Tally {
    fn add(&mut self, excess: i64, twin: bool) {
        self.rounds[usize::from(twin)] += 1;
        self.excess[usize::from(twin)] += excess;
    }

    fn rounds(&self) -> Rounds {
        let [forbidden, twin_forbidden] = self.excess.map(|excess| excess.max(0).unsigned_abs());
        let [rounds, twin_rounds] = self.rounds;
        Rounds { rounds, forbidden, twin_rounds, twin_forbidden }
    }
}

impl Kind for Counted {
    fn group(&self) -> Group {
        Group::Interrupts
    }

    fn citation(&self) -> &'static str {
        "membarrier(2), DESCRIPTION: which threads a command is for; Linux: by an interrupt of the CPUs that run them"
    }

    fn explain(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        let command = self.command();
        match self {
            Beside(_, 1) if self.crosses_processes() => write!(
                out,
                "A process that has registered for {command} spins on a CPU of its own; another issues the \
                 command, and reads before and after how many interrupts the kernel has counted: one more, at \
                 the least. In the twin's rounds an ordinary call stands in its place."
            ),
            Beside(_, count) => write!(
                out,
                "{count} of the caller's threads spin on CPUs of their own; the caller issues {command}, and \
                 reads before and after how many interrupts the kernel has counted: {count} more, at the \
                 least. In the twin's rounds an ordinary call stands in its place."
            ),
            Refused => write!(
                out,
                "A process that has registered for SYNC_CORE only, and has a thread that spins on another CPU, \
                 issues {command}, which is refused, and reads before and after how many interrupts the kernel \
                 has counted: no more than beside an ordinary call. The twin issues SYNC_CORE."
            ),
            Stranger => write!(
                out,
                "Another process spins on a CPU of its own. The caller, of whose process no thread runs elsewhere, \
                 issues {command}, and reads before and after how many interrupts the kernel has counted: no \
                 more than beside an ordinary call. The twin issues GLOBAL_EXPEDITED, which is for that one, too."
            ),
        }?;
        write!(
            out,
            " The count is what --interrupts names; rounds in which a thread lost its CPU do not count.\n\n\
             What a failure means: {}",
            match self {
                Beside(..) => "a CPU that runs a thread which the barrier is for was not interrupted.",
                Refused =>
                    "the kernel interrupts first and looks for the registration then: any program can \
                            disturb all CPUs.",
                Stranger =>
                    "CPUs are interrupted on which nobody needs the barrier: those who pay are other \
                             programs, some of which must not be disturbed.",
            }
        )
    }

    fn play(&self, world: &dyn World, number: u16, part: u16, _: u32) {
        match part {
            0 => self.direct(world, number),
            CALLER if *self == Stranger => {
                let tasks = [CALLING, SLEEPING].map(|part| Task::of(number, part, 0));
                start(world, Start::Thread, &tasks);
            }
            CALLER | CALLING => {
                self.call(world);
                world.arena().close();
            }
            SLEEPING => sleep(world),
            spinner => self.spin(world, spinner - SPINNER),
        }
    }

    fn lacks(&self, commands: Commands) -> Option<Command> {
        absent(self.needed(), commands)
    }

    /// One CPU for each spinner, and the caller's.
    fn cpus(&self) -> u32 {
        1 + self.spinners()
    }

    fn cost(&self) -> Cost {
        Cost { weight: 20, rounds: 200, most_ns: 3_000_000_000, may_borrow: true }
    }

    fn has_rounds(&self) -> bool {
        true
    }
}

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/", self.command())?;
        match self {
            Beside(..) if self.crosses_processes() => f.write_str("beside-a-process"),
            Beside(_, 1) => f.write_str("beside-1-thread"),
            Beside(_, count) => write!(f, "beside-{count}-threads"),
            Refused => f.write_str("refused"),
            Stranger => f.write_str("stranger"),
        }
    }
}
