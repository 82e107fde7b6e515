//! The floor, and the peers that are unsafe to call.
#![expect(unsafe_code, reason = "peers whose read sides are unsafe, C, and a clock")]

use std::ptr;
use std::sync::atomic::{
    AtomicPtr, AtomicU64,
    Ordering::{Relaxed, Release},
};

use crate::peers::{LOOK, PUBLISH, Peer, Value, repeat};

#[cfg(urcu)]
pub(crate) mod urcu;

/// How long the calling thread has been on a CPU.
pub(crate) fn thread_time_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes the time into what lives through the call.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// A value of its own.
pub(crate) fn boxed() -> AtomicPtr<Value> {
    AtomicPtr::new(Box::into_raw(Box::new(Value::new(1))))
}

/// The floor: what every section does that is read by a light fence, and no more. It reads
/// through a pointer, as all the others do.
pub(crate) struct Bare {
    word: AtomicU64,
    shared: AtomicPtr<Value>,
}

impl Bare {
    pub(crate) fn new() -> Self {
        Self { word: AtomicU64::new(0), shared: boxed() }
    }
}

impl Peer for Bare {
    fn name(&self) -> &'static str {
        "bare: store, light, load, store"
    }

    fn sections(&self, count: u64) -> u64 {
        repeat(count, || {
            self.word.store(1, Relaxed);
            bonfire::light();
            // SAFETY: the value is never freed, and is not null.
            let seen = unsafe { &*self.shared.load(LOOK) }.number();
            self.word.store(0, Release);
            seen
        })
    }

    fn updates(&self) -> bool {
        false
    }
}

/// A hazard slot that is kept, in two forms: one says first that it holds anything, the other
/// says what it holds and loads it again.
pub(crate) struct Reload {
    says_anything: bool,
    slot: AtomicU64,
    shared: AtomicPtr<Value>,
}

impl Reload {
    pub(crate) fn new(says_anything: bool) -> Self {
        Self { says_anything, slot: AtomicU64::new(0), shared: boxed() }
    }

    #[inline(always)]
    fn say_anything(&self) -> *mut Value {
        self.slot.store(1, Release);
        bonfire::light();
        let seen = self.shared.load(LOOK);
        self.slot.store(seen as u64, Release);
        seen
    }

    #[inline(always)]
    fn load_again(&self) -> *mut Value {
        let mut seen = self.shared.load(LOOK);
        loop {
            self.slot.store(seen as u64, Release);
            bonfire::light();
            let again = self.shared.load(LOOK);
            if ptr::eq(again, seen) {
                return seen;
            }
            seen = again;
        }
    }
}

impl Peer for Reload {
    fn name(&self) -> &'static str {
        if self.says_anything {
            "bare hazard: anything, then which"
        } else {
            "bare hazard: which, loaded again"
        }
    }

    fn sections(&self, count: u64) -> u64 {
        let section = |seen: *mut Value| {
            // SAFETY: the value is never freed, and is not null.
            let number = unsafe { &*seen }.number();
            self.slot.store(0, Release);
            number
        };
        if self.says_anything {
            repeat(count, || section(self.say_anything()))
        } else {
            repeat(count, || section(self.load_again()))
        }
    }

    fn updates(&self) -> bool {
        false
    }
}

pub(crate) struct Crossbeam(crossbeam_epoch::Atomic<Value>);

impl Crossbeam {
    pub(crate) fn new() -> Self {
        Self(crossbeam_epoch::Atomic::new(Value::new(1)))
    }
}

impl Peer for Crossbeam {
    fn name(&self) -> &'static str {
        "crossbeam-epoch"
    }

    fn sections(&self, count: u64) -> u64 {
        repeat(count, || {
            let guard = crossbeam_epoch::pin();
            // SAFETY: it is not null, and what it was is not freed while the thread is pinned.
            unsafe { self.0.load(LOOK, &guard).deref() }.number()
        })
    }

    fn update(&self) {
        let guard = crossbeam_epoch::pin();
        let old = self.0.swap(crossbeam_epoch::Owned::new(Value::new(2)), PUBLISH, &guard);
        // SAFETY: the value was replaced, and is retired once.
        unsafe { guard.defer_destroy(old) };
    }

    fn reclaim(&self) {
        crossbeam_epoch::pin().flush();
    }
}

pub(crate) struct Seize {
    collector: seize::Collector,
    shared: AtomicPtr<Value>,
}

impl Seize {
    pub(crate) fn new() -> Self {
        Self { collector: seize::Collector::new(), shared: boxed() }
    }
}

impl Peer for Seize {
    fn name(&self) -> &'static str {
        "seize"
    }

    fn sections(&self, count: u64) -> u64 {
        use seize::Guard as _;
        repeat(count, || {
            let guard = self.collector.enter();
            // SAFETY: it is not null, and what it was is not freed while the guard lives.
            unsafe { &*guard.protect(&self.shared, LOOK) }.number()
        })
    }

    fn update(&self) {
        let old = self.shared.swap(Box::into_raw(Box::new(Value::new(2))), PUBLISH);
        // SAFETY: the value was replaced, came from a box, and is retired once.
        unsafe { self.collector.retire(old, seize::reclaim::boxed) };
    }

    fn reclaim(&self) {
        use seize::Guard as _;
        self.collector.enter().flush();
    }
}

/// Hazard pointers: a reader keeps the one that it has.
pub(crate) struct Haphazard(haphazard::AtomicPtr<Value>);

impl Haphazard {
    pub(crate) fn new() -> Self {
        Self(haphazard::AtomicPtr::from(Box::new(Value::new(1))))
    }
}

impl Peer for Haphazard {
    fn name(&self) -> &'static str {
        "haphazard, slot kept"
    }

    fn sections(&self, count: u64) -> u64 {
        let mut hazard = haphazard::HazardPointer::new();
        repeat(count, || {
            let seen = self.0.safe_load(&mut hazard).expect("it is not null").number();
            hazard.reset_protection();
            seen
        })
    }

    fn update(&self) {
        let old = self.0.swap(Box::new(Value::new(2))).expect("it was not null");
        // SAFETY: the value was replaced, and is retired once.
        unsafe { old.retire() };
    }

    fn reclaim(&self) {
        haphazard::Domain::global().eager_reclaim();
    }
}

pub(crate) struct Sdd(sdd::AtomicShared<Value>);

impl Sdd {
    pub(crate) fn new() -> Self {
        Self(sdd::AtomicShared::new(Value::new(1)))
    }
}

impl Peer for Sdd {
    fn name(&self) -> &'static str {
        "sdd"
    }

    fn sections(&self, count: u64) -> u64 {
        repeat(count, || {
            let guard = sdd::Guard::new();
            // SAFETY: what it was is not freed while the guard lives.
            unsafe { self.0.load(LOOK, &guard).as_ref_unchecked() }.expect("it is not null").number()
        })
    }

    fn update(&self) {
        drop(self.0.swap((Some(sdd::Shared::new(Value::new(2))), sdd::Tag::None), PUBLISH));
    }

    fn reclaim(&self) {
        drop(sdd::Guard::new());
    }
}
