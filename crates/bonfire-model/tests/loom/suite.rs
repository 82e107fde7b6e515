//! What loom runs: of the explorer's scenarios those that tell most for the
//! time that they take, and those that only a machine without one order of
//! writes makes interesting.

use std::collections::BTreeSet;

use bonfire_abi::Command::{GlobalExpedited, PrivateExpedited};
use bonfire_conformance::shape::{LB as Lb, MP_P1 as Mp, SB as Sb, Shape};
use bonfire_model::explorer::Outcome;
use bonfire_model::run::Design;
use bonfire_model::scenario::situation::{Caller, GLOBAL_EXPEDITED, PRIVATE, place, situations};
use bonfire_model::scenario::{self, Part, Scenario};
use bonfire_model::vocabulary::{Act, On, Var, user};

use Act::{Await, Call, Read, Tell, Write};
use Var::{X, Y, Z};

/// The scenarios of two CPUs for a design.
pub(crate) fn two_cpus(design: Design) -> Vec<Scenario> {
    match design {
        Design::Running => [
            named(&["AB", "C1", "C2", "C3", "C4", "D", "E1", "E2", "X1"], &[Sb, Mp], PRIVATE),
            named(&["AB", "C3"], &[Lb], PRIVATE),
            named(&["AB", "C1", "C3"], &[Sb, Mp], GLOBAL_EXPEDITED),
        ]
        .concat(),
        Design::Everywhere => named(&["AB", "C1", "C3", "h1"], &[Sb], PRIVATE),
        Design::Mask => named(&["AB", "C1k", "C2", "C3k", "C4", "E1", "X1"], &[Sb], PRIVATE),
        Design::LockedMask => named(&["AB", "C1", "C2", "C3"], &[Sb], PRIVATE),
        Design::Threads => {
            named(&["AB", "C1", "C2", "C3", "C6r", "C6s", "D", "E1", "E2", "X1"], &[Sb], PRIVATE)
        }
    }
}

fn named(names: &[&str], shapes: &[Shape], caller: Caller) -> Vec<Scenario> {
    let all = situations();
    let find = |name: &&str| all.iter().find(|situation| situation.name == *name).expect("a situation");
    let placed = |name| shapes.iter().map(move |&shape| place(find(name), shape, caller));
    names.iter().flat_map(placed).collect()
}

/// One of the explorer's scenarios of three and four CPUs.
pub(crate) fn of_three(name: &str) -> Scenario {
    scenario::more_cpus().into_iter().find(|scenario| scenario.name == name).expect("a scenario")
}

const CALLER: On = user(0, 0);
pub(crate) const FAST: On = user(0, 1);
const CALL: Act = Call(PrivateExpedited);

/// The fast side writes x, then y, and leaves; the caller reads y, calls, and
/// says so; a thread that hears of it, and waits for nothing else, reads x.
///
/// ```text
/// fast         caller          observer
/// x = 1        r0 = y          acquires what the caller said
/// light        heavy           r1 = x
/// y = 1        says so
/// leaves
/// ```
pub(crate) fn passed_on(leaves: Act) -> Scenario {
    let fast = [Write(X, 1), Write(Y, 1), leaves];
    let parts = vec![
        part(CALLER, &[Read(Y, 0), CALL, Tell(0)]),
        part(FAST, &fast),
        part(user(2, 5), &[Await(0), Read(X, 1)]),
    ];
    forbids(format!("passed on, {leaves:?}"), vec![1, 0], parts)
}

/// Store buffering in a ring of three, in which the first has a heavy fence, the
/// second a light one, and the third what it is given: a light fence, which is
/// nothing, or a full one.
pub(crate) fn ring(fence: Option<Act>) -> Scenario {
    let third: Vec<Act> = [Some(Write(Z, 1)), fence, Some(Read(X, 2))].into_iter().flatten().collect();
    // With a full fence the third is no target: so it is of another address space.
    let on = if fence.is_some() { user(2, 5) } else { user(0, 2) };
    let parts = vec![
        part(CALLER, &[Write(X, 1), CALL, Read(Y, 0)]),
        part(FAST, &[Write(Y, 1), Read(Z, 1)]),
        part(on, &third),
    ];
    forbids(
        format!("ring of heavy, light, {}", if fence.is_some() { "full" } else { "light" }),
        vec![0; 3],
        parts,
    )
}

/// A full fence, where nobody registered for `GLOBAL_EXPEDITED` and the design
/// knows it.
pub(crate) const FULL: Act = Call(GlobalExpedited);

fn part(on: On, acts: &[Act]) -> Part {
    Part { on: Some(on), acts: acts.to_vec() }
}

/// A scenario of as many registers as `bad` has, which hold 0 or 1.
fn forbids(name: String, bad: Outcome, parts: Vec<Part>) -> Scenario {
    let registers = bad.len();
    let all = (0..1u64 << registers).map(|bits| (0..registers).map(|bit| bits >> bit & 1).collect());
    let expected: BTreeSet<Outcome> = all.filter(|outcome| *outcome != bad).collect();
    Scenario {
        registers,
        forbidden: BTreeSet::from([bad]),
        expected,
        ..Scenario::bare(name, "three CPUs, for a machine without one order of writes", parts)
    }
}
