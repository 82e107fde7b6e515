//! `GLOBAL` on a machine that has a grace period of its own: the engine pokes
//! nobody, and its two barriers are all that orders the caller.

use super::shape::{MAIN, PAIRS};
use super::situation::{Caller, GLOBAL, place, situations};
use super::{Needs, Scenario};

/// Those of two CPUs.
pub(super) fn two_cpus() -> Vec<Scenario> {
    let caller = Caller { suffix: " grace", needs: Needs::Grace, ..GLOBAL };
    let chosen = |name: &str| ["C1", "C3", "C4", "D"].contains(&name);
    let mut all = Vec::new();
    for situation in situations() {
        if situation.name == "AB" {
            all.extend(PAIRS.map(|shape| place(&situation, shape, caller)));
        } else if chosen(situation.name) {
            all.extend(MAIN.map(|shape| place(&situation, shape, caller)));
        }
    }
    all
}
