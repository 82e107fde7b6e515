//! What the scheduler does on the fast side's CPU while another calls: each
//! shape in each situation, and what takes more than one address space or one
//! mask to go wrong.

use bonfire_abi::Command;
use bonfire_engine::Design;

use super::shape::{MAIN, PAIRS, Told};
use super::situation::{self, CALLER, Caller, FAST, SIBLING, STRANGER, Situation, bracket, place};
use super::{Scenario, part};
use crate::vocabulary::{Act, On};

use Act::{Await, Exec, Exit, Offline, Online, Return, Signal, Switch};

/// Those of two CPUs.
pub(super) fn two_cpus() -> Vec<Scenario> {
    [situations(), both_registered(), turned(), going_on(), masks(), undisturbed()]
        .into_iter()
        .flatten()
        .collect()
}

/// Each shape in each situation.
fn situations() -> Vec<Scenario> {
    let mut all = Vec::new();
    for situation in situation::situations() {
        all.extend(PAIRS.map(|shape| place(&situation, shape, situation::PRIVATE)));
        for caller in [situation::GLOBAL_EXPEDITED, situation::GLOBAL] {
            all.extend(MAIN.map(|shape| place(&situation, shape, caller)));
        }
    }
    all
}

/// Switches between two address spaces that have both registered: a barrier that
/// one of them pays for does not excuse the other.
fn both_registered() -> Vec<Scenario> {
    use situation::Step::{Do, First, Second};
    let of = |name| situation::situations().into_iter().find(|situation| situation.name == name);
    let named = |name, both| Situation { name: both, ..of(name).expect("a situation") };
    let borrower = Situation {
        name: "C1o+both",
        about: "in from a kernel thread on the page tables of another address space",
        on: Some(On::Lazy(1)),
        steps: vec![Do(Switch(FAST)), First, Second],
    };
    let situations = [named("C2", "C2+both"), named("C4", "C4+both"), named("C7", "C7+both"), borrower];
    let mut all = Vec::new();
    for situation in situations {
        let both = |shape, caller| {
            let placed = place(&situation, shape, caller);
            let registered: Vec<(usize, Command)> =
                placed.registered.iter().flat_map(|&(_, command)| [(0, command), (1, command)]).collect();
            let about = format!("{}; the other address space is registered, too", placed.about);
            Scenario { registered, about, ..placed }
        };
        all.extend(PAIRS.map(|shape| both(shape, situation::PRIVATE)));
        all.extend(MAIN.map(|shape| both(shape, situation::GLOBAL_EXPEDITED)));
    }
    all
}

/// The fast side's CPU has the lower number, so that the caller looks at it
/// first.
fn turned() -> Vec<Scenario> {
    let mut all = Vec::new();
    let name = |name| match name {
        "C1" => Some("C1 turned"),
        "C2" => Some("C2 turned"),
        "C3" => Some("C3 turned"),
        _ => None,
    };
    for situation in situation::situations() {
        let Some(name) = name(situation.name) else { continue };
        let situation = Situation { name, ..situation };
        for (shape, caller) in MAIN.into_iter().flat_map(|shape| {
            [(shape, situation::PRIVATE), (shape, situation::GLOBAL_EXPEDITED), (shape, situation::GLOBAL)]
        }) {
            let mut placed = place(&situation, shape, caller);
            placed.parts.reverse();
            placed.about.push_str("; its CPU has the lower number");
            all.push(placed);
        }
    }
    all
}

