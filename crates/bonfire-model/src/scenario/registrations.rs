//! Registrations: alone, beside what other CPUs do, behind another, and two at
//! once.

use std::collections::BTreeSet;

use bonfire_abi::Command::{
    self, GlobalExpedited, PrivateExpedited, RegisterGlobalExpedited, RegisterPrivateExpedited, RegisterRseq,
    RegisterSyncCore, Rseq, SyncCore,
};
use bonfire_conformance::shape::{MP_P1, SB};

use super::shape::{MAIN, Shape, Side, Told};
use super::situation::{CALLER, FAST, ONE, OTHER, SIBLING, STRANGER};
use super::{Needs, Part, Scenario, outcomes, part};
use crate::vocabulary::{
    Act, On,
    Var::{X, Y, Z},
    user,
};

use Act::{
    Await, Borrow, Call, CallAlone, Exit, Hear, Offline, Online, Rejoin, Return, Signal, Switch, Tell, Write,
};

const CALL: Act = Call(PrivateExpedited);
const REGISTER: Act = Call(RegisterPrivateExpedited);
const REGISTER_GLOBAL: Act = Call(RegisterGlobalExpedited);

/// Those of two CPUs.
pub(super) fn two_cpus() -> Vec<Scenario> {
    let of_shape = |shape| [while_cpus_come(shape), while_cpus_switch(shape), after_another(shape)].concat();
    MAIN.into_iter().flat_map(of_shape).chain(two_at_once()).collect()
}

/// A caller that registers, then calls between the accesses of its side.
fn caller(register: Command, [before, after]: Side, command: Command) -> Part {
    part(CALLER, &[Call(register), before, Call(command), after])
}

/// Registrations beside CPUs that come online, and beside threads that were
/// cloned.
fn while_cpus_come(shape: Shape) -> Vec<Scenario> {
    let (mine, theirs) = shape.sides(0);
    let private = || caller(RegisterPrivateExpedited, mine, PrivateExpedited);
    let global = || caller(RegisterGlobalExpedited, mine, GlobalExpedited);
    let fast = |on: Option<On>, acts: &[Act]| part(on, &[acts, &theirs].concat());
    let gone = [theirs[0], theirs[1], Switch(On::Kernel), Offline];
    let stranger = part(ONE, &[Hear(0), mine[0], Call(GlobalExpedited), mine[1]]);
    let sole = part(CALLER, &[CallAlone(RegisterPrivateExpedited), Signal(0), mine[0], CALL, mine[1]]);
    let online = "a process registers and calls while the fast side's CPU comes online";
    let scenarios = [
        (
            "h5 turned",
            format!("{online}, whose number is the lower one"),
            vec![fast(None, &[Online, Switch(FAST)]), private()],
        ),
        ("h5", online.to_owned(), vec![private(), fast(None, &[Online, Switch(FAST)])]),
        (
            "h5k",
            format!("{online}, first with a kernel thread"),
            vec![private(), fast(None, &[Online, Switch(On::Lazy(0)), Switch(FAST)])],
        ),
        (
            "h5o",
            format!("{online}, and goes offline again"),
            vec![private(), part(None, &[&[Online, Switch(FAST)], &gone[..]].concat())],
        ),
        (
            "G2/running",
            "a process registers for GLOBAL_EXPEDITED while the fast side runs".to_owned(),
            vec![global(), fast(Some(FAST), &[])],
        ),
        (
            "GX2",
            "a process registers for GLOBAL_EXPEDITED while a kernel thread has its page tables".to_owned(),
            vec![global(), fast(Some(On::Lazy(0)), &[Switch(FAST)])],
        ),
        (
            "h5/global",
            "a process registers for GLOBAL_EXPEDITED while the fast side's CPU comes online".to_owned(),
            vec![global(), fast(None, &[Online, Switch(FAST)])],
        ),
        (
            "G2/self",
            "the fast side registers itself for GLOBAL_EXPEDITED, and says so without a barrier".to_owned(),
            vec![stranger, fast(Some(FAST), &[REGISTER_GLOBAL, Tell(0)])],
        ),
        (
            "Q1",
            "a sole thread registers, and one that it clones later enters from another address space"
                .to_owned(),
            vec![sole.clone(), fast(Some(STRANGER), &[Await(0), Switch(FAST)])],
        ),
        (
            "Q1l",
            "a sole thread registers, and one that it clones later enters from a kernel thread".to_owned(),
            vec![sole, fast(Some(On::Lazy(0)), &[Await(0), Switch(FAST)])],
        ),
    ];
    scenarios
        .map(|(name, about, parts)| Scenario::of_shape(name, &about, shape, parts).registered(&[]))
        .to_vec()
}

