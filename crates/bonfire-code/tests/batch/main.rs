//! However many functions are published together, threads serialise once. Alone in its
//! process: it counts the calls of all of it.

#[path = "../../examples/expressions/machine.rs"]
#[expect(dead_code, reason = "one function of it is enough here")]
mod machine;
#[path = "../../benches/sys/mod.rs"]
mod sys;

use bonfire::statistics::Statistics;
use bonfire_code::{Arena, Publisher};
use bonfire_skip::{Cause, skip};

pub(crate) type Number = extern "C" fn(i64) -> i64;

#[test]
fn a_batch_of_a_thousand_is_one_call() {
    let Ok(publisher) = Publisher::register() else { skip!(Cause::Kernel("has no core serialisation")) };
    let arena = Arena::new().expect("memory");
    let drafts: Vec<_> = (0..1_000).map(|n| sys::place(&arena, &machine::number(n))).collect();
    let before = Statistics::now().sync_core;
    let published = publisher.publish(drafts).expect("published");
    assert_eq!(Statistics::now().sync_core - before, 1);
    assert_eq!(published[999].call((0,)), 999);
}
