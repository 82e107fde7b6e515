//! Situations: what happens to the fast side's CPU around its two accesses.
//!
//! The letters and numbers are those by which the field speaks of them; Linux's
//! A to E are A, C1, C3, D and E1.

use std::collections::BTreeSet;

use bonfire_abi::Command;

use super::shape::{Shape, Side, Told};
use super::{Needs, Part, Scenario};
use crate::vocabulary::{Act, On, user};

use Act::{Borrow, Call, Exec, Exit, Offline, Online, Return, Switch};

/// Where the fast side's accesses go in what its CPU does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The first access.
    First,
    /// The second access.
    Second,
    /// Something else.
    Do(Act),
}

/// What happens to the fast side's CPU.
#[derive(Clone, Debug)]
pub struct Situation {
    /// Its letter and number.
    pub name: &'static str,
    /// What it is.
    pub about: &'static str,
    /// What the CPU is occupied by in the beginning.
    pub on: Option<On>,
    /// What it does.
    pub steps: Vec<Step>,
}

/// The fast side's thread, another of its address space, and one of another.
pub(crate) const FAST: On = user(0, 1);
pub(crate) const SIBLING: On = user(0, 2);
pub(crate) const STRANGER: On = user(1, 3);
/// The caller.
pub(crate) const CALLER: On = user(0, 0);

/// A second caller of the same address space.
pub(crate) const OTHER: On = user(0, 6);
/// Callers that are nobody's targets: of address spaces that registered for
/// nothing.
pub(crate) const ONE: On = user(2, 7);
pub(crate) const TWO: On = user(1, 5);

/// The situations of a call that skips or interrupts one other CPU.
#[must_use]
pub fn situations() -> Vec<Situation> {
    use Step::{Do, First, Second};
    let situation =
        |name, about, on: On, steps: &[Step]| Situation { name, about, on: Some(on), steps: steps.to_vec() };
    let to = |on| Do(Switch(on));
    let borrow = Do(Borrow { space: 0, thread: 4 });
    vec![
        situation("AB", "the fast side runs all the time", FAST, &[First, Second]),
        situation("C1", "in from a kernel thread", On::Lazy(0), &[to(FAST), First, Second]),
        situation("C1k", "in from idle on the kernel's page tables", On::Kernel, &[to(FAST), First, Second]),
        situation("C2", "in from another address space", STRANGER, &[to(FAST), First, Second]),
        situation("C3", "out to a kernel thread", FAST, &[First, Second, to(On::Lazy(0))]),
        situation("C3k", "out to idle on the kernel's page tables", FAST, &[First, Second, to(On::Kernel)]),
        situation("C4", "out to another address space", FAST, &[First, Second, to(STRANGER)]),
        situation(
            "C5",
            "out to a kernel thread and back in between",
            FAST,
            &[First, to(On::Lazy(0)), to(FAST), Second],
        ),
        situation("C6", "to a sibling in between", FAST, &[First, to(SIBLING), Second]),
        situation("C6r", "in from a sibling", SIBLING, &[to(FAST), First, Second]),
        situation("C6s", "out to a sibling", FAST, &[First, Second, to(SIBLING)]),
        situation(
            "C7",
            "to another address space and back in between",
            FAST,
            &[First, to(STRANGER), to(FAST), Second],
        ),
        situation(
            "C8",
            "to a kernel thread, to idle, and back in between",
            FAST,
            &[First, to(On::Lazy(0)), to(On::Kernel), to(FAST), Second],
        ),
        situation(
            "C9",
            "out lazily, to another address space, and back in between",
            FAST,
            &[First, to(On::Lazy(0)), to(STRANGER), to(FAST), Second],
        ),
        situation("D", "the thread exits", FAST, &[First, Second, Do(Exit)]),
        situation(
            "E1",
            "a kernel thread begins to use the address space",
            On::Lazy(1),
            &[borrow, First, Second],
        ),
        situation("E2", "a kernel thread stops using it", On::Lazy(1), &[borrow, First, Second, Do(Return)]),
        situation(
            "E3",
            "a kernel thread that uses it is pre-empted",
            On::Lazy(1),
            &[borrow, First, Second, to(STRANGER)],
        ),
        situation(
            "GX1",
            "another thread enters after one has exited",
            SIBLING,
            &[Do(Exit), to(FAST), First, Second],
        ),
        situation("X1", "the thread execs", FAST, &[First, Second, Do(Exec(1))]),
        situation("h1", "out, and offline", FAST, &[First, Second, to(On::Kernel), Do(Offline)]),
        Situation {
            name: "h2",
            about: "online, and in from idle",
            on: None,
            steps: vec![Do(Online), to(FAST), First, Second],
        },
        Situation {
            name: "h2x",
            about: "online, and in from another address space",
            on: None,
            steps: vec![Do(Online), to(STRANGER), to(FAST), First, Second],
        },
        situation(
            "h3",
            "offline and online in between",
            FAST,
            &[First, to(On::Kernel), Do(Offline), Do(Online), to(FAST), Second],
        ),
    ]
}

/// What a caller can make of a barrier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    /// What the name of the scenario says; empty for the plain one.
    pub suffix: &'static str,
    /// What a scenario says of it behind what it is about.
    pub about: &'static str,
    /// What occupies the caller's CPU.
    pub on: On,
    /// What has been registered.
    pub registered: Option<Command>,
    /// What it calls.
    pub command: Command,
    /// What the machine must have.
    pub needs: Needs,
}

/// PRIVATE_EXPEDITED.
pub const PRIVATE: Caller = Caller {
    suffix: "",
    about: "",
    on: CALLER,
    registered: Some(Command::RegisterPrivateExpedited),
    command: Command::PrivateExpedited,
    needs: Needs::Nothing,
};

/// GLOBAL_EXPEDITED, from an address space that registered for nothing.
pub const GLOBAL_EXPEDITED: Caller = Caller {
    suffix: " global-expedited",
    about: ", from an address space that registered for nothing",
    on: ONE,
    registered: Some(Command::RegisterGlobalExpedited),
    command: Command::GlobalExpedited,
    needs: Needs::Nothing,
};

/// GLOBAL, by pokes, from an address space that registered for nothing.
pub const GLOBAL: Caller = Caller {
    suffix: " global",
    about: ", where nobody registered",
    on: ONE,
    registered: None,
    command: Command::Global,
    needs: Needs::Nothing,
};

/// A shape in a situation.
#[must_use]
pub fn place(situation: &Situation, shape: Shape, caller: Caller) -> Scenario {
    let (mine, [first, second]) = shape.sides(0);
    let acts = situation.steps.iter().map(|step| match *step {
        Step::First => first,
        Step::Second => second,
        Step::Do(act) => act,
    });
    let fast = Part { on: situation.on, acts: acts.collect() };
    Scenario {
        name: format!("{}/{shape}{}", situation.name, caller.suffix),
        about: format!("{}; {}{}", situation.about, shape.about(), caller.about),
        parts: vec![Part { on: Some(caller.on), acts: bracket(mine, caller.command) }, fast],
        registered: caller.registered.iter().map(|&command| (0, command)).collect(),
        registers: shape.registers(),
        shown: shape.shown(),
        forbidden: BTreeSet::from([shape.forbidden()]),
        expected: shape.expected(),
        is_quiet: false,
        is_free: false,
        shape: Some(shape),
        needs: caller.needs,
        designs: Vec::new(),
    }
}

/// A call between two accesses.
pub(crate) fn bracket([before, after]: Side, command: Command) -> Vec<Act> {
    vec![before, Call(command), after]
}
