//! The ABI cases: one call after the other, each compared with [`spec`](crate::spec).
//!
//! The matrix command × flags × `cpu_id` is cut into cases along what is odd
//! about the call, so that a kernel which, say, looks at `cpu_id` when it must
//! not fails just the cases that say so.

use core::fmt;

use bonfire_abi::{Command, Commands, FLAG_CPU, Flavour};

use crate::World;
use crate::kind::{Group, Kind};
use crate::script::Player;

/// One ABI case: calls of one command, in a process that registered for
/// nothing, or for what this command is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Answers {
    command: u32,
    registered: bool,
    odd: Odd,
}

/// What is odd about the calls of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Odd {
    Nothing,
    Flags,
    CpuId,
    HighHalves,
    Target,
}

/// A value that no argument should be taken for.
const GARBAGE: u64 = 0x5a5a_5a5a;
/// What a 64-bit comparison sees and a 32-bit one does not.
const HIGH: u64 = 0xffff_ffff_0000_0000;
/// `FLAG_CPU` as a register.
const ONE_CPU: u64 = FLAG_CPU as u64;

/// Flags that no command takes, but for the first, which one does.
const ODD_FLAGS: [u64; 5] = [ONE_CPU, 2, 3, 1 << 31, GARBAGE];
/// CPUs present and absent, out of range, and negative.
const ODD_CPUS: [u64; 8] = [1, 63, 99_999, GARBAGE, 0x7fff_ffff, 0x8000_0000, 0xffff_ff9d, 0xffff_ffff];

/// Numbers that are no command: two bits, the first unused bit, negatives.
const UNKNOWN: [u32; 6] = [0b11, 0b1_1000, 1 << 10, 1 << 30, 1 << 31, u32::MAX];

impl Answers {
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let known = Command::ALL.into_iter().map(|command| command.number().unsigned_abs());
        known.chain(UNKNOWN).flat_map(|command| {
            let unregistered = Self { command, registered: false, odd: Odd::Nothing };
            let states = [unregistered, Self { registered: true, ..unregistered }];
            let states = states.into_iter().filter(|case| !case.registered || case.flavour().is_some());
            states.flat_map(|case| {
                let odds = Odd::ALL.into_iter().filter(move |&odd| odd != Odd::Target || case.takes_target());
                odds.map(move |odd| Self { odd, ..case })
            })
        })
    }

    /// The flavour that the command issues or registers.
    fn flavour(self) -> Option<Flavour> {
        let command = self.command()?;
        Flavour::ALL
            .into_iter()
            .find(|flavour| [flavour.command(), flavour.registration()].contains(&command))
    }

    fn takes_target(self) -> bool {
        self.command() == Some(Command::Rseq)
    }

    fn meaning(self) -> &'static str {
        match self.odd {
            Odd::Nothing => {
                "the answer to the plain call is wrong: the command is advertised and refused, or accepted \
                 and not advertised, or the gate of its registration is open too early or shut too long"
            }
            Odd::Flags => {
                "flags are ignored, or the gate is looked at before them: a program that probes for a flag \
                 is told that it is there"
            }
            Odd::CpuId => {
                "cpu_id is looked at where it does not count: programs pass anything there, since the first \
                 kernels had two arguments"
            }
            Odd::HighHalves => {
                "whole registers are compared: the upper halves are not arguments and may hold anything"
            }
            Odd::Target => {
                "a CPU that is absent, out of range or negative is an error: on Linux the first two are a \
                 barrier that nobody needs, and a negative one means every CPU"
            }
        }
    }

    fn command(self) -> Option<Command> {
        Command::from_number(self.command as i32)
    }
}

impl Kind for Answers {
    fn group(&self) -> Group {
        Group::Abi
    }

    fn citation(&self) -> &'static str {
        match self.odd {
            Odd::Nothing if self.command().is_none() => "membarrier(2), ERRORS, EINVAL: cmd is invalid",
            Odd::Nothing => "membarrier(2), DESCRIPTION, and ERRORS, EPERM",
            Odd::Flags => "membarrier(2), ERRORS, EINVAL: flags is nonzero, and the command takes none",
            Odd::CpuId => "membarrier(2), DESCRIPTION: cpu_id counts only with MEMBARRIER_CMD_FLAG_CPU",
            Odd::HighHalves => "membarrier(2), SYNOPSIS: int cmd, unsigned int flags, int cpu_id",
            Odd::Target => "membarrier(2), MEMBARRIER_CMD_FLAG_CPU; Linux: an absent CPU is no error",
        }
    }

    fn explain(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        let state =
            if self.registered { "registered for what it is about" } else { "not registered for anything" };
        write!(
            out,
            "A fresh process, {state}, issues the call; each answer is compared with what QUERY and "
        )?;
        write!(out, "the registrations make of it. No barrier is involved.")?;
        write!(out, "\n\nWhat a failure means: {}.", self.meaning())
    }

    fn play(&self, world: &dyn World, _: u16, _: u16, _: u32) {
        let player = &mut Player::new(world);
        if let (true, Some(flavour)) = (self.registered, self.flavour()) {
            if player.offers(flavour.registration()) {
                player.issue(flavour.registration());
            }
        }
        let cmd = u64::from(self.command);
        let mut each = |calls: &[[u64; 3]]| calls.iter().for_each(|&registers| player.call(registers));
        match self.odd {
            Odd::Nothing => each(&[[cmd, 0, 0]]),
            Odd::Flags if self.takes_target() => each(&ODD_FLAGS.map(|f| [cmd, f, 0])[1..]),
            Odd::Flags => each(&ODD_FLAGS.map(|flags| [cmd, flags, 0])),
            Odd::CpuId => each(&ODD_CPUS.map(|cpu_id| [cmd, 0, cpu_id])),
            Odd::HighHalves => {
                each(&[[cmd | HIGH, 0, 0], [cmd, HIGH, 0], [cmd, 0, HIGH], [cmd | HIGH, HIGH, HIGH]]);
            }
            Odd::Target => each(&ODD_CPUS.map(|cpu_id| [cmd, ONE_CPU, cpu_id])),
        }
    }

    fn lacks(&self, _: Commands) -> Option<Command> {
        None
    }
}

impl Odd {
    const ALL: [Self; 5] = [Self::Nothing, Self::Flags, Self::CpuId, Self::HighHalves, Self::Target];

    const fn name(self) -> &'static str {
        match self {
            Self::Nothing => "plain",
            Self::Flags => "flags",
            Self::CpuId => "cpu_id",
            Self::HighHalves => "high-halves",
            Self::Target => "FLAG_CPU",
        }
    }
}

impl fmt::Display for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.command() {
            Some(command) => write!(f, "{command}")?,
            None => write!(f, "{:#x}", self.command)?,
        }
        let registered = if self.registered { "registered" } else { "unregistered" };
        write!(f, "/{registered}/{}", self.odd.name())
    }
}