/// Registrations that race with a switch.
fn while_cpus_switch(shape: Shape) -> Vec<Scenario> {
    let (mine, [first, second]) = shape.sides(0);
    let switches: [(&str, &str, On, Vec<Act>); 9] = [
        ("running", "runs", FAST, vec![first, second]),
        ("C1", "comes in from a kernel thread", On::Lazy(0), vec![Switch(FAST), first, second]),
        ("C2", "comes in from another address space", STRANGER, vec![Switch(FAST), first, second]),
        ("C3", "gives way to a kernel thread", FAST, vec![first, second, Switch(On::Lazy(0))]),
        ("C4", "gives way to another address space", FAST, vec![first, second, Switch(STRANGER)]),
        (
            "C5",
            "gives way to a kernel thread and comes back in between",
            FAST,
            vec![first, Switch(On::Lazy(0)), Switch(FAST), second],
        ),
        ("C6s", "gives way to a sibling", FAST, vec![first, second, Switch(SIBLING)]),
        (
            "E2",
            "is a kernel thread that stops using the address space",
            On::Lazy(1),
            vec![Borrow { space: 0, thread: 4 }, first, second, Return],
        ),
        ("D", "exits", FAST, vec![first, second, Exit]),
    ];
    let kinds = [
        ("P1", RegisterPrivateExpedited, PrivateExpedited),
        ("G2", RegisterGlobalExpedited, GlobalExpedited),
    ];
    let mut all = Vec::new();
    for (kind, register, command) in kinds {
        for (name, about, on, acts) in &switches {
            if kind == "G2" && *name == "running" {
                continue;
            }
            let parts = vec![caller(register, mine, command), part(*on, acts)];
            let about = format!("a process calls {register} and {command} while the fast side {about}");
            all.push(Scenario::of_shape(&format!("{kind}/{name}"), &about, shape, parts).registered(&[]));
        }
    }
    all
}

/// A registration behind another that was made long ago.
fn after_another(shape: Shape) -> Vec<Scenario> {
    let (mine, [first, second]) = shape.sides(0);
    let global = caller(RegisterGlobalExpedited, mine, GlobalExpedited);
    let private = caller(RegisterPrivateExpedited, mine, PrivateExpedited);
    let away = part(FAST, &[first, second, Switch(STRANGER)]);
    let behind = |name, about: &str, parts, earlier| {
        Scenario::of_shape(name, about, shape, parts).registered(&[(0, earlier)])
    };
    vec![
        behind(
            "G2+private/running",
            "a process registered for the plain barrier registers for GLOBAL_EXPEDITED while the fast side runs",
            vec![global.clone(), part(FAST, &[first, second])],
            RegisterPrivateExpedited,
        ),
        behind(
            "G2+private/C1",
            "a process registered for the plain barrier registers for GLOBAL_EXPEDITED while the fast side \
             comes in from a kernel thread",
            vec![global, part(On::Lazy(0), &[Switch(FAST), first, second])],
            RegisterPrivateExpedited,
        ),
        behind(
            "P1+global/C4",
            "a process registered for GLOBAL_EXPEDITED registers for the plain barrier while the fast side \
             gives way to another address space",
            vec![private, away],
            RegisterGlobalExpedited,
        ),
    ]
}

/// Two threads of one process register at once, for one flavour or for two.
fn two_at_once() -> Vec<Scenario> {
    let mut all = Vec::new();
    for shape in MAIN {
        let (mine, [first, second]) = shape.sides(0);
        let other = [REGISTER_GLOBAL, first, second, Switch(STRANGER)];
        all.push(
            Scenario::of_shape(
                "P4",
                "one thread registers for the plain barrier and calls; another registers for GLOBAL_EXPEDITED \
                 at once and gives way to another address space",
                shape,
                vec![caller(RegisterPrivateExpedited, mine, PrivateExpedited), part(FAST, &other)],
            )
            .registered(&[]),
        );
    }
    all.extend(MAIN.map(let_in));
    for (suffix, earlier) in [("", &[][..]), ("+global", &[(0, RegisterGlobalExpedited)])] {
        all.push(granted("P5", suffix, [REGISTER, CALL], [REGISTER, CALL]).registered(earlier));
    }
    let global = [REGISTER_GLOBAL, Call(GlobalExpedited)];
    all.push(granted("P5/global", "", [REGISTER, CALL], global).registered(&[]));
    let core = [Call(RegisterSyncCore), Call(SyncCore)];
    let rseq = [Call(RegisterRseq), Call(Rseq)];
    for (suffix, earlier) in [("", &[][..]), ("+global", &[(0, RegisterGlobalExpedited)])] {
        let of = |name, needs, mine, theirs| {
            Scenario { needs, ..granted(name, suffix, mine, theirs) }.registered(earlier)
        };
        all.push(of("P5/core", Needs::CoreSync, [REGISTER, CALL], core));
        all.push(of("P5/two core", Needs::CoreSync, core, core));
        all.push(of("P5/rseq", Needs::Rseq, [REGISTER, CALL], rseq));
        all.push(of("P5/two rseq", Needs::Rseq, rseq, rseq));
    }
    all
}

