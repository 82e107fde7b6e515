//! Address spaces, the threads that run in them, and what occupies a CPU.

use core::ops::Range;

use crate::core_sync::Stale;
use crate::kernel::{Kernel, WordOf};
use crate::state::State;
use crate::targets::Choose;

/// What the engine keeps of an address space. The kernel embeds one in each,
/// *not* in its processes: threads that share memory share registrations.
///
/// Its address tells address spaces apart, so while a CPU is occupied by one it
/// stays where it is; and where a kernel thread has borrowed it, it lives until
/// a hook has said that the kernel thread gave it back. No lock guards it: put it
/// outside whatever lock guards the memory map, which a hook must not take.
#[repr(align(64))]
pub struct AddressSpace<K: Kernel> {
    pub(crate) state: State<WordOf<K>>,
    pub(crate) stale: Stale<WordOf<K>>,
    pub(crate) design: <K::Design as Choose<K>>::PerSpace,
}

impl<K: Kernel> AddressSpace<K> {
    /// An address space that registered for nothing: a new one, and the one that
    /// an exec makes. For the one that a fork makes, see
    /// [`Engine::fork`](crate::Engine::fork).
    #[must_use]
    pub const fn new() -> Self {
        Self { state: State::NEW, stale: Stale::NEW, design: <K::Design as Choose<K>>::PER_SPACE }
    }

    /// What the design keeps of this address space.
    pub const fn design(&self) -> &<K::Design as Choose<K>>::PerSpace {
        &self.design
    }

    /// What the word at this address is, if it is one of this address space: `state`
    /// (what it registered for), `stale` (where its instructions may be) or `design`.
    /// As [`Engine::word_at`](crate::Engine::word_at).
    #[must_use]
    pub fn word_at(&self, address: usize) -> Option<&'static str> {
        let Self { state, stale, design } = self;
        let words = [(range_of(state), "state"), (range_of(stale), "stale"), (range_of(design), "design")];
        words.into_iter().find(|(word, _)| word.contains(&address)).map(|(_, name)| name)
    }

    /// A number that no other address space has at this time; its low bits are
    /// clear.
    #[inline]
    pub(crate) fn token(&self) -> u64 {
        core::ptr::from_ref(self).addr() as u64
    }
}

impl<K: Kernel> Default for AddressSpace<K> {
    fn default() -> Self {
        Self::new()
    }
}

/// What the engine keeps of a thread: nothing, in every design but
/// [`Threads`](crate::Threads).
pub struct Thread<K: Kernel> {
    pub(crate) design: <K::Design as Choose<K>>::PerThread,
}

impl<K: Kernel> Thread<K> {
    /// A thread that no CPU runs.
    #[must_use]
    pub const fn new() -> Self {
        Self { design: <K::Design as Choose<K>>::PER_THREAD }
    }

    /// What the design keeps of this thread.
    pub const fn design(&self) -> &<K::Design as Choose<K>>::PerThread {
        &self.design
    }
}

impl<K: Kernel> Default for Thread<K> {
    fn default() -> Self {
        Self::new()
    }
}

/// A thread and the address space it accesses: a user thread, or a kernel
/// thread that uses one.
pub struct Task<'a, K: Kernel> {
    /// Its address space.
    pub space: &'a AddressSpace<K>,
    /// The thread itself.
    pub thread: &'a Thread<K>,
}

impl<'a, K: Kernel> Task<'a, K>
where
    K::Design: Choose<K, PerThread = ()>,
{
    /// A thread of `space`, where threads carry nothing: in every design but
    /// [`Threads`](crate::Threads).
    #[must_use]
    #[inline]
    pub const fn of(space: &'a AddressSpace<K>) -> Self {
        Self { space, thread: &Thread { design: () } }
    }
}

impl<K: Kernel> Clone for Task<'_, K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K: Kernel> Copy for Task<'_, K> {}

/// What occupies a CPU.
pub enum Occupant<'a, K: Kernel> {
    /// A thread that accesses the memory of its address space.
    User(Task<'a, K>),
    /// A kernel thread, or idle, on the page tables of this address space, whose
    /// user memory it does not access (lazily borrowed).
    Borrower(&'a AddressSpace<K>),
    /// A kernel thread, or idle, on the kernel's own page tables.
    Kernel,
}

impl<K: Kernel> Clone for Occupant<'_, K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K: Kernel> Copy for Occupant<'_, K> {}

impl<'a, K: Kernel> Occupant<'a, K> {
    /// The occupant that has these page tables loaded, and this thread.
    pub(crate) fn of(space: Option<&'a AddressSpace<K>>, thread: Option<&'a Thread<K>>) -> Self {
        match (space, thread) {
            (Some(space), Some(thread)) => Self::User(Task { space, thread }),
            (Some(space), None) => Self::Borrower(space),
            (None, _) => Self::Kernel,
        }
    }

    /// The address space whose user memory is being accessed.
    #[inline]
    #[must_use]
    pub fn accesses(self) -> Option<&'a AddressSpace<K>> {
        match self {
            Self::User(task) => Some(task.space),
            Self::Borrower(_) | Self::Kernel => None,
        }
    }

    /// The address space whose page tables are loaded.
    #[inline]
    #[must_use]
    pub fn space(self) -> Option<&'a AddressSpace<K>> {
        match self {
            Self::User(task) => Some(task.space),
            Self::Borrower(space) => Some(space),
            Self::Kernel => None,
        }
    }

    /// The thread that accesses user memory.
    #[inline]
    #[must_use]
    pub fn thread(self) -> Option<&'a Thread<K>> {
        match self {
            Self::User(task) => Some(task.thread),
            Self::Borrower(_) | Self::Kernel => None,
        }
    }
}

/// The addresses of `part`.
fn range_of<T>(part: &T) -> Range<usize> {
    let start = core::ptr::from_ref(part).addr();
    start..start + size_of::<T>()
}

/// Whether both are the same address space, or neither is one.
#[inline]
pub(crate) fn is_same<K: Kernel>(one: Option<&AddressSpace<K>>, other: Option<&AddressSpace<K>>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => core::ptr::eq(one, other),
        (None, None) => true,
        _ => false,
    }
}

/// Whether the address space, if it is one, wants barriers around switches.
#[inline]
pub(crate) fn wants_fences<K: Kernel>(space: Option<&AddressSpace<K>>) -> bool {
    // Relaxed, in `read`: PAIRS(R). A hook runs with interrupts off, so it is
    // wholly before or wholly after the poke of a registration; after it, the
    // intent is seen.
    space.is_some_and(|space| space.state.read().wants_fences())
}
