//! What of the peers is unsafe to call.
#![expect(unsafe_code, reason = "peers whose read sides are unsafe, and C")]

use std::hint::black_box;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering::*};

/// The floor: what every section does that is read by a light fence, and no more. It reads
/// through a pointer, as all the others do.
#[inline(always)]
pub(crate) fn bare(word: &AtomicU64, shared: &AtomicPtr<u64>) -> u64 {
    word.store(1, Relaxed);
    bonfire::light();
    // SAFETY: the value is never freed, and is not null.
    let seen = unsafe { *shared.load(Acquire) };
    word.store(0, Release);
    seen
}

/// A section of crossbeam's.
#[inline(always)]
pub(crate) fn crossbeam(shared: &crossbeam_epoch::Atomic<u64>) -> u64 {
    let guard = crossbeam_epoch::pin();
    // SAFETY: the value is never replaced here, and is not null.
    *unsafe { shared.load(Acquire, &guard).deref() }
}

/// A section of seize's.
#[inline(always)]
pub(crate) fn seize(collector: &seize::Collector, shared: &AtomicPtr<u64>) -> u64 {
    use seize::Guard as _;
    let guard = collector.enter();
    // SAFETY: the value is never replaced here, and is not null.
    unsafe { *guard.protect(shared, Acquire) }
}

/// A hazard pointer of haphazard's, taken once.
#[inline(always)]
pub(crate) fn haphazard(
    hazard: &mut haphazard::HazardPointer<'static>,
    shared: &haphazard::AtomicPtr<u64>,
) -> u64 {
    let seen = *shared.safe_load(hazard).expect("it is not null");
    hazard.reset_protection();
    seen
}

/// A value that nobody drops.
pub(crate) fn leaked() -> AtomicPtr<u64> {
    AtomicPtr::new(black_box(Box::into_raw(Box::new(1))))
}
