//! The ordering cases: litmus tests around the call.
//!
//! A [`Shape`] is a small program for two to four threads and an outcome that
//! must never be seen. One thread is *heavy*: between its two accesses it
//! issues the barrier. The others are *light*: between theirs the compiler may
//! move nothing, and the CPU may do what it likes. A [`Situation`] says what
//! the threads do besides.
//!
//! | file | tells |
//! |---|---|
//! | [`shape`] | the programs, as data, and why their outcomes are forbidden |
//! | [`queue`] | what makes a store wait |
//! | [`plan`] | what a round is |
//! | [`seat`] | one thread, round by round: meet, delay, access, judge |
//! | [`table`] | the memory that they share |
//! | [`stage`] | who starts which processes and threads, and where |
//! | [`instrument`] | the same threads as an instrument that measures the machine |
//!
//! *A litmus that can tell.* The time that any system call takes hides the
//! reordering: by the time the call is back, the other thread's store has long
//! left its store buffer, and a barrier that does nothing passes. So the light
//! threads first queue stores that take long, and the store under test waits
//! behind them for longer than a call takes. Each round has fresh variables, all
//! threads meet before it, the light thread starts at once, and the heavy one
//! after a delay that is drawn from the measured length of the other's accesses.
//! Queue and delay are drawn at random in half of the rounds; in the others they
//! are near to those by which the outcome was last seen.

mod instrument;
mod plan;
mod queue;
mod seat;
pub mod shape;
mod stage;
mod table;

use core::fmt;

use bonfire_abi::{Command, Commands};

use crate::budget::Cost;
use crate::kind::{Group, Kind, absent};
use crate::rule::Needs;
use crate::{MemoryOrder, World};
pub(crate) use instrument::{measure, measure_seat};
pub use queue::Page;
pub(crate) use seat::registration;
use shape::{SHAPES, Shape};
pub(crate) use table::{Line, Table};

/// An ordering case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Litmus {
    pub(crate) shape: &'static Shape,
    pub(crate) barrier: Command,
    pub(crate) situation: Situation,
}

/// What the threads of a litmus do besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Situation {
    /// Nothing: each runs on a CPU of its own, all the time.
    Spinning,
    /// The light threads sleep between rounds, and so are switched out right
    /// after their accesses, while the barrier is under way.
    Sleeping,
    /// Another process runs on the light threads' CPU, now and then.
    Sharing,
    /// Each light thread exits right after its accesses; the next round has
    /// another.
    Exiting,
    /// Heavy and light threads change places every few rounds.
    Migrating,
    /// The process registers when its threads are running already.
    Registering,
    /// The light threads issue the barrier too, right after their accesses.
    TwoCallers,
    /// The light threads are processes that share the address space by
    /// `clone(CLONE_VM)`, not threads of the caller's process.
    CloneVm,
    /// As above, by `vfork`: their parent waits for them.
    Vfork,
    /// The light thread sleeps on its CPU while another registers the process.
    Parked,
    /// A sibling has exited on the light thread's CPU just before.
    SiblingExited,
}

use Situation::{
    CloneVm, Exiting, Migrating, Parked, Registering, Sharing, SiblingExited, Sleeping, Spinning, TwoCallers,
    Vfork,
};

const BARRIERS: [Command; 5] =
    [Command::PrivateExpedited, Command::SyncCore, Command::Rseq, Command::GlobalExpedited, Command::Global];

/// The situations besides spinning that a default run tries.
const DISTURBED: [Situation; 8] =
    [Sleeping, Sharing, Exiting, Migrating, Registering, TwoCallers, CloneVm, Vfork];

/// Every ordering case: each shape with each barrier between spinning threads,
/// and the two basic shapes, of which every other is made, in every situation.
///
/// What shows soonest comes first: `SB`, and the barriers that take microseconds;
/// then `GLOBAL`, which takes milliseconds; last, what only the caller can show.
///
/// The targets of `GLOBAL_EXPEDITED` only spin: what Linux loses in other
/// situations is known, and [hunted](hunts).
pub(crate) fn all() -> impl Iterator<Item = Litmus> {
    let quick = |litmus: &Litmus| litmus.barrier != Command::Global && !litmus.shape.is_the_callers();
    let slow = |litmus: &Litmus| litmus.barrier == Command::Global && !litmus.shape.is_the_callers();
    let last = |litmus: &Litmus| litmus.shape.is_the_callers();
    unordered().filter(quick).chain(unordered().filter(slow)).chain(unordered().filter(last))
}

