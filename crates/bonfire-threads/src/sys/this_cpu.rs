//! Which virtual CPU an OS thread is.
//!
//! A virtual thread moves from one OS thread to another whenever it is
//! suspended, so nothing that was learnt from thread-local storage before may be
//! used after. Everything asks again, by way of one function that is never
//! inlined: a compiler may keep the address of thread-local storage in a
//! register for as long as a function runs.

use std::cell::Cell;
use std::ptr::NonNull;
use std::sync::Arc;

use super::context::Anchor;

/// What a virtual CPU does when it is interrupted.
pub(crate) trait Core {
    /// Its number.
    fn number(&self) -> u32;

    /// A signal says that `line` was raised. Serves it now, or notes it if
    /// interrupts are off. Returns the thread to suspend, if its time is up; then
    /// interrupts have been left off.
    fn interrupted(&self, line: Line) -> Option<Arc<Anchor>>;

    /// Takes interrupts again and serves those that were noted; returns as
    /// [`interrupted`](Self::interrupted) does.
    fn enable_interrupts(&self) -> Option<Arc<Anchor>>;
}

/// An interrupt line of a CPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// Another CPU wants the inbox served.
    Poke,
    /// The timer.
    Tick,
}

thread_local! {
    static CORE: Cell<Option<NonNull<dyn Core>>> = const { Cell::new(None) };
}

/// Makes this OS thread the virtual CPU `core` while `body` runs.
pub(crate) fn be(core: &(dyn Core + 'static), body: impl FnOnce()) {
    CORE.set(Some(NonNull::from(core)));
    body();
    CORE.set(None);
}

/// The virtual CPU that this OS thread is; `None` if it is none.
///
/// The caller does not keep it across a suspension.
#[inline(never)]
pub(crate) fn current<'a>() -> Option<&'a dyn Core> {
    // SAFETY: `be` holds the borrow for as long as the pointer is there, and
    // all that runs on this OS thread meanwhile runs within its `body`: virtual
    // threads on their own stacks, and signal handlers. A virtual thread is
    // either running here or suspended, and drops what it got before it lets
    // itself be suspended.
    CORE.get().map(|core| unsafe { core.as_ref() })
}
