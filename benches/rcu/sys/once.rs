//! The first use of the peers: construct, read, retire.
#![expect(unsafe_code, reason = "reading and retiring are unsafe in the peers")]

use std::sync::atomic::{
    AtomicPtr,
    Ordering::{AcqRel, Acquire},
};

/// The first use of seize.
pub(crate) fn seize_once() {
    use seize::Guard as _;
    let collector = seize::Collector::new();
    let shared = AtomicPtr::new(Box::into_raw(Box::new(1)));
    let guard = collector.enter();
    // SAFETY: the value is not null, and not freed while the guard lives.
    assert_eq!(unsafe { *guard.protect(&shared, Acquire) }, 1);
    drop(guard);
    let old = shared.swap(Box::into_raw(Box::new(2)), AcqRel);
    // SAFETY: the value was replaced, and came from a box.
    unsafe { collector.retire(old, seize::reclaim::boxed) };
}

/// The same of haphazard.
pub(crate) fn haphazard_once() {
    let shared = haphazard::AtomicPtr::from(Box::new(1));
    assert_eq!(shared.safe_load(&mut haphazard::HazardPointer::new()), Some(&1));
    let old = shared.swap(Box::new(2)).expect("it was not null");
    // SAFETY: the value was replaced, and is retired once.
    unsafe { old.retire() };
}

/// The same of crossbeam.
pub(crate) fn crossbeam_once() {
    let shared = crossbeam_epoch::Atomic::new(1);
    let guard = crossbeam_epoch::pin();
    // SAFETY: the value is not null, and not freed while the thread is pinned.
    assert_eq!(unsafe { *shared.load(Acquire, &guard).deref() }, 1);
    let old = shared.swap(crossbeam_epoch::Owned::new(2), AcqRel, &guard);
    // SAFETY: the value was replaced, and is retired once.
    unsafe { guard.defer_destroy(old) };
}
