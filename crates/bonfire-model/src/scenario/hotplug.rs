//! CPUs that go offline and come online while others call. Those in which that
//! is all that happens to the fast side are [situations](super::situation).

use bonfire_abi::Command::{GlobalExpedited, PrivateExpedited, RegisterGlobalExpedited};
use bonfire_conformance::shape::SB;

use super::shape::{MAIN, Told};
use super::situation::{CALLER, FAST, ONE, OTHER, TWO};
use super::{Scenario, part};
use crate::vocabulary::{Act, On};

use Act::{Call, Offline, Online, Switch};

const CALL: Act = Call(PrivateExpedited);

/// Those of two CPUs.
pub(super) fn two_cpus() -> Vec<Scenario> {
    let mut all = Vec::new();
    for shape in MAIN {
        let (mine, theirs) = shape.sides(0);
        let away = [theirs[0], theirs[1], Switch(On::Kernel), Offline];
        all.push(Scenario::of_shape(
            "h4",
            "the fast side's CPU goes offline between two calls or in one of them",
            shape,
            vec![part(CALLER, &[mine[0], CALL, mine[1], CALL]), part(FAST, &away)],
        ));
        let again = [Switch(On::Kernel), Offline, Online, Switch(FAST), theirs[0], theirs[1]];
        all.push(Scenario::of_shape(
            "e4",
            "the fast side's CPU goes offline and online again, and the poke of the first call may be lost",
            shape,
            vec![part(CALLER, &[CALL, mine[0], CALL, mine[1]]), part(FAST, &again)],
        ));
    }
    all
}

/// Those of more: two callers, and a target that goes away.
pub(super) fn more_cpus() -> Vec<Scenario> {
    let away = [Switch(On::Kernel), Offline];
    let and_back = [Switch(On::Kernel), Offline, Online, Switch(FAST)];
    let global = [(0, RegisterGlobalExpedited)];
    let bare = |name, about, acts: &[Act]| {
        let caller = |on| part(on, &[Call(GlobalExpedited)]);
        Scenario::bare(name, about, vec![caller(ONE), part(FAST, acts), caller(TWO)]).registered(&global)
    };
    let (mine, theirs) = SB.sides(0);
    let caller = part(ONE, &[mine[0], Call(GlobalExpedited), mine[1]]);
    let both = [theirs[0], theirs[1], away[0], away[1]];
    let other = || part(TWO, &[Call(GlobalExpedited)]);
    let leaves = "two callers, and their one target goes offline";
    let die = "two CPUs go offline at once";
    vec![
        bare("h6", leaves, &away),
        bare("h7", "two callers, and their one target goes offline and comes back", &and_back),
        Scenario::of_shape("h6", leaves, SB, vec![caller.clone(), part(FAST, &both), other()])
            .registered(&global),
        Scenario::bare("h8", die, vec![part(CALLER, &[CALL]), part(FAST, &away), part(OTHER, &away)]),
        Scenario::of_shape("h8", die, SB, vec![caller, part(FAST, &both), part(OTHER, &away)])
            .registered(&global),
    ]
}
