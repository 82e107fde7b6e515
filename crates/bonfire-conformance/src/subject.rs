//! What the cases need of a world in which there is a kernel to judge.
//!
//! Two traits. [`Subject`] is the outside: it can make a fresh process and wait
//! for its end, or stop it. [`World`] is the inside, seen by each thread: the
//! call, more threads and processes, CPUs, a nap.
//!
//! Neither passes functions around. What a thread or process is to do is a
//! [`Task`], a number; whoever starts one hands the number to [`enter`]. So a
//! task survives `exec` as an argument, and crosses into ring 3 in a register.
//! What tasks share is the [`Arena`]: one block of memory, without pointers,
//! zeroed at first, that every process of the subject has mapped (anywhere).
//!
//! | implementor | process | thread | memory |
//! |---|---|---|---|
//! | a host | `fork` | the platform's | a shared mapping |
//! | virtual CPUs in one program | an address space object | a coroutine | a static |
//! | ring 3 of a kernel | its own `fork` | its own `clone` | a shared page range |

use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

use crate::arch::{self, light};
use crate::verdict::Means;
use crate::{Arena, Memory, Page, Task, case};

/// How a process or thread comes to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Start {
    /// A thread of this process.
    Thread,
    /// A process with a copy of this address space: `fork`.
    Fork,
    /// A process (not a thread) in this address space: `clone(CLONE_VM)`.
    CloneVm,
    /// As `CloneVm`, and the parent waits until the child ends or calls `exec`:
    /// `vfork`.
    Vfork,
}

impl Start {
    /// What a world lacks in which this fails.
    pub(crate) const fn means(self) -> Means {
        match self {
            Self::Thread | Self::Fork => Means::Start,
            Self::CloneVm | Self::Vfork => Means::Share,
        }
    }
}

/// How a process or a set of tasks ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// All by themselves.
    Ended,
    /// Not within the limit; they were stopped and nothing of them remains.
    Hung,
    /// One was killed by this signal.
    Killed(i32),
    /// They could not be started.
    Missing,
}

/// Which reorderings an architecture allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryOrder {
    /// A load may overtake an earlier store, and nothing else may (x86, s390x).
    StoreBuffer,
    /// Any two accesses to different places may change places (arm, powerpc, riscv).
    Weak,
}

impl MemoryOrder {
    /// That of the architecture this is compiled for.
    pub const NATIVE: Self = if cfg!(any(
        target_arch = "x86",
        target_arch = "x86_64",
        target_arch = "s390x",
        target_arch = "sparc64"
    )) {
        Self::StoreBuffer
    } else {
        Self::Weak
    };
}

/// How a thread has told the kernel of its restartable sequences, by `rseq(2)`.
///
/// Kernels treat the kinds differently: one that keeps old programs as they were does
/// on `RSEQ` for the first kind what it always did, and for the second only what is
/// documented.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RseqKind {
    /// In whatever way programs have it here.
    Usual,
    /// With 32 bytes, as the first kernels had it.
    Legacy,
    /// With at least as many as the kernel names in `AT_RSEQ_FEATURE_SIZE`.
    Extended,
}

/// The outside of a world: makes fresh processes.
pub trait Subject {
    /// The memory that all processes of this subject share.
    fn arena(&self) -> &Arena;

    /// How many CPUs threads can be placed on.
    fn cpus(&self) -> u32;

    /// How many CPUs the machine has, whether threads can be placed on them or not:
    /// more than that nobody can allow. As many as there can be, where it is not known.
    fn cpus_online(&self) -> u32 {
        self.cpus()
    }

    /// Which reorderings the architecture allows. Which of them can be seen on this
    /// machine is measured.
    fn memory_order(&self) -> MemoryOrder {
        MemoryOrder::NATIVE
    }

    /// Whether code is translated rather than run: an emulator, whose CPUs are not
    /// those of the architecture.
    fn is_emulated(&self) -> bool {
        false
    }

    /// A clock that never goes back, in nanoseconds, the same in all processes.
    fn now_ns(&self) -> u64;

    /// Whether that is a clock. A kernel may have none yet; then it is something that
    /// counts and only goes up, by which whatever hangs is stopped, and nothing races.
    fn has_clock(&self) -> bool {
        true
    }

    /// Runs `task` as the first thread of a process that has never called
    /// membarrier, and returns when it and all that it started have ended, or
    /// when `limit_ns` have passed: then they are stopped.
    fn process(&self, task: Task, limit_ns: u64) -> Ending;
}

/// The inside of a world, as one thread sees it.
pub trait World {
    /// The memory that all processes of this subject share.
    fn arena(&self) -> &Arena;

    /// `membarrier` with these three registers, and the raw value it returned:
    /// a negative one is an error's number.
    fn call(&self, registers: [u64; 3]) -> isize;

