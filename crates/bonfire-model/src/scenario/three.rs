//! Scenarios of three and four CPUs.
//!
//! Two callers and one target are what a lost wake-up needs; a third observer is
//! what cumulativity needs; a third CPU is where a thread migrates to.

use std::collections::BTreeSet;

use bonfire_abi::Command;

use super::more::{of_section, of_shape, part};
use super::shape::Shape;
use super::situation::{CALLER, FAST, SIBLING, STRANGER};
use super::{Needs, Part, Scenario};
use crate::explorer::Outcome;
use crate::kernel::{Act, On, Var, user};

use Act::{Await, Call, Exit, Fetch, Offline, Online, Read, Rejoin, Signal, Switch, Write};
use Command::{
    GlobalExpedited, PrivateExpedited, RegisterGlobalExpedited, RegisterPrivateExpedited, RegisterSyncCore,
    Rseq, SyncCore,
};
use Var::{Code, X, Y, Z};

const CALL: Act = Call(PrivateExpedited);
const REGISTER: Act = Call(RegisterPrivateExpedited);
/// A second caller of the same address space.
const OTHER: On = user(0, 3);
/// Callers that are nobody's targets: of address spaces that registered for
/// nothing.
const ONE: On = user(2, 0);
const TWO: On = user(1, 5);

/// All of them.
#[must_use]
pub fn scenarios() -> Vec<Scenario> {
    [callers(), flavours(), hotplug(), gates(), migration(), observers(), restarts()]
        .into_iter()
        .flatten()
        .collect()
}

/// Several callers at once.
fn callers() -> Vec<Scenario> {
    let bare = |on| part(on, &[CALL]);
    let global = |on| part(on, &[Call(GlobalExpedited)]);
    let idle = part(FAST, &[]);
    let mut all = vec![
        registered_global(Scenario::bare("q3x", vec![global(ONE), idle.clone(), global(TWO)])),
        Scenario::bare("q6", vec![bare(CALLER), bare(FAST), bare(OTHER)]),
        both("q3", Shape::Sb),
        both("q3m", Shape::Mp),
    ];
    for shape in Shape::MAIN {
        let (mine, theirs) = shape.sides(0);
        let caller = part(CALLER, &[mine[0], CALL, mine[1]]);
        let stranger = part(ONE, &[mine[0], Call(GlobalExpedited), mine[1]]);
        let three = vec![stranger, part(FAST, &theirs), global(TWO)];
        all.push(registered_global(of_shape("q3s", shape, three)));
        // The second caller is a target of the first.
        let heavy = part(FAST, &[theirs[0], CALL, theirs[1]]);
        all.push(of_shape("q5", shape, vec![caller, heavy, part(OTHER, &[])]));
    }
    let registers = part(OTHER, &[REGISTER]);
    let (mine, theirs) = Shape::Sb.sides(0);
    let first = part(CALLER, &[REGISTER, mine[0], CALL, mine[1]]);
    let in_late = part(STRANGER, &[Switch(FAST), theirs[0], theirs[1]]);
    all.push(unregistered(of_shape("q7", Shape::Sb, vec![first, in_late, registers])));
    let four = vec![global(ONE), idle, global(TWO), global(user(1, 4))];
    all.push(registered_global(Scenario::bare("q3xx", four)));
    all
}