fn unordered() -> impl Iterator<Item = Litmus> {
    let spinning = SHAPES.iter().flat_map(|shape| {
        BARRIERS.into_iter().map(move |barrier| Litmus { shape, barrier, situation: Spinning })
    });
    let disturbed = DISTURBED.into_iter().flat_map(|situation| {
        let barriers = BARRIERS.into_iter().filter(move |&barrier| is_tried(barrier, situation));
        barriers
            .flat_map(move |barrier| shape::basic().map(move |shape| Litmus { shape, barrier, situation }))
    });
    spinning.chain(disturbed)
}

fn is_tried(barrier: Command, situation: Situation) -> bool {
    match barrier {
        Command::GlobalExpedited => false,
        // There is nothing to register for, and address spaces do not matter.
        Command::Global => !matches!(situation, Registering | CloneVm | Vfork),
        _ => true,
    }
}

/// The hunts: what `GLOBAL_EXPEDITED` loses on real kernels, in some runs. First
/// the two situations in which Linux's hole was found.
pub(crate) fn hunts() -> impl Iterator<Item = Litmus> {
    let known = [SiblingExited, Parked];
    // Who shares its address space with whom does not matter there.
    let shares = |situation: &Situation| matches!(situation, CloneVm | Vfork);
    let situations =
        known.into_iter().chain(DISTURBED.into_iter().filter(move |situation| !shares(situation)));
    let barrier = Command::GlobalExpedited;
    situations.map(move |situation| Litmus { shape: &SHAPES[0], barrier, situation })
}

impl Litmus {
    /// Whether it is one of the [`hunts`].
    pub(crate) fn is_hunt(self) -> bool {
        self.barrier == Command::GlobalExpedited && self.situation != Spinning
    }

    /// Whether the threads are processes: what a private command does not reach.
    pub(crate) const fn crosses_processes(self) -> bool {
        matches!(self.barrier, Command::Global | Command::GlobalExpedited)
    }

    pub(crate) fn draw(self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shape.draw(self.barrier, f)
    }
}

impl Kind for Litmus {
    fn group(&self) -> Group {
        if self.is_hunt() { Group::Hunt } else { Group::Ordering }
    }

    fn citation(&self) -> &'static str {
        match self.barrier {
            Command::Global => "membarrier(2), MEMBARRIER_CMD_GLOBAL",
            Command::GlobalExpedited => "membarrier(2), MEMBARRIER_CMD_GLOBAL_EXPEDITED",
            Command::SyncCore => "membarrier(2), MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE",
            Command::Rseq => "membarrier(2), MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ",
            _ => "membarrier(2), MEMBARRIER_CMD_PRIVATE_EXPEDITED",
        }
    }

    fn explain(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        let threads = if self.crosses_processes() { "processes that share memory" } else { "threads" };
        let (count, heavy) = (self.shape.threads.len(), self.shape.heavy);
        write!(
            out,
            "{count} {threads}. P{heavy} issues {} between its accesses; between those of ",
            self.barrier
        )?;
        write!(out, "the rest only the compiler is kept from moving them. {}", self.situation.tells())?;
        write!(out, "\n\nWhy the outcome is forbidden: {}", self.shape.why)?;
        write!(out, "\n\nIn the twin's rounds an ordinary system call stands in place of the barrier, and ")?;
        write!(out, "the outcome must be seen; else the case cannot tell.")?;
        write!(out, "\n\nWhat a failure means: {}", self.situation.blames())
    }

    fn play(&self, world: &dyn World, number: u16, part: u16, data: u32) {
        stage::play(*self, world, number, part, data);
    }

    fn lacks(&self, commands: Commands) -> Option<Command> {
        absent([self.barrier], commands)
    }

    /// One CPU for each thread.
    fn cpus(&self) -> u32 {
        self.shape.threads.len() as u32
    }

    fn needs(&self, order: MemoryOrder) -> Needs {
        self.shape.needs(order)
    }

    /// A call of `GLOBAL` takes milliseconds, so it gets more time for its rounds;
    /// a hunt has as many as there is time for.
    fn cost(&self) -> Cost {
        let usual = Cost { weight: 40, rounds: 10_000, most_ns: u64::MAX, may_borrow: true };
        match self.barrier {
            _ if self.is_hunt() => Cost { rounds: u64::MAX, ..usual },
            Command::Global => Cost { weight: 120, rounds: 200, ..usual },
            _ => usual,
        }
    }

    fn has_rounds(&self) -> bool {
        true
    }

    /// Whether the light threads are processes in the caller's address space.
    fn lends_memory(&self) -> bool {
        matches!(self.situation, CloneVm | Vfork)
    }
}

