//! Publishing for threads that check nothing.

use bonfire::SyncCore;

use crate::code::{Drafts, stage};
use crate::program::Program;
use crate::{Fault, program};

/// The right to publish code that any thread may call without a check: that this process is
/// registered for core serialisation.
///
/// Publishing costs one system call, which interrupts each CPU that runs a thread of this
/// process; calling what was published costs nothing. Where publishing is frequent and
/// calling seldom, an [`Announcer`](crate::Announcer) is cheaper.
#[derive(Clone, Copy, Debug)]
pub struct Publisher(pub(crate) SyncCore);

impl Publisher {
    /// Registers this process for core serialisation. The first time that takes 5 to 15
    /// milliseconds where there are other threads; see [`bonfire::register`].
    ///
    /// # Errors
    /// [`Fault::NoSyncCore`], with the cause. Nothing weaker is used instead:
    /// `MEMBARRIER_CMD_GLOBAL` promises nothing about instructions.
    pub fn register() -> Result<Self, Fault> {
        SyncCore::register().map(Self).map_err(Fault::NoSyncCore)
    }

    /// The same without asking first whether a filter would kill for it: the caller knows. See
    /// [`bonfire::register_allowed`].
    ///
    /// # Errors
    /// [`Fault::NoSyncCore`], with the cause.
    pub fn register_allowed() -> Result<Self, Fault> {
        SyncCore::register_allowed().map(Self).map_err(Fault::NoSyncCore)
    }

    /// Publishes what was drafted. After that it can be called.
    ///
    /// ```
    /// # #[cfg(target_arch = "x86_64")]
    /// # fn main() -> Result<(), bonfire_code::Fault> {
    /// use bonfire_code::{Arena, Publisher};
    ///
    /// type Number = extern "C" fn() -> i32;
    /// let arena = Arena::new()?;
    /// // mov eax, N; ret
    /// let drafts: Result<Vec<_>, _> =
    ///     (0..100).map(|n| unsafe { arena.place::<Number>(&[0xb8, n, 0, 0, 0, 0xc3]) }).collect();
    /// // One system call for all.
    /// let numbers = Publisher::register()?.publish(drafts?)?;
    /// assert_eq!(numbers[41].call(()), 41);
    /// # Ok(())
    /// # }
    /// # #[cfg(not(target_arch = "x86_64"))]
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    /// [`Fault::Caches`]. The drafts are gone then.
    pub fn publish<D: Drafts>(self, drafts: D) -> Result<D::At<stage::Published>, Fault> {
        bonfire_code_core::publish(&Program(Some(self.0)), &program::spans(&drafts))?;
        Ok(drafts.advance())
    }
}