/// Two callers, each with the same shape towards one target.
fn both(name: &str, shape: Shape) -> Scenario {
    let global = Call(GlobalExpedited);
    let parts = match shape {
        Shape::Sb => vec![
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
    let all = (0..16u64).map(|bits| (0..4).map(|bit| bits >> bit & 1).collect::<Outcome>());
    let bad = shape.forbidden();
    let is_bad = |outcome: &Outcome| outcome[..2] == bad[..] || outcome[2..] == bad[..];
    let (forbidden, expected) = all.partition(is_bad);
    let scenario = Scenario::bare(format!("{name}/{}", shape.name()), parts);
    registered_global(Scenario { registers: 4, forbidden, expected, ..scenario })
}

fn registered_global(scenario: Scenario) -> Scenario {
    Scenario { registered: vec![(0, RegisterGlobalExpedited)], ..scenario }
}

fn unregistered(scenario: Scenario) -> Scenario {
    Scenario { registered: vec![], ..scenario }
}

/// Different flavours asked of one target.
fn flavours() -> Vec<Scenario> {
    let core = Call(SyncCore);
    let target = part(FAST, &[Read(Z, 0), Fetch(1)]);
    let publisher = part(CALLER, &[Write(Code, 1), core, Write(Z, 1)]);
    let flavour = |name: &str, parts: Vec<Part>| Scenario {
        registered: vec![(0, RegisterPrivateExpedited), (0, RegisterSyncCore)],
        registers: 2,
        forbidden: BTreeSet::from([vec![1, 0]]),
        expected: BTreeSet::from([vec![0, 0], vec![0, 1], vec![1, 1]]),
        needs: Needs::CoreSync,
        ..Scenario::bare(name, parts)
    };
    vec![
        flavour("q4", vec![publisher.clone(), target.clone(), part(OTHER, &[CALL])]),
        flavour("q4c", vec![publisher, target, part(OTHER, &[core])]),
    ]
}

/// Two callers, and a target that goes away.
fn hotplug() -> Vec<Scenario> {
    let away = [Switch(On::Kernel), Offline];
    let and_back = [Switch(On::Kernel), Offline, Online, Switch(FAST)];
    let bare = |name, acts: &[Act]| {
        let caller = |on| part(on, &[Call(GlobalExpedited)]);
        registered_global(Scenario::bare(name, vec![caller(ONE), part(FAST, acts), caller(TWO)]))
    };
    let (mine, theirs) = Shape::Sb.sides(0);
    let caller = part(ONE, &[mine[0], Call(GlobalExpedited), mine[1]]);
    let both = [theirs[0], theirs[1], away[0], away[1]];
    let other = || part(TWO, &[Call(GlobalExpedited)]);
    vec![
        bare("h6", &away),
        bare("h7", &and_back),
        registered_global(of_shape("h6", Shape::Sb, vec![caller.clone(), part(FAST, &both), other()])),
        // Two CPUs die at once.
        Scenario::bare("h8", vec![part(CALLER, &[CALL]), part(FAST, &away), part(OTHER, &away)]),
        registered_global(of_shape("h8", Shape::Sb, vec![caller, part(FAST, &both), part(OTHER, &away)])),
    ]
}

/// A second thread finds the gate open, and calls at once.
fn gates() -> Vec<Scenario> {
    let mut all = Vec::new();
    for shape in [Shape::Sb, Shape::Mp] {
        let (mine, theirs) = shape.sides(0);
        // Writes z only if it was let in, so that z tells.
        let second = part(OTHER, &[mine[0], CALL, mine[1], Write(Z, 1), Rejoin]);
        let parts =
            vec![part(CALLER, &[REGISTER]), part(STRANGER, &[Switch(FAST), theirs[0], theirs[1]]), second];
        let granted = |outcome: Outcome| [outcome, vec![1]].concat();
        let scenario = of_shape("P2", shape, parts);
        all.push(Scenario {
            registered: vec![],
            shown: vec![Z],
            forbidden: BTreeSet::from([granted(shape.forbidden())]),
            expected: shape.expected().into_iter().map(granted).collect(),
            ..scenario
        });
    }
    // Two threads register at once; one of them is cloned meanwhile.
    let (mine, theirs) = Shape::Sb.sides(0);
    let parts = vec![
        part(CALLER, &[Act::CallAlone(RegisterPrivateExpedited), Signal(0), mine[0], CALL, mine[1]]),
        part(STRANGER, &[Await(0), Switch(FAST), theirs[0], theirs[1]]),
        part(user(1, 4), &[Await(0), Switch(SIBLING), REGISTER]),
    ];
    all.push(unregistered(of_shape("P3", Shape::Sb, parts)));
    all
}

/// Threads that change CPUs.
fn migration() -> Vec<Scenario> {
    let mut all = Vec::new();
    for shape in Shape::MAIN {
        let (mine, theirs) = shape.sides(0);
        // The fast thread goes from CPU 1 to CPU 2 between its accesses.
        let caller = part(CALLER, &[mine[0], CALL, mine[1]]);
        let from = part(FAST, &[theirs[0], Switch(On::Lazy(0)), Signal(0)]);
        let to = part(STRANGER, &[Await(0), Switch(FAST), theirs[1]]);
        all.push(of_shape("W1", shape, vec![caller.clone(), from, to]));
        // The caller comes from CPU 2 and goes on there.
        let before =
            part(CALLER, &[mine[0], Switch(On::Kernel), Signal(0), Await(1), Switch(CALLER), mine[1]]);
        let call = part(On::Kernel, &[Await(0), Switch(CALLER), CALL, Switch(On::Kernel), Signal(1)]);
        all.push(of_shape("K2", shape, vec![before, part(FAST, &theirs), call]));
        // A thread is cloned during the walk, and the one that cloned it exits.
        let clones = part(FAST, &[theirs[0], Signal(0), Exit]);
        let cloned = part(STRANGER, &[Await(0), Switch(SIBLING), theirs[1]]);
        all.push(of_shape("W2", shape, vec![caller, clones, cloned]));
    }
    all
}

/// One slow side and more than one fast, or a chain of them.
fn observers() -> Vec<Scenario> {
    let forbid = |name: &str, registers: usize, bad: Outcome, parts: Vec<Part>| {
        let all =
            (0..1u64 << registers).map(|bits| (0..registers).map(|bit| bits >> bit & 1).collect::<Outcome>());
        let (forbidden, expected) = all.partition(|outcome| outcome.starts_with(&bad));
        Scenario { registers, forbidden, expected, ..Scenario::bare(name, parts) }
    };
    let publisher = part(FAST, &[Write(X, 1), Write(Y, 1)]);
    let middle = part(CALLER, &[Read(Y, 0), CALL, Write(Z, 1)]);
    let fenced = [Read(Z, 1), Act::Fence, Read(X, 2)];
    let heavy = [Read(Z, 1), CALL, Read(X, 2)];
    let light = [Read(Z, 1), Read(X, 2)];
    let chain = |name: &str, is_reached: bool, parts: Vec<Part>| {
        let scenario = forbid(name, 3, vec![1, 1, 0], parts);
        if is_reached {
            let expected = scenario.expected.union(&scenario.forbidden).cloned().collect();
            Scenario { expected, forbidden: BTreeSet::new(), ..scenario }
        } else {
            scenario
        }
    };
    vec![
        // x is read by the first fast side, which writes y; the caller reads y, then x.
        forbid(
            "WRC",
            3,
            vec![1, 1, 0],
            vec![
                part(CALLER, &[Read(Y, 1), CALL, Read(X, 2)]),
                part(FAST, &[Read(X, 0), Write(Y, 1)]),
                part(ONE, &[Write(X, 1)]),
            ],
        ),
        // x is written before y by a fast side; who reads y calls, and writes z.
        chain("ISA2", false, vec![publisher.clone(), middle.clone(), part(OTHER, &fenced)]),
        chain("ISA2/two heavy", false, vec![publisher.clone(), middle.clone(), part(OTHER, &heavy)]),
        // A barrier at some time on each of two fast sides is none between them.
        chain("ISA2/two light", true, vec![publisher, middle, part(OTHER, &light)]),
        forbid(
            "IRIW",
            4,
            vec![1, 0, 1, 0],
            vec![
                part(CALLER, &[Read(X, 0), CALL, Read(Y, 1)]),
                part(FAST, &[Read(Y, 2), Read(X, 3)]),
                part(ONE, &[Write(X, 1)]),
                part(TWO, &[Write(Y, 1)]),
            ],
        ),
        forbid(
            "K3",
            3,
            vec![0, 0],
            vec![
                part(CALLER, &[Write(X, 1), CALL, Read(Y, 0)]),
                part(FAST, &[Write(Y, 1), Read(X, 1)]),
                part(OTHER, &[Read(X, 2), Switch(SIBLING)]),
            ],
        ),
    ]
}

/// Critical sections on two CPUs, one of which is named.
fn restarts() -> Vec<Scenario> {
    let section = |var, register, value| [Act::Begin, Read(X, register), Act::Commit(var, value)];
    let parts = vec![
        part(CALLER, &[Write(X, 1), Call(Rseq), Write(Y, 1)]),
        part(FAST, &section(Y, 0, 2)),
        part(OTHER, &[Call(Rseq)]),
    ];
    vec![of_section("R1/two callers", parts)]
}
