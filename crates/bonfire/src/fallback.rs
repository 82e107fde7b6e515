//! What to do where the kernel cannot: the caller says.
//!
//! Three policies, and none of them is `mprotect`: changing a mapping
//! interrupts other CPUs on some machines only (not on AArch64, nor on x86 with
//! broadcast invalidation), which is no barrier one could rely on. Core
//! serialisation and rseq fences have no fallback at all.

use core::sync::atomic::Ordering;

use crate::barrier::Sealed;
use crate::{Barrier, Fences, Memory, Refusal};

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
    #[cfg(feature = "signal")]
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
    /// be had either (`Refusal::Signal`).
    pub fn register(self) -> Result<Chosen, Refusal> {
        Memory::register().map(Chosen::Memory).or_else(|refusal| match self {
            Self::Refuse => Err(refusal),
            Self::Fences => Ok(Chosen::Fences(Fences)),
            #[cfg(feature = "signal")]
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
    #[cfg(feature = "signal")]
    Signal(crate::Signal),
}

impl Sealed for Chosen {}

/// Each is what the chosen pair's is.
macro_rules! delegate {
    ($($(#[$attribute:meta])* $name:ident -> $result:ty;)*) => {
        impl Barrier for Chosen {
            $(
                $(#[$attribute])*
                fn $name(self) -> $result {
                    match self {
                        Self::Memory(pair) => Barrier::$name(pair),
                        Self::Fences(pair) => Barrier::$name(pair),
                        #[cfg(feature = "signal")]
                        Self::Signal(pair) => Barrier::$name(pair),
                    }
                }
            )*
        }
    };
}

delegate! {
    #[inline] light -> ();
    #[inline] heavy -> ();
    #[inline] light_store -> Ordering;
    #[inline] light_load -> Ordering;
    #[inline] light_between -> ();
}
