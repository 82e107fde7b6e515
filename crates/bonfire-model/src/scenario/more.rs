//! Scenarios of two CPUs that are no shape in a situation.

use std::collections::BTreeSet;

use bonfire_abi::Command;

use super::shape::Shape;
use super::situation::{CALLER, FAST, SIBLING, STRANGER, bracket};
use super::{Needs, Part, Scenario};
use crate::kernel::{Act, On, Var, user};

use Act::{Await, Begin, Call, CallAlone, CallClosed, CallOne, Commit, Exec, Exit, Fetch, Hear, Offline};
use Act::{Online, Read, Rejoin, Signal, Switch, Tell, Write};
use Command::{
    GlobalExpedited, PrivateExpedited, RegisterGlobalExpedited, RegisterPrivateExpedited, RegisterRseq,
    RegisterSyncCore, Rseq, SyncCore,
};
use Var::{Code, X, Y, Z};

/// All of them.
#[must_use]
pub fn scenarios() -> Vec<Scenario> {
    [
        requests(),
        registrations(),
        registrations_and_switches(),
        execs(),
        core_syncs(),
        core_sync_registrations(),
        rseqs(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What a CPU is occupied by, and what it does.
pub(crate) fn part(on: impl Into<Option<On>>, acts: &[Act]) -> Part {
    Part { on: on.into(), acts: acts.to_vec() }
}

/// A scenario that shows what a shape shows.
pub(crate) fn of_shape(name: &str, shape: Shape, parts: Vec<Part>) -> Scenario {
    Scenario {
        registers: shape.registers(),
        shown: shape.shown(),
        forbidden: BTreeSet::from([shape.forbidden()]),
        expected: shape.expected(),
        ..Scenario::bare(format!("{name}/{}", shape.name()), parts)
    }
}

/// The words of the protocol: callers that meet, repeat themselves, or find a
/// CPU gone.
fn requests() -> Vec<Scenario> {
    let call = Call(PrivateExpedited);
    let mut all = Vec::new();
    for shape in Shape::MAIN {
        let (mine, theirs) = shape.sides(0);
        let heavy = bracket(mine, PrivateExpedited);
        all.push(of_shape(
            "q1",
            shape,
            vec![part(CALLER, &heavy), part(FAST, &bracket(theirs, PrivateExpedited))],
        ));
        let closed = |[before, after]: [Act; 2]| [before, CallClosed(PrivateExpedited), after];
        all.push(of_shape("q1o", shape, vec![part(CALLER, &closed(mine)), part(FAST, &closed(theirs))]));
        all.push(of_shape(
            "q2",
            shape,
            vec![part(CALLER, &[call, mine[0], call, mine[1]]), part(FAST, &theirs)],
        ));
        let away = [theirs[0], theirs[1], Switch(On::Kernel), Offline];
        all.push(of_shape(
            "h4",
            shape,
            vec![part(CALLER, &[mine[0], call, mine[1], call]), part(FAST, &away)],
        ));
        let again = [Switch(On::Kernel), Offline, Online, Switch(FAST), theirs[0], theirs[1]];
        all.push(of_shape(
            "e4",
            shape,
            vec![part(CALLER, &[call, mine[0], call, mine[1]]), part(FAST, &again)],
        ));
    }
    all
}

/// Registrations that race with what other CPUs do, then a call.
fn registrations() -> Vec<Scenario> {
    let register = Call(RegisterPrivateExpedited);
    let mut all = Vec::new();
    for shape in Shape::MAIN {
        let (mine, theirs) = shape.sides(0);
        let caller = |register, command| part(CALLER, &[register, mine[0], Call(command), mine[1]]);
        let private = || caller(register, PrivateExpedited);
        let global = || caller(Call(RegisterGlobalExpedited), GlobalExpedited);
        let fast = |on: Option<On>, acts: &[Act]| part(on, &[acts, &theirs].concat());
        let mut push = |name: &str, parts| {
            all.push(Scenario { registered: vec![], ..of_shape(name, shape, parts) });
        };
        push("h5", vec![private(), fast(None, &[Online, Switch(FAST)])]);
        push("h5k", vec![private(), fast(None, &[Online, Switch(On::Lazy(0)), Switch(FAST)])]);
        let gone = [theirs[0], theirs[1], Switch(On::Kernel), Offline];
        push("h5o", vec![private(), part(None, &[&[Online, Switch(FAST)], &gone[..]].concat())]);
        push("G2/running", vec![global(), fast(Some(FAST), &[])]);
        push("GX2", vec![global(), fast(Some(On::Lazy(0)), &[Switch(FAST)])]);
        push("h5/global", vec![global(), fast(None, &[Online, Switch(FAST)])]);
        // The fast side registers itself, and says so, without a barrier.
        let stranger = part(user(2, 0), &[Hear(0), mine[0], Call(GlobalExpedited), mine[1]]);
        push("G2/self", vec![stranger, fast(Some(FAST), &[Call(RegisterGlobalExpedited), Tell(0)])]);
        // A sole thread registers; a thread that it clones comes later.
        let sole = part(
            CALLER,
            &[CallAlone(RegisterPrivateExpedited), Signal(0), mine[0], Call(PrivateExpedited), mine[1]],
        );
        push("Q1", vec![sole.clone(), fast(Some(STRANGER), &[Await(0), Switch(FAST)])]);
        push("Q1l", vec![sole, fast(Some(On::Lazy(0)), &[Await(0), Switch(FAST)])]);
    }
    all
}

/// Registrations that race with a switch.
fn registrations_and_switches() -> Vec<Scenario> {
    let mut all = Vec::new();
    for shape in Shape::MAIN {
        let (mine, [first, second]) = shape.sides(0);
        let switches: [(&str, On, Vec<Act>); 9] = [
            ("running", FAST, vec![first, second]),
            ("C1", On::Lazy(0), vec![Switch(FAST), first, second]),
            ("C2", STRANGER, vec![Switch(FAST), first, second]),
            ("C3", FAST, vec![first, second, Switch(On::Lazy(0))]),
            ("C4", FAST, vec![first, second, Switch(STRANGER)]),
            ("C5", FAST, vec![first, Switch(On::Lazy(0)), Switch(FAST), second]),
            ("C6s", FAST, vec![first, second, Switch(SIBLING)]),
            ("E2", On::Lazy(1), vec![Act::Borrow { space: 0, thread: 4 }, first, second, Act::Return]),
            ("D", FAST, vec![first, second, Exit]),
        ];
        let kinds = [
            ("P1", RegisterPrivateExpedited, PrivateExpedited),
            ("G2", RegisterGlobalExpedited, GlobalExpedited),
        ];
        for (kind, register, command) in kinds {
            for (name, on, acts) in &switches {
                if kind == "G2" && *name == "running" {
                    continue;
                }
                let caller = part(CALLER, &[Call(register), mine[0], Call(command), mine[1]]);
                let scenario = of_shape(&format!("{kind}/{name}"), shape, vec![caller, part(*on, acts)]);
                all.push(Scenario { registered: vec![], ..scenario });
            }
        }
    }
    all
}

/// Image changes: what was registered is gone, for all purposes.
fn execs() -> Vec<Scenario> {
    let mut all = Vec::new();
    // The new image calls before it registers, and is refused.
    let refused = [Exec(1), Call(PrivateExpedited), Write(Z, 1), Rejoin];
    all.push(Scenario {
        shown: vec![Z],
        forbidden: BTreeSet::from([vec![1]]),
        expected: BTreeSet::from([vec![0]]),
        ..Scenario::bare("X2", vec![part(CALLER, &[Call(PrivateExpedited)]), part(FAST, &refused)])
    });
    for shape in Shape::MAIN {
        let (mine, theirs) = shape.sides(0);
        // The new image registers and is a target again.
        let caller = part(user(2, 0), &[Hear(0), mine[0], Call(GlobalExpedited), mine[1]]);
        let fast = part(FAST, &[Exec(1), Call(RegisterGlobalExpedited), Tell(0), theirs[0], theirs[1]]);
        all.push(Scenario {
            registered: vec![(0, RegisterGlobalExpedited)],
            ..of_shape("X3", shape, vec![caller, fast])
        });
        // A registration reaches a CPU in the middle of an exec.
        let caller = part(CALLER, &[Call(RegisterGlobalExpedited), mine[0], Call(GlobalExpedited), mine[1]]);
        let fast = part(FAST, &[theirs[0], theirs[1], Exec(1)]);
        all.push(Scenario { registered: vec![], ..of_shape("G4", shape, vec![caller, fast]) });
    }
    all
}

/// The instruction stream: code is replaced, the call is made, and who hears of
/// it must not run what was there before.
fn core_syncs() -> Vec<Scenario> {
    let (first, second) = (Read(Z, 0), Fetch(1));
    let borrow = Act::Borrow { space: 0, thread: 4 };
    let situations: [(&str, Option<On>, Vec<Act>); 12] = [
        ("S1", Some(FAST), vec![first, second]),
        ("S2", Some(On::Lazy(0)), vec![Switch(FAST), first, second]),
        ("S2k", Some(On::Kernel), vec![Switch(FAST), first, second]),
        ("S3", Some(STRANGER), vec![Switch(FAST), first, second]),
        ("S/C5", Some(FAST), vec![first, Switch(On::Lazy(0)), Switch(FAST), second]),
        ("S/C6", Some(FAST), vec![first, Switch(SIBLING), second]),
        ("S/C7", Some(FAST), vec![first, Switch(STRANGER), Switch(FAST), second]),
        ("S/C9", Some(FAST), vec![first, Switch(On::Lazy(0)), Switch(STRANGER), Switch(FAST), second]),
        ("S/GX1", Some(SIBLING), vec![Exit, Switch(FAST), first, second]),
        ("S/E1", Some(On::Lazy(1)), vec![borrow, first, second]),
        ("S/h2", None, vec![Online, Switch(FAST), first, second]),
        ("S/h3", Some(FAST), vec![first, Switch(On::Kernel), Offline, Online, Switch(FAST), second]),
    ];
    let mut all = Vec::new();
    for (needs, machine) in CORE_SYNCS {
        for (name, on, acts) in &situations {
            let caller = part(CALLER, &[Write(Code, 1), Call(SyncCore), Write(Z, 1)]);
            all.push(core_sync(format!("{name}{machine}"), needs, vec![caller, part(*on, acts)]));
        }
        // The caller itself, and whoever follows it on its CPU.
        let itself = [Write(Code, 1), Call(SyncCore), Fetch(0)];
        let follower = [Write(Code, 1), Call(SyncCore), Switch(SIBLING), Fetch(0)];
        for (name, acts) in [("S4/self", itself.to_vec()), ("S4/sibling", follower.to_vec())] {
            all.push(Scenario {
                registers: 1,
                forbidden: BTreeSet::from([vec![0]]),
                expected: BTreeSet::from([vec![1]]),
                ..core_sync(format!("{name}{machine}"), needs, vec![part(CALLER, &acts), part(FAST, &[])])
            });
        }
        // A memory call, then a core-sync call, of one caller.
        let twice = part(CALLER, &[Write(Code, 1), Call(PrivateExpedited), Call(SyncCore), Write(Z, 1)]);
        let q4s = core_sync(format!("q4s{machine}"), needs, vec![twice, part(FAST, &[first, second])]);
        all.push(Scenario { registered: vec![(0, RegisterPrivateExpedited), (0, RegisterSyncCore)], ..q4s });
    }
    all
}

/// The machines that serialise a core, by what is left to the engine.
const CORE_SYNCS: [(Needs, &str); 4] = [
    (Needs::CoreSync, ""),
    (Needs::CoreSyncLate, " late"),
    (Needs::CoreSyncX86, " x86"),
    (Needs::CoreSyncX86Late, " x86 late"),
];

fn core_sync(name: String, needs: Needs, parts: Vec<Part>) -> Scenario {
    Scenario {
        registered: vec![(0, RegisterSyncCore)],
        registers: 2,
        forbidden: BTreeSet::from([vec![1, 0]]),
        expected: BTreeSet::from([vec![0, 0], vec![0, 1], vec![1, 1]]),
        needs,
        ..Scenario::bare(name, parts)
    }
}

/// Registrations for core serialisation that race with a switch: of a process
/// that has registered for nothing, and of one whose switches pay barriers.
fn core_sync_registrations() -> Vec<Scenario> {
    let (first, second) = (Read(Z, 0), Fetch(1));
    let mut all = Vec::new();
    for (needs, machine) in CORE_SYNCS {
        for (earlier, registered) in [("", vec![]), ("+private", vec![(0, RegisterPrivateExpedited)])] {
            for (name, on) in [("S2", On::Lazy(0)), ("S3", STRANGER)] {
                let caller =
                    part(CALLER, &[Call(RegisterSyncCore), Write(Code, 1), Call(SyncCore), Write(Z, 1)]);
                let fast = part(on, &[Switch(FAST), first, second]);
                let name = format!("P1/{name}{earlier}{machine}");
                all.push(Scenario {
                    registered: registered.clone(),
                    ..core_sync(name, needs, vec![caller, fast])
                });
            }
        }
    }
    all
}

/// A critical section that has read the old `x` must not overwrite what the
/// caller wrote to `y` after the call.
pub(crate) fn of_section(name: &str, parts: Vec<Part>) -> Scenario {
    Scenario {
        registered: vec![(0, RegisterRseq)],
        registers: 1,
        shown: vec![Y],
        forbidden: BTreeSet::from([vec![0, 2]]),
        expected: BTreeSet::from([vec![0, 1], vec![1, 1], vec![1, 2]]),
        needs: Needs::Rseq,
        ..Scenario::bare(name, parts)
    }
}

/// Critical sections: what one has read before the call, it must not act on
/// after the call.
fn rseqs() -> Vec<Scenario> {
    let section = [Begin, Read(X, 0), Commit(Y, 2)];
    let caller = |call: Act| part(CALLER, &[Write(X, 1), call, Write(Y, 1)]);
    let rseq = |name: &str, caller: Part, fast: Part| of_section(name, vec![caller, fast]);
    let switched = [Begin, Read(X, 0), Switch(SIBLING), Switch(FAST), Commit(Y, 2)];
    let away = [Begin, Read(X, 0), Switch(STRANGER), Switch(FAST), Commit(Y, 2)];
    let late = [Switch(FAST), Begin, Read(X, 0), Commit(Y, 2)];
    let offline = [Begin, Read(X, 0), Switch(On::Kernel), Offline, Online, Switch(FAST), Commit(Y, 2)];
    let mut all = Vec::new();
    for (name, call) in [("", Call(Rseq)), ("one", CallOne(1)), ("every", CallOne(-1))] {
        all.push(rseq(&format!("R1{name}"), caller(call), part(FAST, &section)));
        all.push(rseq(&format!("R2late{name}"), caller(call), part(STRANGER, &late)));
        for (away_name, acts) in [("sibling", &switched[..]), ("stranger", &away), ("offline", &offline)] {
            let scenario = rseq(&format!("R2{away_name}{name}"), caller(call), part(FAST, acts));
            // The switch has restarted the section, which never commits.
            let expected = BTreeSet::from([vec![0, 1], vec![1, 1]]);
            all.push(Scenario { expected, ..scenario });
        }
    }
    // Itself, and CPUs that are not there: nothing is promised but an end.
    for (name, call) in [("self", CallOne(0)), ("beyond", CallOne(7)), ("far", CallOne(i32::MAX))] {
        let scenario = rseq(&format!("R3{name}"), caller(call), part(FAST, &section));
        let expected = BTreeSet::from([vec![0, 1], vec![1, 1], vec![1, 2], vec![0, 2]]);
        all.push(Scenario { forbidden: BTreeSet::new(), expected, ..scenario });
    }
    all
}
