//! A store that instruction fetch sees whole.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU16, AtomicU32};

/// Writes `bytes` to `place`: in one store, if there are 1, 2 or 4 of them and the place is
/// aligned to as many.
pub(crate) fn store(place: &mut [u8], bytes: &[u8]) {
    assert_eq!(place.len(), bytes.len(), "of one length");
    let first = place.as_mut_ptr();
    let is_aligned = first.addr() % bytes.len().max(1) == 0;
    // Relaxed: instruction fetch is ordered by serialising, not by accesses.
    match *bytes {
        [a, b] if is_aligned => {
            // SAFETY: two bytes, aligned, and ours to write.
            let word = unsafe { AtomicU16::from_ptr(first.cast()) };
            word.store(u16::from_ne_bytes([a, b]), Relaxed);
        }
        [a, b, c, d] if is_aligned => {
            // SAFETY: four bytes, aligned, and ours to write.
            let word = unsafe { AtomicU32::from_ptr(first.cast()) };
            word.store(u32::from_ne_bytes([a, b, c, d]), Relaxed);
        }
        _ => place.copy_from_slice(bytes),
    }
}
