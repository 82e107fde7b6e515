//! The scenarios: what each CPU does, what must never be executed, and what must be seen for
//! the rest to mean anything.

use std::rc::Rc;

use bonfire_abi::Command;
use bonfire_engine::Running;
use bonfire_engine::core_sync::{RISCV, Row, Settle};

use super::stage::{Cast, NEW, NOTHING, OLD, OTHER, Stage, TRAP, To};
use super::steps::{Mutant, become_mutant};
use crate::explorer::{Exploration, Outcome, Rules, declare_code};
use crate::machine::{Capabilities, On};
use crate::proof::system::{self, Program, System};
use crate::rcu::machine::begin;
use crate::vocabulary::{Act, On as Occupant, user};

type Part = fn(&Cast<'_>);

/// What happens.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// Its name.
    pub name: &'static str,
    /// What it tells.
    pub about: &'static str,
    /// What stands in the two places for code at first.
    code: [u64; 2],
    /// What each CPU does; the first publishes.
    parts: [Part; 2],
    /// Whether this outcome is a flaw.
    is_flaw: fn(&[u64]) -> bool,
    /// Outcomes that have to be seen.
    seen: &'static [[u64; 3]],
}

/// All of them.
#[must_use]
pub fn scenarios() -> [Scenario; 8] {
    [PUBLISHED, SWITCHED, ANNOUNCED, CHECKED_BEFORE, PATCHED, PATCHED_BEFORE, REPLACED, REUSED]
}

/// Anything but the new, or nothing.
fn is_stale(outcome: &[u64]) -> bool {
    !matches!(outcome[0], 0 | NEW)
}

const PUBLISHED: Scenario = Scenario {
    name: "published",
    about: "code is written where other code was, and published; a thread hears of it, and executes it",
    code: [OLD, NOTHING],
    parts: [
        |publisher| {
            publisher.publish(0, NEW);
            publisher.tell();
        },
        |thread| {
            thread.hear();
            thread.execute(0, 0);
        },
    ],
    is_flaw: is_stale,
    seen: &[[NEW, 0, 0]],
};

const SWITCHED: Scenario = Scenario {
    name: "published, switched out",
    about: "the same, and the thread is switched out, and in again, before it executes",
    parts: [PUBLISHED.parts[0], |thread| {
        thread.steps.system.act(Act::Switch(Occupant::Kernel));
        thread.steps.system.act(Act::Switch(user(0, 1)));
        thread.hear();
        thread.execute(0, 0);
    }],
    ..PUBLISHED
};

const ANNOUNCED: Scenario = Scenario {
    name: "announced",
    about: "code is written and announced; a thread hears of it, checks, and executes it",
    parts: [
        |publisher| {
            publisher.announce(0, NEW);
            publisher.tell();
        },
        |thread| {
            thread.hear_and_check();
            thread.execute(0, 0);
        },
    ],
    ..PUBLISHED
};

const CHECKED_BEFORE: Scenario = Scenario {
    name: "announced, checked before",
    about: "the same, by a thread that checked for something else a moment before",
    parts: [ANNOUNCED.parts[0], |thread| {
        thread.catch_up();
        thread.hear_and_check();
        thread.execute(0, 0);
    }],
    ..PUBLISHED
};

const PATCHED: Scenario = Scenario {
    name: "patched",
    about: "an instruction of two parts is patched in three steps, while a thread executes it",
    code: [OLD, OLD],
    parts: [|publisher| publisher.patch(), |thread| thread.execute_both()],
    // Whoever fetches the trap executes nothing else.
    is_flaw: |outcome| outcome[0] != TRAP && outcome[0] != outcome[1],
    seen: &[[OLD, OLD, 0], [TRAP, OLD, 0], [TRAP, NEW, 0], [NEW, NEW, 0]],
};

const PATCHED_BEFORE: Scenario = Scenario {
    name: "patched before",
    about: "the same, by a thread that hears that it is done: it executes the new, and meets no trap",
    parts: [
        |publisher| {
            publisher.patch();
            publisher.tell();
        },
        |thread| {
            thread.hear();
            thread.execute_both();
        },
    ],
    is_flaw: |outcome| outcome[..2] != [NEW, NEW],
    seen: &[[NEW, NEW, 0]],
    ..PATCHED
};

const REPLACED: Scenario = Scenario {
    name: "replaced and freed",
    about: "a function is published and replaces another, which is freed when nobody is in it; a thread calls",
    code: [OLD, NOTHING],
    parts: [
        |publisher| {
            publisher.publish(1, NEW);
            publisher.point(To::New);
            publisher.wait_for_readers();
            publisher.write(0, NOTHING);
        },
        |thread| thread.call(),
    ],
    is_flaw: is_anything_else,
    seen: &[[OLD, 0, 0], [0, NEW, 0]],
};

const REUSED: Scenario = Scenario {
    name: "replaced, freed, used again",
    about: "the same, and what was freed is used for a third function, which replaces the second; a thread calls",
    parts: [
        |publisher| {
            publisher.publish(1, NEW);
            publisher.point(To::New);
            publisher.wait_for_readers();
            publisher.reuse(0, OTHER);
            publisher.point(To::Other);
        },
        |thread| thread.call(),
    ],
    seen: &[[OLD, 0, 0], [0, NEW, 0], [0, 0, OTHER]],
    ..REPLACED
};

/// Each function has its register: anything in it but that function, or nothing.
fn is_anything_else(outcome: &[u64]) -> bool {
    [OLD, NEW, OTHER].iter().zip(outcome).any(|(own, executed)| *executed != 0 && executed != own)
}

/// A machine on which nothing serialises by itself, as on RISC-V: neither interrupts nor
/// returns to the program.
struct Serialising;
impl Capabilities for Serialising {
    const CORE: Option<(Row, Settle)> = Some((RISCV, Settle::AtOnce));
}

/// Tries everything that can happen in `scenario`, with a program changed as `mutant` says;
/// and what had to be seen and was not.
#[must_use]
pub fn explore(
    scenario: &Scenario,
    mutant: Mutant,
    rules: Rules,
    limit_bytes: usize,
) -> (Exploration, Vec<Outcome>) {
    become_mutant(mutant);
    let stage = Rc::new(Stage::new(scenario.code[0], scenario.code[1]));
    let bodies = scenario.parts.iter().map(|&part| {
        let stage = Rc::clone(&stage);
        Box::new(move |system: &Rc<dyn System>| {
            begin();
            part(&stage.on(system));
        }) as Box<dyn Fn(&Rc<dyn System>)>
    });
    let (prepared, named) = (Rc::clone(&stage), Rc::clone(&stage));
    let program = Program {
        on: vec![user(0, 0), user(0, 1)],
        registered: &[Command::RegisterPrivateExpedited, Command::RegisterSyncCore],
        bodies: bodies.collect(),
        set_up: Box::new(move |system: &Rc<dyn System>| {
            prepared.code().iter().for_each(declare_code);
            begin();
            prepared.on(system).arrive();
        }),
        name_at: Rc::new(move |address| named.name_at(address)),
        registers: 3,
        is_quiet: false,
        is_flaw: Box::new(scenario.is_flaw),
    };
    let exploration = system::explore::<Serialising, On<Serialising, Running>>(program, rules, limit_bytes);
    become_mutant(Mutant::None);
    let is_missing =
        |wanted: &[u64; 3]| !exploration.outcomes.iter().any(|outcome| outcome[..] == wanted[..]);
    let unseen = scenario.seen.iter().filter(|wanted| is_missing(wanted)).map(|wanted| wanted.to_vec());
    let unseen = unseen.collect();
    (exploration, unseen)
}
