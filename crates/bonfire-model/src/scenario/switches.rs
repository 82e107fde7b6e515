//! What the scheduler does on the fast side's CPU while another calls: each
//! shape in each situation, and what takes more than one address space or one
//! mask to go wrong.

use bonfire_abi::Command;

use super::shape::Shape;
use super::situation::{self, CALLER, Caller, FAST, STRANGER, Situation, bracket, place};
use super::{Scenario, part};
use crate::vocabulary::{Act, On};

use Act::{Exec, Exit, Return, Switch};

/// Those of two CPUs.
pub(super) fn two_cpus() -> Vec<Scenario> {
    [situations(), both_registered(), going_on(), masks()].into_iter().flatten().collect()
}

/// Each shape in each situation.
fn situations() -> Vec<Scenario> {
    let mut all = Vec::new();
    for situation in situation::situations() {
        all.extend(Shape::ALL.map(|shape| place(&situation, shape, situation::PRIVATE)));
        for caller in [situation::GLOBAL_EXPEDITED, situation::GLOBAL] {
            all.extend(Shape::MAIN.map(|shape| place(&situation, shape, caller)));
        }
    }
    all
}

/// Switches between two address spaces that have both registered: a barrier that
/// one of them pays for does not excuse the other.
fn both_registered() -> Vec<Scenario> {
    let names = [("C2", "C2+both"), ("C4", "C4+both"), ("C7", "C7+both")];
    let of = |name| situation::situations().into_iter().find(|situation| situation.name == name);
    let mut all = Vec::new();
    for (name, both) in names {
        let situation = Situation { name: both, ..of(name).expect("a situation") };
        let both = |shape, caller| {
            let placed = place(&situation, shape, caller);
            let registered: Vec<(usize, Command)> =
                placed.registered.iter().flat_map(|&(_, command)| [(0, command), (1, command)]).collect();
            let about = format!("{}; the other address space is registered, too", placed.about);
            Scenario { registered, about, ..placed }
        };
        all.extend(Shape::ALL.map(|shape| both(shape, situation::PRIVATE)));
        all.extend(Shape::MAIN.map(|shape| both(shape, situation::GLOBAL_EXPEDITED)));
    }
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
        situations.iter().flat_map(move |situation| Shape::MAIN.map(|shape| place(situation, shape, caller)))
    };
    in_each(situation::PRIVATE).chain(in_each(situation::GLOBAL_EXPEDITED)).collect()
}

/// Two CPUs edit the mask of one address space at once, and neither edit may be
/// lost.
fn masks() -> Vec<Scenario> {
    let mut all = Vec::new();
    for shape in Shape::MAIN {
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
