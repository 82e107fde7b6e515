//! Critical sections of rseq: what one has read before the call, it must not act
//! on after the call.

use std::collections::BTreeSet;

use bonfire_abi::Command::{RegisterPrivateExpedited, RegisterRseq, RegisterSyncCore, Rseq, SyncCore};

use super::situation::{CALLER, FAST, OTHER, SIBLING, STRANGER};
use super::{Needs, Part, Scenario, part};
use crate::vocabulary::{
    Act, On,
    Var::{self, X, Y, Z},
};

use Act::{Begin, Call, CallOne, Commit, Offline, Online, Read, Rejoin, Switch, Write};

/// Those of two CPUs.
pub(super) fn two_cpus() -> Vec<Scenario> {
    let section = section(Y, 0, 2);
    let caller = |call: Act| part(CALLER, &[Write(X, 1), call, Write(Y, 1)]);
    let away = |on| [Begin, Read(X, 0), Switch(on), Switch(FAST), Commit(Y, 2)].to_vec();
    let late = [Switch(FAST), Begin, Read(X, 0), Commit(Y, 2)];
    let offline = [Begin, Read(X, 0), Switch(On::Kernel), Offline, Online, Switch(FAST), Commit(Y, 2)];
    let switched = [
        ("sibling", "gives way to a sibling", away(SIBLING)),
        ("stranger", "gives way to another address space", away(STRANGER)),
        ("offline", "loses its CPU, which goes offline and comes back,", offline.to_vec()),
    ];
    let commands = [
        ("", "every CPU", Call(Rseq)),
        ("one", "its CPU by number", CallOne(1)),
        ("every", "CPU -1", CallOne(-1)),
    ];
    let mut all = Vec::new();
    for (name, asked, call) in commands {
        let told = |what: &str| format!("{what}, and the caller asks {asked}");
        let scenario =
            |name: String, what: &str, fast| of_section(&name, &told(what), vec![caller(call), fast]);
        all.push(scenario(format!("R1{name}"), "a section runs", part(FAST, &section)));
        let what = "a section begins behind a switch from another address space";
        all.push(scenario(format!("R2late{name}"), what, part(STRANGER, &late)));
        for (whom, gives_way, acts) in &switched {
            let what = format!("a section {gives_way} before it commits: the switch has restarted it");
            let scenario = scenario(format!("R2{whom}{name}"), &what, part(FAST, acts));
            // It never commits.
            all.push(Scenario { expected: BTreeSet::from([vec![0, 1], vec![1, 1]]), ..scenario });
        }
    }
    // Itself, and CPUs that are not there: nothing is promised but an end.
    for (name, call) in [("self", CallOne(0)), ("beyond", CallOne(7)), ("far", CallOne(i32::MAX))] {
        let about = format!("a section runs, and the caller names CPU {}, not its", number(call));
        let scenario = of_section(&format!("R3{name}"), &about, vec![caller(call), part(FAST, &section)]);
        let expected = BTreeSet::from([vec![0, 1], vec![1, 1], vec![1, 2], vec![0, 2]]);
        all.push(Scenario { forbidden: BTreeSet::new(), expected, ..scenario });
    }
    // The caller's registration races with the section.
    let registers = part(CALLER, &[Call(RegisterRseq), Write(X, 1), Call(Rseq), Write(Y, 1)]);
    for (name, earlier) in [("R4", &[][..]), ("R4+private", &[(0, RegisterPrivateExpedited)])] {
        let about = if earlier.is_empty() {
            "a section runs while the caller registers and calls"
        } else {
            "a section runs while the caller, registered for the plain barrier, registers and calls"
        };
        all.push(of_section(name, about, vec![registers.clone(), part(FAST, &section)]).registered(earlier));
    }
    all
}

/// Those of more: another caller asks the same CPU.
pub(super) fn more_cpus() -> Vec<Scenario> {
    let parts = |other| {
        vec![
            part(CALLER, &[Write(X, 1), Call(Rseq), Write(Y, 1)]),
            part(FAST, &section(Y, 0, 2)),
            part(OTHER, &[other]),
        ]
    };
    let two = "a section runs, and two callers ask for its restart";
    let core = of_section(
        "R1/core",
        "a section runs, and one caller asks for its restart, another for a core serialisation",
        parts(Call(SyncCore)),
    );
    let gate = vec![
        part(CALLER, &[Call(RegisterRseq)]),
        part(STRANGER, &[Switch(FAST), Begin, Read(X, 0), Commit(Y, 2)]),
        part(OTHER, &[Write(X, 1), Call(Rseq), Write(Y, 1), Write(Z, 1), Rejoin]),
    ];
    let about = "one thread registers; a second finds the gate open and calls at once while a section begins \
                 behind a switch";
    // Writes z only if it was let in, so that z tells.
    let opened = Scenario {
        shown: vec![Y, Z],
        forbidden: BTreeSet::from([vec![0, 2, 1]]),
        expected: BTreeSet::from([vec![0, 1, 1], vec![1, 1, 1], vec![1, 2, 1]]),
        ..of_section("P2/rseq", about, gate).registered(&[])
    };
    vec![
        opened,
        of_section("R1/two callers", two, parts(Call(Rseq))),
        Scenario { needs: Needs::CoreSyncAndRseq, ..core }
            .registered(&[(0, RegisterRseq), (0, RegisterSyncCore)]),
    ]
}

/// A section that reads x, and commits to a word.
fn section(var: Var, register: u8, value: u64) -> [Act; 3] {
    [Begin, Read(X, register), Commit(var, value)]
}

/// A critical section that has read the old `x` must not overwrite what the
/// caller wrote to `y` after the call.
fn of_section(name: &str, about: &str, parts: Vec<Part>) -> Scenario {
    Scenario {
        registers: 1,
        shown: vec![Y],
        forbidden: BTreeSet::from([vec![0, 2]]),
        expected: BTreeSet::from([vec![0, 1], vec![1, 1], vec![1, 2]]),
        needs: Needs::Rseq,
        ..Scenario::bare(name, about, parts).registered(&[(0, RegisterRseq)])
    }
}

fn number(call: Act) -> i32 {
    match call {
        CallOne(cpu) => cpu,
        act => unreachable!("{act} names no CPU"),
    }
}
