//! Domains: who waits for whom, and how a domain is reached.

use core::fmt;
use std::sync::Arc;
use std::time::Duration;

use bonfire_rcu_core::{Grace, Record, Roster, Slot};

use crate::fences::{self, Program};
use crate::garbage::Garbage;
use crate::guard::Visit;
use crate::stall::{Patience, Stall};
use crate::sys::{self, Home, Segments};
use crate::{Guard, Handle};

/// Readers, and updaters that wait for them.
///
/// What is retired in a domain is dropped once every section *of that domain* has ended
/// that was open. Most programs do with the one that is there, [`Global`]; a library that
/// keeps sections open for long, or whose users do, has one of its own, so that nobody
/// else's garbage waits for them.
///
/// A domain costs nothing until it is used. Constructing one is constant, and so it can be
/// a static.
///
/// ```
/// use bonfire_rcu::{Domain, OptionCell};
/// use std::sync::Arc;
///
/// static TABLES: Domain = Domain::new();
///
/// let cell = OptionCell::new_in(Some(Arc::new(1)), &TABLES);
/// let handle = TABLES.handle();
/// {
///     let guard = handle.read();
///     assert_eq!(cell.see(&guard), Some(&1));
/// }
/// cell.store(None);
/// TABLES.barrier(); // what was retired is dropped
/// assert_eq!(TABLES.unreclaimed_bytes(), 0);
/// ```
///
/// It cannot go while somebody reads: handles borrow it, or share it by an `Arc`.
///
/// ```compile_fail,E0505
/// let domain = bonfire_rcu::Domain::new();
/// let handle = domain.handle();
/// let guard = handle.read();
/// drop(domain);
/// drop(guard);
/// ```
pub struct Domain {
    pub(crate) grace: Grace<Program>,
    pub(crate) readers: Roster<Program, Segments<Record<Program>>>,
    pub(crate) slots: Roster<Program, Segments<Slot<Program>>>,
    pub(crate) garbage: Garbage,
    pub(crate) patience: Patience,
    home: Home,
}

static GLOBAL: Domain = Domain::new();

impl Domain {
    /// A domain without readers.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            grace: Grace::NEW,
            readers: Roster::new(Segments::none()),
            slots: Roster::new(Segments::none()),
            garbage: Garbage::new(),
            patience: Patience::new(),
            home: Home::new(),
        }
    }

    /// This domain, as it is in this process: a forked child first takes it over from the
    /// threads that it does not have. So whatever claims, retires, waits or collects comes here.
    #[inline]
    fn here(&self) -> &Self {
        self.home.enter(self);
        self
    }

    /// Takes a record, for sections without a look-up.
    pub fn handle(&self) -> Handle<&Self> {
        Handle::new(self)
    }

    /// Waits until every section has ended that is open now.
    ///
    /// Calls at the same time share a grace period, and with it its heavy fence (15 µs if
    /// one other thread runs, 0.2 µs if none does).
    ///
    /// # Panics
    /// Inside a section of the same domain: it would wait for itself.
    pub fn synchronize(&self) {
        self.here().refuse_to_wait_for_myself();
        let mut patience = self.patience.begin();
        self.grace.synchronize(&Program, &self.readers, &mut |record| patience.ends(record));
        self.collect();
    }

    /// Calls `call` once every section has ended that is open now. Later, and on any thread.
    pub fn defer(&self, call: impl FnOnce() + Send + 'static) {
        self.discard(sys::Retired::call(std::boxed::Box::new(call)));
    }

    /// Drops `value` once every section has ended that is open now, and nobody holds it.
    ///
    /// The caller has made sure that later readers do not find it. It waits for nobody,
    /// unless more is unreclaimed than [`set_bound`](Self::set_bound) allows.
    pub fn retire<T: Send + 'static>(&self, value: std::boxed::Box<T>) {
        self.discard(sys::Retired::boxed(value));
    }

    /// The same for a reference of an `Arc`.
    pub fn retire_arc<T: Send + Sync + 'static>(&self, value: Arc<T>) {
        self.discard(sys::Retired::counted(value));
    }

    /// Waits until everything has been dropped that was retired before by any thread, but
    /// for what an [`OwnedGuard`](crate::OwnedGuard) holds.
    ///
    /// # Panics
    /// Inside a section of the same domain, and in a destructor of what was retired.
    pub fn barrier(&self) {
        self.here().refuse_to_wait_for_myself();
        assert!(!sys::local().collects.get(), "barrier was called by a destructor that it would wait for");
        self.garbage.finish(self);
    }

    /// Drops what can be dropped without waiting.
    pub fn collect(&self) {
        self.garbage.collect(self.here());
    }

    /// About how much memory is kept by what was retired and is not dropped: what it takes
    /// itself, not what it points to.
    pub fn unreclaimed_bytes(&self) -> usize {
        self.garbage.bytes()
    }

    /// Sets how many bytes may be unreclaimed before those who retire have to wait, 32 MiB
    /// at first. Who retires *inside a section* does not wait, nor does a destructor: the
    /// bound can be exceeded by what they retire, and by one batch of each thread.
    pub fn set_bound(&self, bytes: usize) {
        self.garbage.set_bound(bytes);
    }

    /// Sets what is done about a reader that an updater waits for longer than `patience`,
    /// and twice that, and four times, and so on. Without it the first sentence of the
    /// report is written to standard error after a second.
    ///
    /// `report` is called by the updater that waits, which holds up the others meanwhile: it
    /// may not wait for readers of this domain itself, which panics.
    pub fn set_stall_report(&self, patience: Duration, report: fn(&Stall)) {
        self.here().patience.set(patience, report);
    }

    pub(crate) fn discard(&self, retired: sys::Retired) {
        self.garbage.discard(retired, self.here());
    }

    /// Waits for the grace period of `ticket`.
    pub(crate) fn wait(&self, ticket: bonfire_rcu_core::Ticket) {
        let mut patience = self.patience.begin();
        self.grace.wait(ticket, &Program, &self.readers, &mut |record| patience.ends(record));
    }

    /// Whether the calling thread is in a section.
    pub(crate) fn am_i_inside(&self) -> bool {
        let me = sys::local().number();
        self.readers.iter().any(|record| record.who() == me && record.is_inside())
    }

    fn refuse_to_wait_for_myself(&self) {
        assert!(
            !self.am_i_inside(),
            "an updater must not wait inside a read section of its own thread: drop the guard first"
        );
        assert!(!sys::local().reports.get(), "a report of a reader that stays must not wait for readers");
    }

    /// Takes a slot.
    pub(crate) fn take_slot(&self) -> &Slot<Program> {
        fences::register_in_background();
        self.here().slots.claim().expect("a domain has room for a hundred million guards")
    }

    /// Takes a record for the calling thread.
    pub(crate) fn take_record(&self) -> &Record<Program> {
        fences::register_in_background();
        let record = self.here().readers.claim().expect("a domain has room for a hundred million threads");
        record.prepare(sys::local().number());
        record
    }
}