impl Situation {
    const fn name(self) -> &'static str {
        match self {
            Spinning => "spinning",
            Sleeping => "sleeping",
            Sharing => "sharing",
            Exiting => "exiting",
            Migrating => "migrating",
            Registering => "registering",
            TwoCallers => "two-callers",
            CloneVm => "clone_vm",
            Vfork => "vfork",
            Parked => "registered-while-parked",
            SiblingExited => "after-sibling-exit",
        }
    }

    const fn tells(self) -> &'static str {
        match self {
            Spinning => "All spin on CPUs of their own.",
            Sleeping => {
                "The others sleep between rounds, and are switched out while the barrier is under way."
            }
            Sharing => "On their CPU another process runs now and then.",
            Exiting => "Each of these exits right after its accesses; the next round has a new one.",
            Migrating => "The threads change CPUs every few rounds.",
            Registering => "The process registers when its threads are running already, again and again.",
            TwoCallers => "These issue the barrier too, right after their accesses.",
            CloneVm => "The others are processes of their own in the caller's address space (CLONE_VM).",
            Vfork => "The others are processes of their own in the caller's address space, by vfork.",
            Parked => "P1 sleeps on its CPU while another thread registers its process; again and again.",
            SiblingExited => "A sibling of P1 exits on P1's CPU just before; again and again.",
        }
    }

    /// The barriers that Linux's sources letter A to E, in words.
    const fn blames(self) -> &'static str {
        match self {
            Spinning => {
                "running threads are not interrupted, or the interrupt's handler, the entry of the call or its \
                 return lacks a full barrier (Linux's scenarios A and B)."
            }
            Sleeping => {
                "a thread that is being switched out or in is skipped, and the switch lacks a full barrier before or \
                 after it changes what its CPU is seen to run (scenario C)."
            }
            Sharing => {
                "a switch between two address spaces lacks a full barrier on one of its sides (scenario C, as on \
                 riscv before Linux 6.9)."
            }
            Exiting => {
                "a thread that exits is skipped before its accesses are visible: its exit lacks a full barrier \
                 (scenario D, as on Linux before 5.10)."
            }
            Migrating => {
                "the caller skips a CPU because it once was its own, or the thread that now runs there."
            }
            Registering => {
                "the gate opens before every CPU knows of the registration, so that a switch that is under way \
                 passes no barrier."
            }
            TwoCallers => "callers share an interrupt or an acknowledgement that was not meant for both.",
            CloneVm | Vfork => {
                "the targets are looked for among the threads of the caller's process, and not among all users of its \
                 address space (as a walk in Linux 6.19 did)."
            }
            Parked => {
                "the CPU keeps a copy of what its address space is registered for. While the thread slept, its idle \
                 CPU held on to the address space, and the registration did not look there; the copy says \"not \
                 registered\" until another address space has run on that CPU. Linux since 5.4."
            }
            SiblingExited => {
                "the CPU keeps a copy of what its address space is registered for. The sibling's exit set the copy to \
                 \"nothing\", and a switch between threads of one address space does not renew it. Linux since 5.10."
            }
        }
    }
}

impl fmt::Display for Litmus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.shape, self.barrier, self.situation.name())
    }
}
