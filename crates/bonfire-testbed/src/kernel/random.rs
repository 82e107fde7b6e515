//! Numbers that differ from boot to boot, for programs that ask for random ones. They
//! are good for hash tables and no secret: the seed is the clock.

use crate::arch;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

static STATE: AtomicU64 = AtomicU64::new(0);

/// So many bytes.
pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    core::array::from_fn(|_| (next() >> 56) as u8)
}

/// The next number of Steele, Lea and Flood's SplitMix64 ("Fast splittable pseudorandom
/// number generators", OOPSLA 2014).
fn next() -> u64 {
    const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut x = STATE.fetch_add(GOLDEN, Relaxed).wrapping_add(arch::clock());
    x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ x >> 31
}
