//! The words of the protocol: callers that meet, repeat themselves, or keep
//! their interrupts off.

use bonfire_abi::Command;
use bonfire_conformance::shape::{MP_P1, SB};

use super::shape::{MAIN, Shape, Told};
use super::situation::{CALLER, FAST, ONE, OTHER, STRANGER, TWO, bracket};
use super::{Scenario, outcomes, part};
use crate::explorer::Outcome;
use crate::vocabulary::{Act, user};

use crate::vocabulary::Var::{X, Y, Z};
use Act::{Call, CallClosed, Read, Switch, Write};
use Command::{GlobalExpedited, PrivateExpedited, RegisterGlobalExpedited, RegisterPrivateExpedited};

const CALL: Act = Call(PrivateExpedited);

/// Those of two CPUs.
pub(super) fn two_cpus() -> Vec<Scenario> {
    let mut all = Vec::new();
    for shape in MAIN {
        let (mine, theirs) = shape.sides(0);
        let heavy = |side| bracket(side, PrivateExpedited);
        all.push(Scenario::of_shape(
            "q1",
            "two callers, each the target of the other",
            shape,
            vec![part(CALLER, &heavy(mine)), part(FAST, &heavy(theirs))],
        ));
        let closed = |[before, after]: [Act; 2]| [before, CallClosed(PrivateExpedited), after];
        all.push(Scenario::of_shape(
            "q1o",
            "two callers with interrupts off, each the target of the other: each serves its own inbox while \
             it waits",
            shape,
            vec![part(CALLER, &closed(mine)), part(FAST, &closed(theirs))],
        ));
        all.push(Scenario::of_shape(
            "q2",
            "one caller calls twice in a row",
            shape,
            vec![part(CALLER, &[CALL, mine[0], CALL, mine[1]]), part(FAST, &theirs)],
        ));
    }
    all
}

/// Those of more.
pub(super) fn more_cpus() -> Vec<Scenario> {
    let bare = |on| part(on, &[CALL]);
    let global = |on| part(on, &[Call(GlobalExpedited)]);
    let idle = part(FAST, &[]);
    let mut all = vec![
        Scenario::bare(
            "q3x",
            "two callers that nobody calls ask one target at once",
            vec![global(ONE), idle.clone(), global(TWO)],
        )
        .registered(GLOBAL),
        Scenario::bare(
            "q6",
            "three callers at once, each the target of the others",
            vec![bare(CALLER), bare(FAST), bare(OTHER)],
        ),
        both("q3", SB),
        both("q3m", MP_P1),
    ];
    for shape in MAIN {
        let (mine, theirs) = shape.sides(0);
        let caller = part(CALLER, &[mine[0], CALL, mine[1]]);
        let stranger = part(ONE, &[mine[0], Call(GlobalExpedited), mine[1]]);
        let three = vec![stranger, part(FAST, &theirs), global(TWO)];
        let about = "a caller and a second one ask the fast side at once";
        all.push(Scenario::of_shape("q3s", about, shape, three).registered(GLOBAL));
        let heavy = part(FAST, &[theirs[0], CALL, theirs[1]]);
        all.push(Scenario::of_shape(
            "q5",
            "the second caller is a target of the first",
            shape,
            vec![caller, heavy, part(OTHER, &[])],
        ));
        all.push(closed_wait(shape));
    }
    let registers = part(OTHER, &[Call(RegisterPrivateExpedited)]);
    let (mine, theirs) = SB.sides(0);
    let first = part(CALLER, &[Call(RegisterPrivateExpedited), mine[0], CALL, mine[1]]);
    let in_late = part(STRANGER, &[Switch(FAST), theirs[0], theirs[1]]);
    all.push(
        Scenario::of_shape(
            "q7",
            "two threads register at once while the fast side switches in",
            SB,
            vec![first, in_late, registers],
        )
        .registered(&[]),
    );
    let four = vec![global(ONE), idle, global(TWO), global(user(1, 4))];
    let about = "three callers that nobody calls ask one target at once";
    all.push(Scenario::bare("q3xx", about, four).registered(GLOBAL));
    all
}

const GLOBAL: &[(usize, Command)] = &[(0, RegisterGlobalExpedited)];

/// A caller with interrupts off is woken by its own inbox before its target has
/// answered: having served, it must wait on.
fn closed_wait(shape: Shape) -> Scenario {
    let (mine, theirs) = shape.sides(0);
    let closed = part(CALLER, &[mine[0], CallClosed(PrivateExpedited), mine[1]]);
    let asks = part(ONE, &[Call(GlobalExpedited)]);
    Scenario::of_shape(
        "q8",
        "a caller with interrupts off is asked by another before its own target answers, and waits on when it \
         has served",
        shape,
        vec![closed, part(FAST, &theirs), asks],
    )
    .registered(&[(0, RegisterPrivateExpedited), (0, RegisterGlobalExpedited)])
}

/// Two callers, each with the same shape towards one target.
fn both(name: &str, shape: Shape) -> Scenario {
    let global = Call(GlobalExpedited);
    let parts = match shape {
        shape if shape == SB => vec![
            part(ONE, &[Write(X, 1), global, Read(Y, 0)]),
            part(FAST, &[Write(Y, 1), Read(X, 1), Read(Z, 3)]),
            part(TWO, &[Write(Z, 1), global, Read(Y, 2)]),
        ],
        _ => vec![
            part(ONE, &[Read(Y, 0), global, Read(X, 1)]),
            part(FAST, &[Write(X, 1), Write(Y, 1)]),
            part(TWO, &[Read(Y, 2), global, Read(X, 3)]),
        ],
    };
    let bad = shape.forbidden();
    let is_bad = |outcome: &Outcome| outcome[..2] == bad[..] || outcome[2..] == bad[..];
    let (forbidden, expected) = outcomes(&[0, 1], 4).into_iter().partition(is_bad);
    let about = format!("two callers at once, and to each of them: {}", shape.about());
    let scenario = Scenario::bare(format!("{name}/{}", shape), about, parts).registered(GLOBAL);
    Scenario { registers: 4, forbidden, expected, ..scenario }
}
