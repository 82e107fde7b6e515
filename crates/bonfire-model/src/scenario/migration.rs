//! Threads that change CPUs: the fast one between its accesses, the caller
//! before, behind, or in the middle of its call.

use bonfire_abi::Command::PrivateExpedited;

use super::shape::{MAIN, Shape, Told};
use super::situation::{CALLER, FAST, SIBLING, STRANGER};
use super::{Scenario, part};
use crate::vocabulary::{Act, On};

use Act::{Await, Call, CallMoved, Exit, Signal, Switch};

const CALL: Act = Call(PrivateExpedited);

/// Those of two CPUs.
pub(super) fn two_cpus() -> Vec<Scenario> {
    let of_shape = |shape: Shape| {
        let (mine, theirs) = shape.sides(0);
        let left = part(CALLER, &[Switch(FAST), Signal(0), theirs[0], theirs[1]]);
        let call = CallMoved { from: 0, command: PrivateExpedited };
        let goes_on = part(On::Kernel, &[Await(0), Switch(CALLER), mine[0], call, mine[1]]);
        Scenario::of_shape(
            "K4",
            "a caller that is not pinned moves to another CPU in the middle of its call, and the fast side \
             has the CPU that it came from",
            shape,
            vec![left, goes_on],
        )
    };
    MAIN.map(of_shape).to_vec()
}

/// Those of more.
pub(super) fn more_cpus() -> Vec<Scenario> {
    let mut all = Vec::new();
    for shape in MAIN {
        let (mine, theirs) = shape.sides(0);
        let caller = part(CALLER, &[mine[0], CALL, mine[1]]);
        let from = part(FAST, &[theirs[0], Switch(On::Lazy(0)), Signal(0)]);
        let to = part(STRANGER, &[Await(0), Switch(FAST), theirs[1]]);
        let about = "the fast thread goes from one CPU to another between its accesses";
        all.push(Scenario::of_shape("W1", about, shape, vec![caller.clone(), from, to]));
        let before =
            part(CALLER, &[mine[0], Switch(On::Kernel), Signal(0), Await(1), Switch(CALLER), mine[1]]);
        let call = part(On::Kernel, &[Await(0), Switch(CALLER), CALL, Switch(On::Kernel), Signal(1)]);
        let about = "the caller goes to another CPU for its call, and comes back";
        all.push(Scenario::of_shape("K2", about, shape, vec![before, part(FAST, &theirs), call]));
        let clones = part(FAST, &[theirs[0], Signal(0), Exit]);
        let cloned = part(STRANGER, &[Await(0), Switch(SIBLING), theirs[1]]);
        let about = "a thread is cloned while the caller looks for threads, and the one that cloned it exits";
        all.push(Scenario::of_shape("W2", about, shape, vec![caller, clones, cloned]));
    }
    all
}
