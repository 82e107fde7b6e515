//! The instruction stream: code is replaced, the call is made, and who hears of
//! it must not run what was there before.

use std::collections::BTreeSet;

use bonfire_abi::Command::{
    PrivateExpedited, RegisterGlobalExpedited, RegisterPrivateExpedited, RegisterRseq, RegisterSyncCore,
    Rseq, SyncCore,
};

use super::situation::{CALLER, FAST, ONE, OTHER, SIBLING, STRANGER};
use super::{Needs, Part, Scenario, part};
use crate::vocabulary::{
    Act, On,
    Var::{Code, Z},
    user,
};

use Act::{Await, Call, Exit, Fetch, Forget, Fork, Offline, Online, Read, Rejoin, Signal, Switch, Write};

/// What the fast side does: it hears of the new code, and runs it.
const HEARS: Act = Read(Z, 0);
const RUNS: Act = Fetch(1);

/// The machines that serialise a core, by what is left to the engine.
const MACHINES: [(Needs, &str); 5] = [
    (Needs::CoreSync, ""),
    (Needs::CoreSyncLate, " late"),
    (Needs::CoreSyncIfStale, " if stale"),
    (Needs::CoreSyncX86, " x86"),
    (Needs::CoreSyncX86Late, " x86 late"),
];

/// Those of two CPUs.
pub(super) fn two_cpus() -> Vec<Scenario> {
    let on = |(needs, suffix)| [calls(needs, suffix), registrations(needs, suffix)].concat();
    MACHINES.into_iter().flat_map(on).chain(again()).collect()
}

type Situation = (&'static str, &'static str, Option<On>, Vec<Act>);

fn situations() -> [Situation; 13] {
    let borrow = Act::Borrow { space: 0, thread: 4 };
    [
        ("S1", "the fast side runs all the time", Some(FAST), vec![HEARS, RUNS]),
        ("S2", "it comes in from a kernel thread", Some(On::Lazy(0)), vec![Switch(FAST), HEARS, RUNS]),
        ("S2k", "it comes in from idle", Some(On::Kernel), vec![Switch(FAST), HEARS, RUNS]),
        ("S3", "it comes in from another address space", Some(STRANGER), vec![Switch(FAST), HEARS, RUNS]),
        (
            "S/C5",
            "it gives way to a kernel thread before it runs the code",
            Some(FAST),
            vec![HEARS, Switch(On::Lazy(0)), Switch(FAST), RUNS],
        ),
        (
            "S/u1",
            "it runs on a CPU that was told nothing, and goes on after the first hook",
            None,
            vec![Online, Forget(FAST), Switch(FAST), HEARS, RUNS],
        ),
        ("S/C6", "a sibling runs the code", Some(FAST), vec![HEARS, Switch(SIBLING), RUNS]),
        (
            "S/C7",
            "it gives way to another address space before it runs the code",
            Some(FAST),
            vec![HEARS, Switch(STRANGER), Switch(FAST), RUNS],
        ),
        (
            "S/C9",
            "it gives way lazily, then to another address space, before it runs the code",
            Some(FAST),
            vec![HEARS, Switch(On::Lazy(0)), Switch(STRANGER), Switch(FAST), RUNS],
        ),
        (
            "S/GX1",
            "it enters after a sibling has exited",
            Some(SIBLING),
            vec![Exit, Switch(FAST), HEARS, RUNS],
        ),
        (
            "S/E1",
            "a kernel thread that uses the address space runs it",
            Some(On::Lazy(1)),
            vec![borrow, HEARS, RUNS],
        ),
        ("S/h2", "its CPU comes online", None, vec![Online, Switch(FAST), HEARS, RUNS]),
        (
            "S/h3",
            "its CPU goes offline and online before it runs the code",
            Some(FAST),
            vec![HEARS, Switch(On::Kernel), Offline, Online, Switch(FAST), RUNS],
        ),
    ]
}

