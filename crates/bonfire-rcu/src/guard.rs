//! Read sections: handles and guards.

use core::fmt;

use bonfire_rcu_core::{Depth, Record, enter, leave};

use crate::fences::Program;
use crate::sys::{self, Place};
use crate::{Global, Reach};

/// A thread's own record of a domain: sections without a look-up.
///
/// It stays on its thread.
///
/// ```
/// use bonfire_rcu::{Cell, Global};
///
/// let settings = Cell::from_pointee(8);
/// let handle = Global::handle();
/// let mut sum = 0;
/// for _ in 0..10 {
///     let guard = handle.read(); // a store and a load
///     sum += settings.see(&guard);
/// }
/// assert_eq!(sum, 80);
/// ```
///
/// ```compile_fail,E0277
/// let handle = bonfire_rcu::Global::handle();
/// std::thread::spawn(move || drop(handle));
/// ```
pub struct Handle<D: Reach = Global> {
    record: Place<D, Record<Program>>,
    depth: Depth,
    /// Its record says which thread it is of.
    _thread: core::marker::PhantomData<*mut ()>,
}

impl<D: Reach> Handle<D> {
    /// Takes a record of the domain that `domain` leads to. Some ten nanoseconds, or a
    /// microsecond if it is the first of the process.
    pub fn new(domain: D) -> Self {
        let record = Place::take(domain, |domain| domain.take_record());
        Self { record, depth: Depth::new(), _thread: core::marker::PhantomData }
    }

    /// Enters a section: what is loaded in it is not dropped before the guard is.
    ///
    /// Sections of one thread may be nested, and left in any order.
    #[inline(always)]
    #[cfg_attr(feature = "where", track_caller)]
    pub fn read(&self) -> Guard<'_, D> {
        Guard::enter(&self.record, &self.depth, &self.record.domain)
    }
}

impl<D: Reach> Drop for Handle<D> {
    fn drop(&mut self) {
        // A guard that was forgotten is none any more: nothing borrows the handle.
        self.record.give_back(&Program);
    }
}

impl<D: Reach> fmt::Debug for Handle<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("inside", &self.record.is_inside()).finish_non_exhaustive()
    }
}

/// A read section, which ends when this is dropped.
///
/// While it lives nothing is dropped that was retired in the domain after it began. So it
/// is to be short: a guard kept for long keeps garbage, and in the end whoever retires has
/// to wait for it. What needs longer, or has to go to another thread or over an `.await`,
/// is an [`OwnedGuard`](crate::OwnedGuard).
///
/// It costs two stores and a load. It cannot be sent or shared:
///
/// ```compile_fail,E0277
/// let guard = bonfire_rcu::Global::read();
/// std::thread::scope(|scope| { scope.spawn(move || drop(guard)); });
/// ```
#[must_use = "a section ends when its guard is dropped"]
pub struct Guard<'h, D: Reach = Global> {
    record: &'h Record<Program>,
    depth: &'h Depth,
    pub(crate) domain: &'h D,
}

impl<'h, D: Reach> Guard<'h, D> {
    #[inline(always)]
    #[cfg_attr(feature = "where", track_caller)]
    fn enter(record: &'h Record<Program>, depth: &'h Depth, domain: &'h D) -> Self {
        enter(&Program, &domain.domain().grace, record, depth);
        #[cfg(feature = "where")]
        record.note_place(sys::to_number(core::panic::Location::caller()));
        Self { record, depth, domain }
    }
}

impl Guard<'static> {
    /// A section of the calling thread in the global domain.
    #[inline(always)]
    #[cfg_attr(feature = "where", track_caller)]
    pub(crate) fn of_this_thread() -> Self {
        let local = sys::local();
        let record = local.record.get().unwrap_or_else(|| first_of_this_thread(local));
        Self::enter(record, &local.depth, &Global)
    }
}

/// Takes a record that the calling thread keeps until it ends.
#[cold]
fn first_of_this_thread(local: &'static sys::Local) -> &'static Record<Program> {
    let record = sys::global_domain().take_record();
    local.record.set(Some(record));
    sys::at_thread_exit();
    record
}

impl<D: Reach> Drop for Guard<'_, D> {
    #[inline(always)]
    fn drop(&mut self) {
        leave(&Program, self.record, self.depth);
    }
}

impl<D: Reach> fmt::Debug for Guard<'_, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").finish_non_exhaustive()
    }
}

/// A section with a record of its own, for domains of which a thread keeps none.
#[derive(Debug)]
pub struct Visit<D: Reach> {
    _handle: Handle<D>,
}

impl<D: Reach> Visit<D> {
    pub(crate) fn begin(domain: D) -> Self {
        let handle = Handle::new(domain);
        // The section is the record's, and ends when that is given back.
        core::mem::forget(handle.read());
        Self { _handle: handle }
    }
}
