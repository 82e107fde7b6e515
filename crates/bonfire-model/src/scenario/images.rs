//! Address spaces that are made anew: by an exec, which forgets what was
//! registered, and by a fork, which inherits it.

use std::collections::BTreeSet;

use bonfire_abi::Command::{
    GlobalExpedited, PrivateExpedited, RegisterGlobalExpedited, RegisterPrivateExpedited,
};

use super::shape::{MAIN, Shape, Told};
use super::situation::{CALLER, FAST, ONE};
use super::{Scenario, part};
use crate::vocabulary::{Act, On, Var::Z, user};

use Act::{Await, Call, Exec, Fork, Hear, Rejoin, Signal, Switch, Tell, Write};

const CALL: Act = Call(PrivateExpedited);
/// Two threads of the new address space.
const NEW: On = user(1, 4);
const NEW_FAST: On = user(1, 5);

/// Those of two CPUs.
pub(super) fn two_cpus() -> Vec<Scenario> {
    let mut all = vec![refused()];
    for shape in MAIN {
        all.extend(execs(shape));
        all.extend(forks(shape));
    }
    all
}

/// The new image calls before it registers, and is refused.
fn refused() -> Scenario {
    let calls = [Exec(1), CALL, Write(Z, 1), Rejoin];
    Scenario {
        shown: vec![Z],
        forbidden: BTreeSet::from([vec![1]]),
        expected: BTreeSet::from([vec![0]]),
        ..Scenario::bare(
            "X2",
            "a thread execs, and its new image calls without having registered: it is refused",
            vec![part(CALLER, &[CALL]), part(FAST, &calls)],
        )
    }
}

fn execs(shape: Shape) -> Vec<Scenario> {
    let (mine, theirs) = shape.sides(0);
    let global = [mine[0], Call(GlobalExpedited), mine[1]];
    let hears = part(ONE, &[&[Hear(0)], &global[..]].concat());
    let register = Call(RegisterGlobalExpedited);
    let again = part(FAST, &[Exec(1), register, Tell(0), theirs[0], theirs[1]]);
    let registers = part(CALLER, &[&[register], &global[..]].concat());
    let private = [Exec(1), Signal(0), Call(RegisterPrivateExpedited), mine[0], CALL, mine[1]];
    let enters = part(On::Kernel, &[Await(0), Switch(NEW_FAST), theirs[0], theirs[1]]);
    let calls = [Await(0), Switch(NEW), Call(RegisterPrivateExpedited), mine[0], CALL, mine[1]];
    vec![
        Scenario::of_shape(
            "X3",
            "a thread execs, and its new image registers and is a target again",
            shape,
            vec![hears, again],
        )
        .registered(&[(0, RegisterGlobalExpedited)]),
        Scenario::of_shape(
            "G4",
            "a registration reaches a CPU in the middle of an exec",
            shape,
            vec![registers, part(FAST, &[theirs[0], theirs[1], Exec(1)])],
        )
        .registered(&[]),
        Scenario::of_shape(
            "X4",
            "a thread execs, and its new image registers and calls while another thread of it enters",
            shape,
            vec![part(FAST, &private), enters],
        ),
        Scenario::of_shape(
            "X5",
            "a thread execs, and another thread of its new image registers and calls while it runs",
            shape,
            vec![part(On::Kernel, &calls), part(FAST, &[Exec(1), Signal(0), theirs[0], theirs[1]])],
        ),
    ]
}

fn forks(shape: Shape) -> Vec<Scenario> {
    let (mine, theirs) = shape.sides(0);
    let child = [Fork(1), Signal(0), Switch(NEW), mine[0], CALL, mine[1]];
    let enters = [Await(0), Switch(NEW_FAST), theirs[0], theirs[1]];
    let registers = [Fork(1), Signal(0), Switch(NEW), Call(RegisterPrivateExpedited), mine[0], CALL, mine[1]];
    let becomes = [Fork(1), Switch(NEW_FAST), theirs[0], theirs[1]];
    vec![
        Scenario::of_shape(
            "F1",
            "a child calls by what its parent registered for, while another thread of it enters",
            shape,
            vec![part(CALLER, &child), part(On::Kernel, &enters)],
        ),
        Scenario::of_shape(
            "F4",
            "a child whose parent registered for GLOBAL_EXPEDITED registers for the plain barrier, and calls while \
             another thread of it enters",
            shape,
            vec![part(CALLER, &registers), part(On::Kernel, &enters)],
        )
        .registered(&[(0, RegisterGlobalExpedited)]),
        Scenario::of_shape(
            "F2",
            "a child is a target by what its parent registered for",
            shape,
            vec![part(ONE, &[mine[0], Call(GlobalExpedited), mine[1]]), part(FAST, &becomes)],
        )
        .registered(&[(0, RegisterGlobalExpedited)]),
    ]
}
