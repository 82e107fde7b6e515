//! Calls that a signal ended early and that go on where they were: `restart_syscall`.
//!
//! A wait with a time must not begin anew when nobody's handler ran. So it notes its end
//! here, and [`crate::signals`] has the thread call `restart_syscall` in its place.

use bonfire_testbed::calls::Address;

/// What a thread was waiting for, and until when, in ticks of the clock.
#[derive(Clone, Copy)]
pub(crate) enum Restart {
    /// Time alone; what is left of it goes to that address, if it is one.
    Sleep { deadline: u64, left: Address },
    /// A word to change from `value`, or a wake-up that means one of `bits`.
    Word { word: Address, value: u32, bits: u32, deadline: u64 },
    /// Descriptors to be ready: Linux's `struct pollfd`, so many.
    Ready { list: Address, count: u64, deadline: Option<u64> },
}