/// A second thread finds the gate open that the fast side opened, and calls at once.
fn let_in(shape: Shape) -> Scenario {
    let (mine, theirs) = shape.sides(0);
    // Writes z only if it was let in, so that z tells.
    let second = part(CALLER, &[mine[0], CALL, mine[1], Write(Z, 1), Rejoin]);
    let first = part(FAST, &[REGISTER, theirs[0], theirs[1]]);
    let is_let_in = |outcome: Vec<u64>| [outcome, vec![1]].concat();
    let about = "the fast side registers; a second thread finds the gate open and calls at once";
    Scenario {
        shown: [shape.shown(), vec![Z]].concat(),
        forbidden: BTreeSet::from([is_let_in(shape.forbidden())]),
        expected: shape.expected().into_iter().map(is_let_in).collect(),
        ..Scenario::of_shape("P7", about, shape, vec![second, first]).registered(&[])
    }
}

/// Two threads register at once; a call behind a registration that was granted
/// is granted.
fn granted(name: &str, suffix: &str, mine: [Act; 2], theirs: [Act; 2]) -> Scenario {
    let all = outcomes(&[0, 1], 3);
    let right = vec![1, 1, 1];
    let forbidden: BTreeSet<_> = all.into_iter().filter(|outcome| *outcome != right).collect();
    let since = if suffix.is_empty() { "" } else { ", in a process that registered before," };
    let about = format!(
        "two threads{since} register at once, by {} and {}: each may then call, and is granted it",
        mine[0], theirs[0]
    );
    Scenario {
        shown: vec![X, Y, Z],
        forbidden,
        expected: BTreeSet::from([right]),
        ..Scenario::bare(
            format!("{name}{suffix}"),
            about,
            vec![
                part(CALLER, &[mine[0], Write(X, 1), mine[1], Write(Y, 1), Rejoin]),
                part(FAST, &[theirs[0], theirs[1], Write(Z, 1), Rejoin]),
            ],
        )
    }
}

/// Those of more: a second thread finds the gate open, and calls at once.
pub(super) fn more_cpus() -> Vec<Scenario> {
    let mut all = Vec::new();
    for shape in [SB, MP_P1] {
        let (mine, theirs) = shape.sides(0);
        // Writes z only if it was let in, so that z tells.
        let second = part(OTHER, &[mine[0], CALL, mine[1], Write(Z, 1), Rejoin]);
        let parts =
            vec![part(CALLER, &[REGISTER]), part(STRANGER, &[Switch(FAST), theirs[0], theirs[1]]), second];
        let granted = |outcome: Vec<u64>| [outcome, vec![1]].concat();
        let about = "one thread registers; a second finds the gate open and calls at once";
        all.push(Scenario {
            shown: vec![Z],
            forbidden: BTreeSet::from([granted(shape.forbidden())]),
            expected: shape.expected().into_iter().map(granted).collect(),
            ..Scenario::of_shape("P2", about, shape, parts).registered(&[])
        });
    }
    let (mine, theirs) = SB.sides(0);
    let parts = vec![
        part(CALLER, &[CallAlone(RegisterPrivateExpedited), Signal(0), mine[0], CALL, mine[1]]),
        part(STRANGER, &[Await(0), Switch(FAST), theirs[0], theirs[1]]),
        part(user(1, 4), &[Await(0), Switch(SIBLING), REGISTER]),
    ];
    for shape in MAIN {
        let (mine, theirs) = shape.sides(0);
        let global = || caller(RegisterGlobalExpedited, mine, GlobalExpedited);
        let about = "two threads register for GLOBAL_EXPEDITED at once while the fast side runs";
        let other = part(OTHER, &[REGISTER_GLOBAL]);
        all.push(
            Scenario::of_shape("P6", about, shape, vec![global(), part(FAST, &theirs), other])
                .registered(&[]),
        );
        let about = "one thread registers for GLOBAL_EXPEDITED and calls while another asks the same CPU for a \
                     core serialisation";
        let other = part(OTHER, &[Call(SyncCore)]);
        let parts = vec![global(), part(FAST, &theirs), other];
        let scenario = Scenario::of_shape("q4p", about, shape, parts).registered(&[(0, RegisterSyncCore)]);
        all.push(Scenario { needs: Needs::CoreSync, ..scenario });
    }
    let about = "a sole thread registers, and a thread that it clones meanwhile registers, too";
    all.push(Scenario::of_shape("P3", about, SB, parts).registered(&[]));
    all
}
