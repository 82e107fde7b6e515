//! The first use of the peers.
#![expect(unsafe_code, reason = "retiring is unsafe in the peers")]

use std::sync::atomic::Ordering::AcqRel;

use crate::sys::{crossbeam, haphazard, leaked, seize};

/// The first use of seize: construct, read, retire.
pub(crate) fn seize_once() {
    let collector = seize::Collector::new();
    let shared = leaked();
    assert_eq!(seize(&collector, &shared), 1);
    let old = shared.swap(Box::into_raw(Box::new(2)), AcqRel);
    // SAFETY: the value was replaced, and came from a box.
    unsafe { collector.retire(old, seize::reclaim::boxed) };
}

/// The same of haphazard.
pub(crate) fn haphazard_once() {
    let shared = haphazard::AtomicPtr::from(Box::new(1));
    assert_eq!(haphazard(&mut haphazard::HazardPointer::new(), &shared), 1);
    let old = shared.swap(Box::new(2)).expect("it was not null");
    // SAFETY: the value was replaced, and is retired once.
    unsafe { old.retire() };
}

/// The same of crossbeam.
pub(crate) fn crossbeam_once() {
    let shared = crossbeam_epoch::Atomic::new(1);
    assert_eq!(crossbeam(&shared), 1);
    let guard = crossbeam_epoch::pin();
    let old = shared.swap(crossbeam_epoch::Owned::new(2), AcqRel, &guard);
    // SAFETY: the value was replaced, and is retired once.
    unsafe { guard.defer_destroy(old) };
}
