//! Each thread's registration for restartable sequences.

use crate::arch::RSEQ_SIGNATURE;
use crate::sys;
use bonfire_conformance::RseqArea;
use bonfire_testbed::calls::Sysnum;
use core::ptr::NonNull;

/// What `rseq(2)` calls `struct rseq`: 32 bytes on a boundary of 32, zero at
/// first.
#[repr(C, align(32))]
struct Area([u64; 4]);

const UNREGISTER: u64 = 1;

/// Calls `f` with an area that is registered for this thread meanwhile; with
/// none, if the kernel has no restartable sequences.
pub(crate) fn with_area(f: impl FnOnce(Option<RseqArea>)) {
    let mut area = Area([0; 4]);
    let place = NonNull::from(&mut area);
    let call = |flags| {
        sys::call(
            Sysnum::Rseq,
            [place.as_ptr() as u64, size_of::<Area>() as u64, flags, RSEQ_SIGNATURE.into(), 0, 0],
        )
    };
    if call(0) < 0 {
        return f(None);
    }
    // SAFETY: registered just now by this thread, and until `f` has returned.
    f(unsafe { RseqArea::new(place.cast()) });
    call(UNREGISTER);
}
