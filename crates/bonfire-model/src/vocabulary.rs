//! The words in which a scenario is told: what occupies a CPU, what a CPU does,
//! and the words of memory that it does it to.
//!
//! The kernel of this crate acts them out, [`scenario`](crate::scenario) is made
//! of them, and neither knows the other.

use bonfire_abi::Command;

use crate::explorer::Register;

/// A word of user memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Var {
    /// Data.
    X,
    /// Data.
    Y,
    /// Data.
    Z,
    /// An instruction.
    Code,
}

/// How many address spaces a scenario may have.
pub const SPACES: usize = 3;

/// How many threads there are. The last is in no scenario: it registers what is registered
/// before one begins, for an address space without a thread of its own there.
pub const THREADS: usize = 9;

/// What a CPU is occupied by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum On {
    /// A kernel thread on the kernel's page tables.
    Kernel,
    /// A kernel thread on the page tables of an address space.
    Lazy(usize),
    /// A thread that accesses an address space.
    User {
        /// Which address space.
        space: usize,
        /// Which thread.
        thread: usize,
    },
}

/// Thread `thread` of address space `space`.
#[must_use]
pub const fn user(space: usize, thread: usize) -> On {
    On::User { space, thread }
}

/// What a CPU does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Act {
    /// A user store.
    Write(Var, u64),
    /// A user load.
    Read(Var, Register),
    /// Instructions are fetched from the word that holds code.
    Fetch(Register),
    /// A full barrier of the thread's own.
    Fence,
    /// The thread calls `membarrier`. If the call is refused, the rest of what
    /// this CPU does up to the next [`Act::Rejoin`] is left out.
    Call(Command),
    /// The same, naming a CPU.
    CallOne(i32),
    /// The same as [`Act::Call`], as the sole thread of its address space.
    CallAlone(Command),
    /// The thread calls, and stores what it is answered: what was returned, or
    /// [`INVALID`], or [`NOT_REGISTERED`].
    Answer(Command, Var),
    /// The same as [`Act::Call`], by a thread that began the call on another CPU:
    /// it was moved as soon as it was not pinned.
    CallMoved {
        /// The CPU on which it began.
        from: usize,
        /// What it calls.
        command: Command,
    },
    /// Where a CPU goes on after a call that was refused.
    Rejoin,
    /// The scheduler switches.
    Switch(On),
    /// The scheduler switches and does not tell the engine: a hook that was
    /// forgotten.
    Forget(On),
    /// The thread exits; the CPU goes on in the kernel.
    Exit,
    /// The thread replaces its address space by this one.
    Exec(usize),
    /// The thread makes this address space from its own, by a fork.
    Fork(usize),
    /// The kernel thread begins to use an address space, as this thread.
    Borrow {
        /// Which address space.
        space: usize,
        /// As which thread.
        thread: usize,
    },
    /// The kernel thread stops using it.
    Return,
    /// The CPU goes offline.
    Offline,
    /// The CPU comes online.
    Online,
    /// An rseq critical section begins.
    Begin,
    /// It ends by storing this, unless it was restarted.
    Commit(Var, u64),
    /// Other CPUs may go on: what was done here before is visible to them.
    Signal(usize),
    /// Waits for that.
    Await(usize),
    /// Other CPUs may go on, and that is all they know.
    Tell(usize),
    /// Waits for that.
    Hear(usize),
    /// Calls `membarrier` with interrupts off.
    CallClosed(Command),
    /// Serves the inbox by polling, with interrupts as they are: what a kernel
    /// must not do.
    Poll,
}

/// The answer to a call with what the machine does not know: `EINVAL`.
pub const INVALID: u64 = 1 << 32;
/// The answer to a call whose registration is missing: `EPERM`.
pub const NOT_REGISTERED: u64 = INVALID + 1;

/// The machine that a scenario needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Needs {
    /// Nothing beyond the minimum.
    Nothing,
    /// Core serialisation that no way to user mode gives (RISC-V).
    CoreSync,
    /// The same, put off to the way to user mode.
    CoreSyncLate,
    /// Core serialisation that no way to user mode gives, on entry to an address space
    /// that replaced code.
    CoreSyncIfStale,
    /// Core serialisation that only some ways to user mode give (x86).
    CoreSyncX86,
    /// The same, put off to the way to user mode.
    CoreSyncX86Late,
    /// Rseq critical sections.
    Rseq,
    /// Rseq critical sections, and core serialisation as on RISC-V.
    CoreSyncAndRseq,
    /// A grace period of its own.
    Grace,
}
