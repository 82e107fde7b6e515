//! What to do where the kernel cannot: the caller says.
//!
//! Three policies, and none of them is `mprotect`: changing a mapping
//! interrupts other CPUs on some machines only (not on AArch64, nor on x86 with
//! broadcast invalidation), which is no barrier one could rely on. Core
//! serialisation and rseq fences have no fallback at all.

use core::sync::atomic::Ordering::SeqCst;

use crate::{Memory, Refusal, sys};

/// A pair of fences, one cheap and one dear, ordered with each other.
///
/// What is generic over it is compiled for each pair, so a light fence costs
/// what this pair's costs and no more. The pairs differ in the price:
///
/// | pair | light | heavy |
/// |---|---|---|
/// | [`Memory`] | nothing | the system call |
/// | [`Process`](crate::process::Process) | a load and a branch | the system call |
/// | `Signal` (feature `signal`) | nothing | a signal to every thread |
/// | [`Fences`] | a full fence | a full fence |
/// | [`Chosen`] | a branch, and that of the chosen one | that of the chosen one |
///
/// A light fence of one pair and a heavy fence of another are ordered if the
/// heavy one is a [`Memory`]'s or a `Signal`'s.
pub trait Barrier: Copy + Send + Sync + 'static {
    /// The light fence, for the frequent side.
    fn light(self);

    /// The heavy fence, for the rare side.
    fn heavy(self);
}

impl Barrier for Memory {
    #[inline(always)]
    fn light(self) {
        crate::light();
    }

    #[inline]
    fn heavy(self) {
        Memory::heavy(self);
    }
}

/// Full fences on both sides: needs nothing of the system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fences;

impl Barrier for Fences {
    #[inline]
    fn light(self) {
        // PAIRS(both): with `heavy`, of any other thread.
        sys::fence(SeqCst);
    }

    #[inline]
    fn heavy(self) {
        // PAIRS(both): with `light`, of any other thread.
        sys::fence(SeqCst);
    }
}

/// What the caller wants where the kernel has no barrier for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Policy {
    /// Nothing: say why, and let the program decide.
    Refuse,
    /// Full fences on both sides. Readers pay: 5 to 20 nanoseconds each.
    Fences,
    /// A signal to every thread, of this number. Writers pay: about 6
    /// microseconds for each thread of the process.
    #[cfg(all(feature = "signal", not(any(loom, miri)), target_os = "linux"))]
    Signal(i32),
}

impl Policy {
    /// Registers for memory fences, or does what this policy says.
    ///
    /// ```
    /// use bonfire::{Barrier, Policy};
    /// let barrier = Policy::Fences.register()?; // cannot fail
    /// barrier.light();
    /// barrier.heavy();
    /// # Ok::<(), bonfire::Refusal>(())
    /// ```
    ///
    /// # Errors
    /// [`Policy::Refuse`]: why the kernel cannot. A signal: why that cannot
    /// be had either ([`Refusal::SignalTaken`], [`Refusal::SignalBlocked`]).
    pub fn register(self) -> Result<Chosen, Refusal> {
        Memory::register().map(Chosen::Memory).or_else(|refusal| match self {
            Self::Refuse => Err(refusal),
            Self::Fences => Ok(Chosen::Fences(Fences)),
            #[cfg(all(feature = "signal", not(any(loom, miri)), target_os = "linux"))]
            Self::Signal(number) => crate::Signal::install(number).map(Chosen::Signal),
        })
    }
}

/// The pair that a [`Policy`] came to. All sides must use the same value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Chosen {
    /// The kernel's barrier.
    Memory(Memory),
    /// Full fences on both sides.
    Fences(Fences),
    /// A signal to every thread.
    #[cfg(all(feature = "signal", not(any(loom, miri)), target_os = "linux"))]
    Signal(crate::Signal),
}

impl Barrier for Chosen {
    #[inline]
    fn light(self) {
        match self {
            Self::Memory(pair) => pair.light(),
            Self::Fences(pair) => pair.light(),
            #[cfg(all(feature = "signal", not(any(loom, miri)), target_os = "linux"))]
            Self::Signal(pair) => pair.light(),
        }
    }

    #[inline]
    fn heavy(self) {
        match self {
            Self::Memory(pair) => pair.heavy(),
            Self::Fences(pair) => pair.heavy(),
            #[cfg(all(feature = "signal", not(any(loom, miri)), target_os = "linux"))]
            Self::Signal(pair) => pair.heavy(),
        }
    }
}
