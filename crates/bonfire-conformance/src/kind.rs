//! What each kind of case says of itself.
//!
//! The kinds are in files of their own: answers of the call, histories of
//! registrations, litmus tests, races of instructions and sections, loads, counts of
//! interrupts. [`Case`](crate::Case) is any of them.

use core::fmt;

use bonfire_abi::{Command, Commands};

use crate::budget::Cost;
use crate::rule::Needs;
use crate::{MemoryOrder, World};

/// A kind of case. It displays as the id of the case, behind the name of its group.
pub(crate) trait Kind: fmt::Display {
    /// What it is about.
    fn group(&self) -> Group;

    /// The clause that it rests on.
    fn citation(&self) -> &'static str;

    /// Writes what is tried, and what a failure means.
    fn explain(&self, out: &mut dyn fmt::Write) -> fmt::Result;

    /// Plays the part of case `number` that `part` and `data` name.
    fn play(&self, world: &dyn World, number: u16, part: u16, data: u32);

    /// A command that is not among these, and without which there is nothing to judge.
    fn lacks(&self, commands: Commands) -> Option<Command>;

    /// How many CPUs it needs.
    fn cpus(&self) -> u32 {
        1
    }

    /// What must be possible for a missing barrier to show, on a machine of this
    /// memory order.
    fn needs(&self, order: MemoryOrder) -> Needs {
        let _ = order;
        Needs::Nothing
    }

    /// What it may cost on a machine that can show it.
    fn cost(&self) -> Cost {
        Cost::SMALL
    }

    /// Whether it counts rounds, and needs a twin that shows the fault.
    fn has_rounds(&self) -> bool {
        false
    }

    /// Whether it takes as much time as it is given.
    fn takes_long(&self) -> bool {
        self.has_rounds()
    }

    /// Whether its threads are processes that share one address space.
    fn lends_memory(&self) -> bool {
        false
    }
}

/// The first of `needed` that is not among `commands`.
pub(crate) fn absent(needed: impl IntoIterator<Item = Command>, commands: Commands) -> Option<Command> {
    needed.into_iter().find(|&command| !commands.contains(command))
}

/// What a case is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Group {
    /// The answers of the call.
    Abi,
    /// Whose a registration is, and how long.
    Lifetime,
    /// Memory barriers: outcomes that must never be seen.
    Ordering,
    /// Instruction streams: rewritten code that must never run in its old form.
    SyncCore,
    /// Restartable sequences that must not commit after the barrier.
    Rseq,
    /// Many callers at once.
    Load,
    /// Whom a barrier interrupts, where the kernel counts that.
    Interrupts,
    /// Known faults of real kernels that show in some runs only.
    Hunt,
}

impl Group {
    /// All groups, in the order in which they run.
    pub const ALL: [Self; 8] = [
        Self::Abi,
        Self::Lifetime,
        Self::Ordering,
        Self::SyncCore,
        Self::Rseq,
        Self::Load,
        Self::Interrupts,
        Self::Hunt,
    ];

    /// Whether its cases run without being asked for: the others need something that a
    /// kernel is not bound to have, or show something in some runs only.
    #[must_use]
    pub const fn is_usual(self) -> bool {
        !matches!(self, Self::Interrupts | Self::Hunt)
    }

    /// The first part of the ids of its cases.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Abi => "abi",
            Self::Lifetime => "lifetime",
            Self::Ordering => "ordering",
            Self::SyncCore => "sync_core",
            Self::Rseq => "rseq",
            Self::Load => "load",
            Self::Interrupts => "interrupts",
            Self::Hunt => "hunt",
        }
    }
}
