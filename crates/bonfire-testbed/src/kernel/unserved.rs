//! The calls that a program made and this kernel does not serve: each is named once,
//! and counted to the end.

use crate::lock::Lock;
use alloc::collections::BTreeMap;
use bonfire_testbed::names;

/// How often each number was asked for.
static ASKED: Lock<BTreeMap<u64, u64>> = Lock::new(BTreeMap::new());

/// A program asked for this number.
pub(crate) fn note(number: u64) {
    let times = {
        let mut asked = ASKED.lock();
        let times = asked.entry(number).or_insert(0);
        *times += 1;
        *times
    };
    if times == 1 {
        crate::say!("not served: {} (call {number}); answered with ENOSYS", names::of(number));
    }
}

/// Says how often, at the end.
pub(crate) fn report() {
    for (number, times) in &*ASKED.lock() {
        crate::say!("not served: {} (call {number}): {times} in all", names::of(*number));
    }
}
