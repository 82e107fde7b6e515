//! Faults that were planted are found, and their cures hold.

use bonfire_model::explorer::{Memory, Plan, PokeOrder, Rules, explore};
use bonfire_model::planted;

const PLAN: Plan = Plan::within(1 << 30);

#[test]
fn every_planted_fault_is_found_and_its_cure_holds() {
    for fault in planted::all() {
        for pokes in [PokeOrder::None, PokeOrder::Full] {
            let rules = Rules { pokes, ..Rules::WEAK };
            let wrong = explore((fault.test)(false), rules, PLAN);
            assert!(wrong.verdict.is_flawed(), "{} with {pokes:?}: {:?}", fault.name, wrong.verdict);
            let cured = explore((fault.test)(true), rules, PLAN);
            assert!(cured.verdict.holds(), "{} with {pokes:?}: {:?}", fault.name, cured.verdict);
        }
    }
}

#[test]
fn the_lost_wake_up_is_there_on_x86_too() {
    let lost = planted::all().into_iter().next().expect("the first");
    let rules = Rules { memory: Memory::Tso, ..Rules::WEAK };
    assert!(explore((lost.test)(false), rules, PLAN).verdict.is_flawed());
    assert!(explore((lost.test)(true), rules, PLAN).verdict.holds());
}