impl Default for Domain {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Domain {
    fn drop(&mut self) {
        // Nobody reads any more: readers borrow the domain. What is left is dropped.
        self.here();
        self.garbage.empty();
    }
}

impl fmt::Debug for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Domain")
            .field("readers_ever", &self.readers.count())
            .field("unreclaimed_bytes", &self.unreclaimed_bytes())
            .finish_non_exhaustive()
    }
}

/// A way to a domain: [`Global`], a reference, or an `Arc`.
///
/// Sealed, because cells and handles rely on it: it leads to one domain for as long as it
/// exists.
pub trait Reach: Clone + sealed::Sealed {
    /// A section that is not borrowed from a handle.
    #[doc(hidden)]
    type Section;

    /// The domain.
    fn domain(&self) -> &Domain;

    /// Whether both lead to one domain.
    #[doc(hidden)]
    fn is_same(&self, other: &Self) -> bool {
        core::ptr::eq(self.domain(), other.domain())
    }

    /// Enters a section of its own.
    #[doc(hidden)]
    fn section(&self) -> Self::Section;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Global {}
    impl Sealed for &super::Domain {}
    impl Sealed for std::sync::Arc<super::Domain> {}
}

/// The domain that is always there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Global;

impl Global {
    /// Enters a section of the calling thread.
    ///
    /// The first one of a thread takes a record, which the thread gives back when it ends.
    /// Works in thread-local destructors, too.
    #[inline]
    #[cfg_attr(feature = "where", track_caller)]
    pub fn read() -> Guard<'static> {
        Guard::of_this_thread()
    }

    /// Takes a record, for sections without a look-up.
    #[must_use]
    pub fn handle() -> Handle {
        Handle::new(Self)
    }
}

impl core::ops::Deref for Global {
    type Target = Domain;

    fn deref(&self) -> &Domain {
        &GLOBAL
    }
}

impl Reach for Global {
    type Section = Guard<'static>;

    #[inline(always)]
    fn domain(&self) -> &Domain {
        &GLOBAL
    }

    #[inline(always)]
    fn is_same(&self, _: &Self) -> bool {
        true
    }

    #[inline(always)]
    fn section(&self) -> Guard<'static> {
        Guard::of_this_thread()
    }
}

impl<'d> Reach for &'d Domain {
    type Section = Visit<&'d Domain>;

    #[inline(always)]
    fn domain(&self) -> &Domain {
        self
    }

    fn section(&self) -> Visit<&'d Domain> {
        Visit::begin(self)
    }
}

impl Reach for Arc<Domain> {
    type Section = Visit<Self>;

    #[inline(always)]
    fn domain(&self) -> &Domain {
        self
    }

    fn section(&self) -> Visit<Self> {
        Visit::begin(Self::clone(self))
    }
}