/// A caller replaces code, calls, and says so.
fn calls(needs: Needs, suffix: &str) -> Vec<Scenario> {
    let caller = || part(CALLER, &[Write(Code, 1), Call(SyncCore), Write(Z, 1)]);
    let mut all = Vec::new();
    for (name, about, on, acts) in situations() {
        let parts = vec![caller(), part(on, &acts)];
        all.push(replaces(format!("{name}{suffix}"), about, needs, parts.clone()));
        if ["S3", "S/C7"].contains(&name) {
            let about = format!("{about}, which is registered, too");
            let both = replaces(format!("{name}+both{suffix}"), &about, needs, parts);
            all.push(both.registered(&[(0, RegisterSyncCore), (1, RegisterSyncCore)]));
        }
    }
    // The caller itself, and whoever follows it on its CPU.
    let itself = [Write(Code, 1), Call(SyncCore), Fetch(0)];
    let follower = [Write(Code, 1), Call(SyncCore), Switch(SIBLING), Fetch(0)];
    for (name, about, acts) in [
        ("S4/self", "the caller runs it", itself.to_vec()),
        ("S4/sibling", "a sibling that follows the caller on its CPU runs it", follower.to_vec()),
    ] {
        all.push(Scenario {
            registers: 1,
            forbidden: BTreeSet::from([vec![0]]),
            expected: BTreeSet::from([vec![1]]),
            ..replaces(format!("{name}{suffix}"), about, needs, vec![part(CALLER, &acts), part(FAST, &[])])
        });
    }
    let child = [Fork(1), Signal(0), Switch(user(1, 4)), Write(Code, 1), Call(SyncCore), Write(Z, 1)];
    let enters = [Await(0), Switch(user(1, 5)), HEARS, RUNS];
    let about =
        "a child calls by what its parent registered for, and another thread of it enters and runs it";
    let parts = vec![part(CALLER, &child), part(On::Kernel, &enters)];
    all.push(replaces(format!("F3{suffix}"), about, needs, parts));
    let parent = [Write(Code, 1), Call(SyncCore), Fork(1), Signal(0)];
    let child = [Await(0), Switch(user(1, 5)), Fetch(0)];
    all.push(Scenario {
        registers: 1,
        forbidden: BTreeSet::from([vec![0]]),
        expected: BTreeSet::from([vec![1]]),
        ..replaces(
            format!("F4{suffix}"),
            "then a child is forked, and runs it on another CPU",
            needs,
            vec![part(CALLER, &parent), part(On::Kernel, &child)],
        )
    });
    let twice = part(CALLER, &[Write(Code, 1), Call(PrivateExpedited), Call(SyncCore), Write(Z, 1)]);
    let about = "the caller asks for a plain barrier first, then for the serialisation";
    let parts = vec![twice, part(FAST, &[HEARS, RUNS])];
    all.push(
        replaces(format!("q4s{suffix}"), about, needs, parts)
            .registered(&[(0, RegisterPrivateExpedited), (0, RegisterSyncCore)]),
    );
    all
}

/// Where entering serialises if a call was made since: a second call comes while the
/// mark of the first is taken.
fn again() -> [Scenario; 2] {
    let about = "it is replaced again while the fast side enters, leaves and enters";
    let meets = |on| vec![part(on, &comes_twice(on))];
    let both = format!("{about}, from another address space, which is registered, too");
    [
        calls_twice("S6", about, meets(On::Kernel)),
        calls_twice("S6+both", &both, meets(STRANGER))
            .registered(&[(0, RegisterSyncCore), (1, RegisterSyncCore)]),
    ]
}

/// What a CPU does that enters, leaves and enters again before it runs the code.
fn comes_twice(whence: On) -> Vec<Act> {
    vec![Switch(FAST), Switch(whence), Switch(FAST), HEARS, RUNS]
}

fn calls_twice(name: &str, about: &str, others: Vec<Part>) -> Scenario {
    let caller = [Write(Code, 1), Call(SyncCore), Write(Code, 2), Call(SyncCore), Write(Z, 1)];
    let parts = [vec![part(CALLER, &caller)], others].concat();
    Scenario {
        forbidden: BTreeSet::from([vec![1, 0], vec![1, 1]]),
        expected: BTreeSet::from([vec![0, 0], vec![0, 1], vec![0, 2], vec![1, 2]]),
        ..replaces(name.to_owned(), about, Needs::CoreSyncIfStale, parts)
    }
}