    /// Whether it is a pair of fences that is judged, as a library offers them.
    /// Where it is the call itself, [`light`](Self::light) is never called: in an
    /// emulator, a function call alone takes longer than most stores wait.
    fn has_fences(&self) -> bool {
        false
    }

    /// The light fence of a thread that issues no barrier. Where it is the call
    /// itself that is judged, nothing but an order to the compiler; a library
    /// that offers a pair of fences is judged by its own.
    ///
    /// In the `twin` too it is nothing but that, come by in the same way: a pair
    /// of full fences is missing only where both are, and what a function call
    /// stores is taken from the store buffer, which the twin is to show.
    fn light(&self, twin: bool) {
        let _ = twin;
        light();
    }

    /// Another system call, as cheap as there is, that promises no ordering. It
    /// stands where the barrier is missing.
    fn ordinary_call(&self);

    /// Starts one process or thread for each task, and returns when all have
    /// ended. Tasks of one set run at the same time. A process that was to have this
    /// one's memory and has a copy is [`Ending::Missing`].
    fn start(&self, how: Start, tasks: &[Task]) -> Ending;

    /// Becomes a new program image in which this process goes on with `task`.
    /// Returns only where that is impossible.
    fn exec(&self, task: Task) -> Ending;

    /// From here on this thread runs only on the CPU in this place, from 0 to
    /// [`Subject::cpus`]. False if it cannot be.
    fn place(&self, cpu: u32) -> bool;

    /// The kernel's number for the CPU in this place, as `cpu_id` wants it.
    fn cpu_number(&self, cpu: u32) -> u32;

    /// Leaves the CPU for a short while (some ten microseconds), so that
    /// something else is switched in.
    fn nap(&self);

    /// One turn of a spin: the instruction that tells the CPU so. Not where that
    /// costs the others more than it saves this thread.
    fn pause(&self) {
        core::hint::spin_loop();
    }

    /// How many interrupts the kernel has counted so far that one CPU sent another;
    /// `None` where nothing counts them.
    fn interrupts(&self) -> Option<u64> {
        None
    }

    /// Asks that nothing ordinary be run in place of this thread when it wants
    /// its CPU. Hunts catch more with it, and do without.
    fn prioritise(&self) {}

    /// As [`Subject::now_ns`].
    fn now_ns(&self) -> u64;

    /// Memory that nobody else uses, the more the better: what was not used for
    /// long is in no cache. It may be shared with other processes, and a mapping
    /// that is filled on demand costs nothing where lines can be thrown out by an
    /// instruction. Without it, litmus tests show less where they cannot.
    fn cold(&self) -> &[Page] {
        &[]
    }

    /// The memory, where it is not this machine's but a simulation.
    fn memory(&self) -> Option<&dyn Memory> {
        None
    }

    /// Code that can be rewritten while it runs, the same for all threads of
    /// this process; `None` where there is none.
    fn code(&self) -> Option<&dyn Fetch>;

    /// Restartable sequences of this thread; `None` where there are none.
    fn restartable(&self) -> Option<&dyn Restartable>;

    /// Restartable sequences of this thread, registered so. A thread asks for one
    /// kind only.
    ///
    /// # Errors
    /// [`Means::Registration`] where the kernel has no such kind,
    /// [`Means::Restartable`] where something is in the way.
    fn restartable_as(&self, kind: RseqKind) -> Result<&dyn Restartable, Means> {
        match kind {
            RseqKind::Usual => self.restartable().ok_or(Means::Restartable),
            RseqKind::Legacy | RseqKind::Extended => Err(Means::Registration),
        }
    }
}

/// A function in memory that returns a number, and can be given another.
pub trait Fetch {
    /// Makes the function return `value`, as far as this takes only writing.
    /// Other CPUs may go on with the old instructions until they serialise.
    fn patch(&self, value: u32);

    /// Calls the function.
    fn execute(&self) -> u32;

    /// Has the CPU that runs this thread forget what it fetched, by its own
    /// instruction for that. False where none is known.
    fn serialise(&self) -> bool {
        arch::serialise()
    }
}

/// A critical section that the kernel restarts when the thread is moved,
/// preempted, or told to by a barrier.
pub trait Restartable {
    /// Within one critical section: reads `from`, does nothing for `delay`
    /// steps, and commits by storing what it read to `to[what it read % 16]`.
    /// False if the section was aborted before it committed.
    fn copy(&self, from: &AtomicU32, delay: u32, to: &[AtomicU32; 16]) -> bool;
}

/// Does what `task` says, on the thread that calls it.
///
/// The one entry for every thread, process and new program image that a
/// subject starts. Returns when the task is done; then the thread (or the
/// process that it was started as) ends.
pub fn enter(world: &dyn World, task: Task) {
    world.arena().entered.fetch_add(1, Relaxed);
    case::enter(world, task);
}
