//! Read sections: handles and guards.

use core::fmt;

use bonfire_rcu_core::{Depth, Record, enter, enter_alone, leave, leave_alone, may_be_alone};

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

    /// Sections that are never open two at a time, in a process whose fences are light:
    /// nothing is left to look at before one is entered. `None` until the registration is
    /// done that happens in the background; [`register`](crate::register) does it now.
    ///
    /// ```
    /// # bonfire_rcu::register(bonfire::Policy::Refuse).unwrap();
    /// use bonfire_rcu::{Cell, Global};
    ///
    /// let settings = Cell::from_pointee(8);
    /// let mut handle = Global::handle();
    /// let mut sum = 0;
    /// match handle.solo() {
    ///     Some(mut solo) => (0..10).for_each(|_| sum += settings.see(&solo.read())),
    ///     None => (0..10).for_each(|_| sum += settings.see(&handle.read())),
    /// }
    /// assert_eq!(sum, 80);
    /// ```
    pub fn solo(&mut self) -> Option<Solo<'_, D>> {
        // Nothing borrows the handle, so a section that is open is one that was forgotten.
        may_be_alone(&Program, &self.record, &self.depth).then_some(Solo {
            record: &self.record,
            domain: &self.record.domain,
            _thread: core::marker::PhantomData,
        })
    }
}

impl<D: Reach> Drop for Handle<D> {
    #[inline]
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

/// A thread's own record of a domain, for sections one after the other: [`Handle::solo`].
///
/// ```compile_fail,E0499
/// # bonfire_rcu::register(bonfire::Policy::Refuse).unwrap();
/// let mut handle = bonfire_rcu::Global::handle();
/// let mut solo = handle.solo().unwrap();
/// let (first, second) = (solo.read(), solo.read());
/// drop(first);
/// ```
///
/// It stays on its thread, as the handle does:
///
/// ```compile_fail,E0277
/// # bonfire_rcu::register(bonfire::Policy::Refuse).unwrap();
/// let mut handle = bonfire_rcu::Global::handle();
/// let solo = handle.solo().unwrap();
/// std::thread::scope(|scope| { scope.spawn(move || drop(solo)); });
/// ```
pub struct Solo<'h, D: Reach = Global> {
    record: &'h Record<Program>,
    domain: &'h D,
    _thread: core::marker::PhantomData<*mut ()>,
}

impl<D: Reach> Solo<'_, D> {
    /// Enters a section: what is loaded in it is not dropped before the guard is.
    #[inline(always)]
    #[cfg_attr(feature = "where", track_caller)]
    pub fn read(&mut self) -> Guard<'_, D> {
        // A section that is open was forgotten, for nothing borrows this: it is as good as left.
        enter_alone(&Program, &self.domain.domain().grace, self.record);
        Guard::begun(self.record, None, self.domain)
    }
}

impl<D: Reach> fmt::Debug for Solo<'_, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Solo").field("inside", &self.record.is_inside()).finish_non_exhaustive()
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
    /// `None` if no other section of the record can be open.
    depth: Option<&'h Depth>,
    pub(crate) domain: &'h D,
}

impl<'h, D: Reach> Guard<'h, D> {
    #[inline(always)]
    #[cfg_attr(feature = "where", track_caller)]
    fn enter(record: &'h Record<Program>, depth: &'h Depth, domain: &'h D) -> Self {
        enter(&Program, &domain.domain().grace, record, depth);
        Self::begun(record, Some(depth), domain)
    }

    /// The section that was just entered.
    #[inline(always)]
    #[cfg_attr(feature = "where", track_caller)]
    fn begun(record: &'h Record<Program>, depth: Option<&'h Depth>, domain: &'h D) -> Self {
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
        match self.depth {
            Some(depth) => leave(&Program, self.record, depth),
            None => leave_alone(&Program, self.record),
        }
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
