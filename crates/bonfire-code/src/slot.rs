//! A function that is replaced while threads call it.

use std::fmt;
use std::sync::Arc;

use bonfire_rcu::Cell;

use crate::sys::{self, Memory, Usual};
use crate::{Function, Published};

/// A function that threads call and that is replaced meanwhile: a published function in a cell
/// of `bonfire-rcu`.
///
/// A call is a read section of the global domain: a store, a load, and no fence. What is
/// replaced is retired: its memory is free again when no thread can be in it, and not before.
/// A call that takes long keeps it, and all that is retired meanwhile; whoever waits is told
/// of it ([`bonfire_rcu::Stall`]).
///
/// ```
/// # #[cfg(target_arch = "x86_64")]
/// # fn main() -> Result<(), bonfire_code::Fault> {
/// use bonfire_code::{Arena, Publisher, Slot};
///
/// let (arena, publisher) = (Arena::new()?, Publisher::register()?);
/// // mov eax, N; ret
/// let number = |n| unsafe { arena.place::<extern "C" fn() -> i32>(&[0xb8, n, 0, 0, 0, 0xc3]) };
/// let slot = Slot::new(publisher.publish(number(1)?)?);
/// std::thread::scope(|scope| {
///     scope.spawn(|| while slot.call(()) == 1 {});
///     slot.replace(publisher.publish(number(2)?)?);
///     Ok::<_, bonfire_code::Fault>(())
/// })?;
/// # Ok(())
/// # }
/// # #[cfg(not(target_arch = "x86_64"))]
/// # fn main() {}
/// ```
pub struct Slot<F: Function, M: Memory = Usual>(Cell<Published<F, M>>);

impl<F: Function, M: Memory> Slot<F, M> {
    /// A slot that holds `code`.
    pub fn new(code: Published<F, M>) -> Self {
        Self(Cell::from_pointee(code))
    }

    /// Calls what the slot holds.
    #[inline]
    pub fn call(&self, arguments: F::Arguments) -> F::Output
    where
        F: sys::Safe,
    {
        self.0.load().call(arguments)
    }

    /// Puts `code` in, and retires what was there.
    pub fn replace(&self, code: Published<F, M>) {
        self.0.store(Arc::new(code));
    }

    /// The cell, for all else that cells can do.
    #[must_use]
    pub fn cell(&self) -> &Cell<Published<F, M>> {
        &self.0
    }
}

impl<F: Function, M: Memory> fmt::Debug for Slot<F, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Slot").field(&**self.0.load()).finish()
    }
}
