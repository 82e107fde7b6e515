//! Publishing for threads that check.

use std::fmt;
use std::marker::PhantomData;

use bonfire_code_core::{Generation, Seen};

use crate::code::{Drafts, stage};
use crate::program::Program;
use crate::sys::{self, Memory};
use crate::{Checked, Fault, Function, arch, program};

/// There is one for all code and all threads: an executor that serialises for one piece of
/// code has done so for all.
static GENERATION: Generation<Program> = Generation::FIRST;

/// The right to publish code for threads that check before they call it: that threads of this
/// architecture can serialise themselves.
///
/// Publishing makes no system call for it and interrupts nobody. A call looks at one word that
/// seldom changes; the first call of a thread after something was announced serialises it,
/// which takes 47 ns on an Intel Xeon (family 6, model 167). It needs no membarrier, and it is
/// the only choice where the kernel has no core serialisation.
#[derive(Clone, Copy, Debug)]
pub struct Announcer(());

impl Announcer {
    /// Makes sure that threads can serialise themselves.
    ///
    /// # Errors
    /// [`Fault::NoCheck`]: on RISC-V that takes Linux 6.10, whose `prctl` makes `fence.i` of a
    /// program last when the thread moves to another CPU.
    pub fn enable() -> Result<Self, Fault> {
        arch::enable_checks()?;
        Ok(Self(()))
    }

    /// Publishes what was drafted, for executors.
    ///
    /// # Errors
    /// [`Fault::Caches`]. The drafts are gone then.
    pub fn announce<D: Drafts>(self, drafts: D) -> Result<D::At<stage::Checked>, Fault> {
        GENERATION.publish(&Program(None), &program::spans(&drafts))?;
        Ok(drafts.advance())
    }

    /// An executor for the calling thread.
    #[must_use]
    pub fn executor(self) -> Executor {
        Executor { seen: Seen::new(), stays: PhantomData }
    }
}

/// A thread that calls what was announced. It knows what it has seen, and stays on its thread.
///
/// ```
/// # #[cfg(target_arch = "x86_64")]
/// # fn main() -> Result<(), bonfire_code::Fault> {
/// use bonfire_code::{Announcer, Arena};
///
/// let (arena, announcer) = (Arena::new()?, Announcer::enable()?);
/// // mov eax, 7; ret
/// let draft = unsafe { arena.place::<extern "C" fn() -> i32>(&[0xb8, 7, 0, 0, 0, 0xc3])? };
/// let seven = announcer.announce(draft)?;
///
/// let executor = announcer.executor();
/// assert_eq!(executor.call(&seven, ()), 7);
/// # Ok(())
/// # }
/// # #[cfg(not(target_arch = "x86_64"))]
/// # fn main() {}
/// ```
///
/// ```compile_fail,E0277
/// fn send(executor: bonfire_code::Executor) {
///     std::thread::spawn(move || drop(executor));
/// }
/// ```
pub struct Executor {
    seen: Seen,
    stays: PhantomData<*const ()>,
}

impl Executor {
    /// Calls `code`, after serialising if something was announced since this executor last
    /// called.
    #[inline(always)]
    pub fn call<F, M>(&self, code: &Checked<F, M>, arguments: F::Arguments) -> F::Output
    where
        F: Function + sys::Safe,
        M: Memory,
    {
        self.catch_up();
        sys::Safe::call(code.function_when_checked(), arguments)
    }

    #[inline(always)]
    pub(crate) fn catch_up(&self) {
        // Ordered by the generation: whoever has the code has learnt of it after `announce`.
        GENERATION.catch_up(&Program(None), &self.seen);
    }
}

impl fmt::Debug for Executor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Executor").finish_non_exhaustive()
    }
}