/// Registrations that race with a switch: of a process that has registered for
/// nothing, and of one whose switches pay barriers.
fn registrations(needs: Needs, suffix: &str) -> Vec<Scenario> {
    let caller = part(CALLER, &[Call(RegisterSyncCore), Write(Code, 1), Call(SyncCore), Write(Z, 1)]);
    let mut all = Vec::new();
    for (earlier, registered) in [
        ("", &[][..]),
        ("+private", &[(0, RegisterPrivateExpedited)]),
        ("+global", &[(0, RegisterGlobalExpedited)]),
    ] {
        for (name, whence, on) in
            [("S2", "a kernel thread", On::Lazy(0)), ("S3", "another address space", STRANGER)]
        {
            let fast = part(on, &[Switch(FAST), HEARS, RUNS]);
            let since = if earlier.is_empty() { "" } else { ", already paying barriers," };
            let about = format!("the process{since} registers while the fast side comes in from {whence}");
            let name = format!("P1/{name}{earlier}{suffix}");
            all.push(replaces(name, &about, needs, vec![caller.clone(), fast]).registered(registered));
        }
    }
    all
}

/// Those of more: different flavours asked of one target.
pub(super) fn more_cpus() -> Vec<Scenario> {
    let target = part(FAST, &[HEARS, RUNS]);
    let publisher = part(CALLER, &[Write(Code, 1), Call(SyncCore), Write(Z, 1)]);
    let flavour = |name: &str, about: &str, needs, other| {
        replaces(name.to_owned(), about, needs, vec![publisher.clone(), target.clone(), other])
    };
    let private = (0, RegisterPrivateExpedited);
    let core = (0, RegisterSyncCore);
    let plain = Needs::CoreSync;
    let barrier = "another caller asks the same CPU for a plain barrier";
    let same = "another caller asks the same CPU for the same";
    let publish = "another process registers for GLOBAL_EXPEDITED, and asks the same CPU to publish who runs";
    let restart = "another caller asks the same CPU to restart its rseq section";
    let opens = part(CALLER, &[Call(RegisterSyncCore)]);
    let let_in = part(OTHER, &[Write(Code, 1), Call(SyncCore), Write(Z, 1), Rejoin]);
    let about = "one thread registers; a second finds the gate open and calls at once";
    let gate = vec![opens, part(STRANGER, &[Switch(FAST), HEARS, RUNS]), let_in];
    let twice = "it is replaced again while a CPU enters, leaves and enters, and another enters, too";
    let sibling = part(On::Kernel, &[Switch(SIBLING)]);
    vec![
        calls_twice("S6/two", twice, vec![part(On::Kernel, &comes_twice(On::Kernel)), sibling]),
        replaces("P2/core".to_owned(), about, plain, gate).registered(&[]),
        flavour("q4", barrier, plain, part(OTHER, &[Call(PrivateExpedited)])).registered(&[private, core]),
        flavour("q4c", same, plain, part(OTHER, &[Call(SyncCore)])).registered(&[private, core]),
        flavour("q4g", publish, plain, part(ONE, &[Call(RegisterGlobalExpedited)])),
        flavour("q4r", restart, Needs::CoreSyncAndRseq, part(OTHER, &[Call(Rseq)]))
            .registered(&[core, (0, RegisterRseq)]),
    ]
}

fn replaces(name: String, about: &str, needs: Needs, parts: Vec<Part>) -> Scenario {
    let about = format!("code is replaced and the call made; {about}");
    Scenario {
        registers: 2,
        forbidden: BTreeSet::from([vec![1, 0]]),
        expected: BTreeSet::from([vec![0, 0], vec![0, 1], vec![1, 1]]),
        needs,
        ..Scenario::bare(name, about, parts).registered(&[(0, RegisterSyncCore)])
    }
}
