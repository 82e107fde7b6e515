//! Address spaces, the threads that run in them, and what occupies a CPU.

use crate::machine::Machine;
use crate::state::State;
use crate::targets::Targets;

/// What the engine keeps of an address space. The kernel embeds one in each,
/// *not* in its processes: threads that share memory share registrations.
///
/// Its address tells address spaces apart, so while a CPU is occupied by one it
/// stays where it is; and where a kernel thread has borrowed it, it lives until
/// a hook has said that the kernel thread gave it back.
#[repr(align(64))]
pub struct AddressSpace<M: Machine, T: Targets<M, GROUPS>, const GROUPS: usize> {
    pub(crate) state: State<M::Word>,
    pub(crate) design: T::PerSpace,
}

impl<M: Machine, T: Targets<M, GROUPS>, const GROUPS: usize> AddressSpace<M, T, GROUPS> {
    /// An address space that registered for nothing: a new one, and the one that
    /// an exec makes. For the one that a fork makes, see
    /// [`Engine::fork`](crate::Engine::fork).
    #[must_use]
    pub const fn new() -> Self {
        Self { state: State::NEW, design: T::PER_SPACE }
    }

    /// What the design keeps of this address space.
    pub const fn design(&self) -> &T::PerSpace {
        &self.design
    }

    /// A number that no other address space has at this time; its low bits are
    /// clear.
    #[inline]
    pub(crate) fn token(&self) -> u64 {
        core::ptr::from_ref(self).addr() as u64
    }
}

impl<M: Machine, T: Targets<M, GROUPS>, const GROUPS: usize> Default for AddressSpace<M, T, GROUPS> {
    fn default() -> Self {
        Self::new()
    }
}

/// What the engine keeps of a thread: nothing, in every design but
/// [`Threads`](crate::Threads).
pub struct Thread<M: Machine, T: Targets<M, GROUPS>, const GROUPS: usize> {
    pub(crate) design: T::PerThread,
}

impl<M: Machine, T: Targets<M, GROUPS>, const GROUPS: usize> Thread<M, T, GROUPS> {
    /// A thread that no CPU runs.
    #[must_use]
    pub const fn new() -> Self {
        Self { design: T::PER_THREAD }
    }

    /// What the design keeps of this thread.
    pub const fn design(&self) -> &T::PerThread {
        &self.design
    }
}

impl<M: Machine, T: Targets<M, GROUPS>, const GROUPS: usize> Default for Thread<M, T, GROUPS> {
    fn default() -> Self {
        Self::new()
    }
}

/// A thread and the address space it accesses: a user thread, or a kernel
/// thread that uses one.
pub struct Task<'a, M: Machine, T: Targets<M, GROUPS>, const GROUPS: usize> {
    /// Its address space.
    pub space: &'a AddressSpace<M, T, GROUPS>,
    /// The thread itself.
    pub thread: &'a Thread<M, T, GROUPS>,
}

impl<M: Machine, T: Targets<M, GROUPS>, const GROUPS: usize> Clone for Task<'_, M, T, GROUPS> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M: Machine, T: Targets<M, GROUPS>, const GROUPS: usize> Copy for Task<'_, M, T, GROUPS> {}

/// What occupies a CPU.
pub enum Occupant<'a, M: Machine, T: Targets<M, GROUPS>, const GROUPS: usize> {
    /// A thread that accesses the memory of its address space.
    User(Task<'a, M, T, GROUPS>),
    /// A kernel thread, or idle, on the page tables of this address space, whose
    /// user memory it does not access (lazily borrowed).
    Borrower(&'a AddressSpace<M, T, GROUPS>),
    /// A kernel thread, or idle, on the kernel's own page tables.
    Kernel,
}

impl<M: Machine, T: Targets<M, GROUPS>, const GROUPS: usize> Clone for Occupant<'_, M, T, GROUPS> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M: Machine, T: Targets<M, GROUPS>, const GROUPS: usize> Copy for Occupant<'_, M, T, GROUPS> {}

impl<'a, M: Machine, T: Targets<M, GROUPS>, const GROUPS: usize> Occupant<'a, M, T, GROUPS> {
    /// The address space whose user memory is being accessed.
    #[inline]
    #[must_use]
    pub fn accesses(self) -> Option<&'a AddressSpace<M, T, GROUPS>> {
        match self {
            Self::User(task) => Some(task.space),
            Self::Borrower(_) | Self::Kernel => None,
        }
    }

    /// The address space whose page tables are loaded.
    #[inline]
    #[must_use]
    pub fn space(self) -> Option<&'a AddressSpace<M, T, GROUPS>> {
        match self {
            Self::User(task) => Some(task.space),
            Self::Borrower(space) => Some(space),
            Self::Kernel => None,
        }
    }

    /// The thread that accesses user memory.
    #[inline]
    #[must_use]
    pub fn thread(self) -> Option<&'a Thread<M, T, GROUPS>> {
        match self {
            Self::User(task) => Some(task.thread),
            Self::Borrower(_) | Self::Kernel => None,
        }
    }
}

/// Whether both are the same address space, or neither is one.
#[inline]
pub(crate) fn is_same<M: Machine, T: Targets<M, GROUPS>, const GROUPS: usize>(
    one: Option<&AddressSpace<M, T, GROUPS>>,
    other: Option<&AddressSpace<M, T, GROUPS>>,
) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => core::ptr::eq(one, other),
        (None, None) => true,
        _ => false,
    }
}

/// Whether the address space, if it is one, wants barriers around switches.
#[inline]
pub(crate) fn wants_fences<M: Machine, T: Targets<M, GROUPS>, const GROUPS: usize>(
    space: Option<&AddressSpace<M, T, GROUPS>>,
) -> bool {
    // Relaxed, in `read`: PAIRS(R). A hook runs with interrupts off, so it is
    // wholly before or wholly after the poke of a registration; after it, the
    // intent is seen.
    space.is_some_and(|space| space.state.read().wants_fences())
}