/// Calls that concern nobody disturb nobody, and switches of those who have not
/// registered pay nothing.
fn undisturbed() -> Vec<Scenario> {
    const CHOOSE: [Design; 4] = [Design::Running, Design::Mask, Design::LockedMask, Design::Threads];
    let borrow = Act::Borrow { space: 0, thread: 4 };
    let quiet = |name: &str, about: &str, designs: &[Design], parts| Scenario {
        is_quiet: true,
        designs: designs.to_vec(),
        ..Scenario::bare(name, about, parts)
    };
    let calls = |command| part(CALLER, &[Await(0), Act::Call(command)]);
    let private = || calls(Command::PrivateExpedited);
    let left = |name, about: &str, on, acts: &[Act]| {
        quiet(name, about, &CHOOSE, vec![private(), part(on, &[acts, &[Signal(0)]].concat())])
    };
    let unregistered = |name, about: &str, parts| {
        let quiet = quiet(name, about, &[Design::Running], parts);
        quiet.registered(&[])
    };
    let moves: [(&str, &str, On, &[Act]); 5] = [
        (
            "switches",
            "it switches to a sibling, to another and back, and to a kernel thread",
            FAST,
            &[Switch(SIBLING), Switch(STRANGER), Switch(FAST), Switch(On::Lazy(0)), Switch(FAST)],
        ),
        ("exits", "it exits", FAST, &[Exit, Switch(STRANGER)]),
        ("execs", "it execs", FAST, &[Exec(1), Switch(On::Kernel)]),
        ("borrows", "a kernel thread uses it and stops", On::Lazy(1), &[borrow, Return]),
        ("forks", "it makes a child, which runs", FAST, &[Act::Fork(1), Switch(STRANGER)]),
    ];
    let mut all = vec![
        left(
            "quiet/C3k",
            "out to idle, long before the call, which then concerns nobody",
            FAST,
            &[Switch(On::Kernel)],
        ),
        left("quiet/C4", "out to another address space, long before the call", FAST, &[Switch(STRANGER)]),
        left(
            "quiet/D",
            "the thread exits and its CPU goes on to idle, long before the call",
            FAST,
            &[Exit, Switch(On::Kernel)],
        ),
        left("quiet/X1", "the thread execs long before the call", FAST, &[Exec(1)]),
        left(
            "quiet/E2",
            "a kernel thread stops using the address space and goes idle before the call",
            On::Lazy(1),
            &[borrow, Return, Switch(On::Kernel)],
        ),
        quiet(
            "quiet/online",
            "a CPU comes online and runs a stranger, long before the call",
            &CHOOSE,
            vec![private(), part(None, &[Online, Switch(STRANGER), Signal(0)])],
        ),
        quiet(
            "quiet/back",
            "a CPU goes offline, comes back and runs a stranger, long before the call",
            &CHOOSE,
            vec![private(), part(On::Kernel, &[Offline, Online, Switch(STRANGER), Signal(0)])],
        ),
        quiet(
            "quiet/alone",
            "the caller is the only one who runs, and does not interrupt itself",
            &CHOOSE,
            vec![part(CALLER, &[Act::Call(Command::PrivateExpedited)]), part(STRANGER, &[])],
        ),
        unregistered(
            "quiet/global",
            "a call for those who registered, where nobody has",
            vec![part(CALLER, &[Act::Call(Command::GlobalExpedited)]), part(FAST, &[])],
        ),
    ];
    all.extend(moves.map(|(name, about, on, acts)| {
        let about = format!("a process that has not registered pays no barrier: {about}");
        let designs = [Design::Everywhere, Design::Running, Design::Mask, Design::Threads];
        let scenario =
            quiet(&format!("free/{name}"), &about, &designs, vec![part(On::Kernel, &[]), part(on, acts)]);
        Scenario { is_free: true, ..scenario }.registered(&[])
    }));
    all
}

/// A CPU that was left by one hook is taken over by another: what the first
/// forgot to say, the second cannot know.
fn going_on() -> Vec<Scenario> {
    use situation::Step::{Do, First, Second};
    let to = |on| Do(Switch(on));
    let borrow = Do(Act::Borrow { space: 0, thread: 4 });
    let situation = |name, about, on: On, steps: &[situation::Step]| Situation {
        name,
        about,
        on: Some(on),
        steps: steps.to_vec(),
    };
    let stranger = to(STRANGER);
    let situations = [
        situation(
            "D/C4",
            "the thread exits, and a thread of another address space follows",
            FAST,
            &[First, Second, Do(Exit), stranger],
        ),
        situation(
            "E2/C4",
            "a kernel thread stops using the address space, and a thread of another follows",
            On::Lazy(1),
            &[borrow, First, Second, Do(Return), stranger],
        ),
        situation(
            "E2/C1",
            "a kernel thread stops using the address space, and a thread of it follows",
            On::Lazy(1),
            &[borrow, Do(Return), to(FAST), First, Second],
        ),
        situation(
            "C3/C4",
            "out to a kernel thread, and from it to another address space",
            FAST,
            &[First, Second, to(On::Lazy(0)), stranger],
        ),
        situation(
            "X1/C3",
            "the thread execs, and gives way to a kernel thread",
            FAST,
            &[First, Second, Do(Exec(1)), to(On::Lazy(1))],
        ),
    ];
    let in_each = |caller: Caller| {
        situations.iter().flat_map(move |situation| MAIN.map(|shape| place(situation, shape, caller)))
    };
    in_each(situation::PRIVATE).chain(in_each(situation::GLOBAL_EXPEDITED)).collect()
}

/// Two CPUs edit the mask of one address space at once, and neither edit may be
/// lost.
fn masks() -> Vec<Scenario> {
    let mut all = Vec::new();
    for shape in MAIN {
        let (mine, theirs) = shape.sides(0);
        let heavy = bracket(mine, Command::PrivateExpedited);
        let caller = |before: &[Act]| [before, &heavy].concat();
        let fast = part(On::Kernel, &[Switch(FAST), theirs[0], theirs[1]]);
        all.push(Scenario::of_shape(
            "in+in",
            "the caller and the fast side enter the address space at once, each on its CPU",
            shape,
            vec![part(On::Kernel, &caller(&[Switch(CALLER)])), fast.clone()],
        ));
        all.push(Scenario::of_shape(
            "out+in",
            "the caller leaves the address space and comes back while the fast side enters it",
            shape,
            vec![part(CALLER, &caller(&[Switch(On::Kernel), Switch(CALLER)])), fast],
        ));
    }
    all
}
