//! The scenarios: what each CPU does, what must never be, and what must be seen for the
//! rest to mean anything.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::machine::{Mutant, become_mutant, begin};
use super::stage::{Cast, NEW, OLD, POISON, Stage};
use super::{hazards, sharing};
use crate::explorer::{Exploration, Outcome, Rules};
use crate::machine::{Capabilities, On};
use crate::proof::system::{self, Program, System};
use crate::vocabulary::{Act, On as Occupant, user};
use bonfire_abi::Command;
use bonfire_engine::{Everywhere, Running};
use bonfire_rcu_core::may_be_alone;

/// A machine with the minimum: no core serialisation, no restartable sequences.
struct Minimal;
impl Capabilities for Minimal {}

pub(crate) type Part = fn(&Cast<'_>);

/// What happens.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// Its name.
    pub name: &'static str,
    /// What it tells.
    pub about: &'static str,
    /// What each CPU does.
    pub(crate) parts: &'static [Part],
    /// What was done before, on the first CPU.
    pub(crate) before: Part,
    /// CPUs that are in the kernel at first.
    pub(crate) idle: &'static [usize],
    /// Whether updaters sleep while they wait.
    pub(crate) sleeps: bool,
    /// Whether the process registers meanwhile.
    pub(crate) registers: bool,
    /// Whether nobody may be interrupted.
    pub(crate) is_quiet: bool,
    /// How many registers are used.
    pub(crate) registers_used: usize,
    /// What has to be seen in register 0.
    pub(crate) seen: &'static [u64],
}

impl Scenario {
    /// Two CPUs, one record that is ready, a registered process.
    pub(crate) const fn new(
        name: &'static str,
        about: &'static str,
        parts: &'static [Part],
        registers_used: usize,
    ) -> Self {
        Self {
            name,
            about,
            parts,
            before: |cast| _ = cast.arrive_ready(),
            idle: &[],
            sleeps: false,
            registers: false,
            is_quiet: false,
            registers_used,
            seen: &[OLD, NEW],
        }
    }

    /// How many CPUs take part.
    #[must_use]
    pub const fn cpus(&self) -> usize {
        self.parts.len()
    }
}

const REPLACES: Part = |updater| updater.replace();

/// All of them.
#[must_use]
pub fn scenarios() -> Vec<Scenario> {
    let mut all = vec![
        Scenario::new(
            "section",
            "a reader enters, reads and leaves, while an updater replaces what it reads, waits and frees",
            &[|reader| reader.section(reader.record(0), 0), REPLACES],
            1,
        ),
        Scenario::new(
            "again",
            "the same, and the reader comes again at once",
            &[
                |reader| {
                    reader.section(reader.record(0), 0);
                    reader.section(reader.record(0), 1);
                },
                REPLACES,
            ],
            2,
        ),
        Scenario::new(
            "one at a time",
            "the same, of a reader that asked once whether there is anything to look at",
            &[
                |reader| {
                    let record = reader.record(0);
                    assert!(may_be_alone(&reader.machine, record, &reader.depth));
                    reader.section_alone(record, 0);
                    reader.section_alone(record, 1);
                },
                REPLACES,
            ],
            2,
        ),
        Scenario::new(
            "nested",
            "a reader opens a second section, and leaves once before it reads",
            &[
                |reader| {
                    let record = reader.record(0);
                    reader.enter(record);
                    let loaded = reader.load();
                    reader.enter(record);
                    reader.leave(record);
                    reader.look(loaded, 0);
                    reader.leave(record);
                },
                REPLACES,
            ],
            1,
        ),
        Scenario {
            seen: &[OLD, NEW],
            ..Scenario::new(
                "stays",
                "a reader leaves, comes again when a grace period has begun, and stays until it is over",
                &[
                    |reader| {
                        reader.section(reader.record(0), 0);
                        reader.await_epoch();
                        reader.enter(reader.record(0));
                        reader.hear();
                        reader.leave(reader.record(0));
                    },
                    |updater| {
                        updater.replace();
                        updater.tell(1);
                    },
                ],
                1,
            )
        },
        Scenario {
            before: |_| {},
            ..Scenario::new(
                "arrives",
                "a thread takes its record while an updater looks for readers",
                &[|reader| reader.section(reader.arrive(), 0), REPLACES],
                1,
            )
        },
        Scenario::new(
            "leaves for good",
            "a thread gives its record back while an updater waits for it, and another thread takes it",
            &[
                |reader| {
                    let record = reader.record(0);
                    reader.enter(record);
                    reader.look_and_depart(record, reader.load(), 0);
                    let next = reader.arrive();
                    reader.section(next, 1);
                },
                REPLACES,
            ],
            2,
        ),
        Scenario {
            sleeps: true,
            ..Scenario::new(
                "sleeps",
                "an updater sleeps until the reader has left, who wakes it",
                &[|reader| reader.section(reader.record(0), 0), REPLACES],
                1,
            )
        },
        Scenario {
            sleeps: true,
            before: |cast| _ = cast.arrive(),
            registers: true,
            ..Scenario::new(
                "sleeps, not registered",
                "the same in a process that never registers: full fences on both sides",
                &[|reader| reader.section(reader.record(0), 0), REPLACES],
                1,
            )
        },
        Scenario::new(
            "switched out",
            "a reader is switched out in its section, and in again",
            &[
                |reader| {
                    let record = reader.record(0);
                    reader.enter(record);
                    let loaded = reader.load();
                    reader.machine.system.act(Act::Switch(Occupant::Kernel));
                    reader.machine.system.act(Act::Switch(user(0, 0)));
                    reader.look(loaded, 0);
                    reader.leave(record);
                },
                REPLACES,
            ],
            1,
        ),
        Scenario {
            idle: &[0],
            is_quiet: true,
            seen: &[0],
            ..Scenario::new(
                "asleep",
                "a thread that has read before sleeps, and an updater interrupts nobody",
                &[|_| {}, REPLACES],
                1,
            )
        },
        Scenario {
            before: |cast| _ = cast.arrive(),
            registers: true,
            ..Scenario::new(
                "registers, by the updater",
                "the process registers just before an update; the reader makes full fences until it sees that",
                &[
                    |reader| reader.section(reader.record(0), 0),
                    |updater| {
                        updater.machine.register();
                        updater.replace();
                    },
                ],
                1,
            )
        },
        Scenario {
            before: |cast| _ = cast.arrive(),
            registers: true,
            ..Scenario::new(
                "registers, by the reader",
                "the process registers just before a section; the updater may have been refused",
                &[
                    |reader| {
                        reader.machine.register();
                        reader.section(reader.record(0), 0);
                    },
                    REPLACES,
                ],
                1,
            )
        },
        Scenario::new(
            "retires",
            "an updater does not wait, but looks twice whether the grace period is over",
            &[
                |reader| reader.section(reader.record(0), 0),
                |updater| {
                    let ticket = updater.retire();
                    if !updater.advance(ticket) {
                        updater.advance(ticket);
                    }
                },
            ],
            1,
        ),
    ];
    all.extend(hazards::scenarios());
    all.extend(sharing::scenarios());
    all
}

/// What exploring a scenario came to.
#[derive(Clone, Debug)]
pub struct Explored {
    /// What was found.
    pub exploration: Exploration,
    /// What had to be seen in register 0 and was not.
    pub unseen: Vec<u64>,
}

/// Tries everything that can happen in `scenario` with a program changed as `mutant` says.
#[must_use]
pub fn explore(scenario: &Scenario, mutant: Mutant, rules: Rules, limit_bytes: usize) -> Explored {
    become_mutant(mutant);
    let stage = Rc::new(Stage::new(scenario.sleeps, scenario.registers));
    let bodies = scenario.parts.iter().map(|&part| {
        let stage = Rc::clone(&stage);
        Box::new(move |system: &Rc<dyn System>| {
            begin();
            part(&stage.on(system));
        }) as Box<dyn Fn(&Rc<dyn System>)>
    });
    let on = |cpu| if scenario.idle.contains(&cpu) { Occupant::Kernel } else { user(0, cpu) };
    let (prepared, named, before) = (Rc::clone(&stage), Rc::clone(&stage), scenario.before);
    let program = Program {
        on: (0..scenario.cpus()).map(on).collect(),
        registered: if scenario.registers { &[] } else { &[Command::RegisterPrivateExpedited] },
        bodies: bodies.collect(),
        set_up: Box::new(move |system: &Rc<dyn System>| {
            begin();
            prepared.process.counts_by(prepared.readers.count_word());
            before(&prepared.on(system));
        }),
        name_at: Rc::new(move |address| named.name_at(address)),
        registers: scenario.registers_used,
        is_quiet: scenario.is_quiet,
        is_flaw: Box::new(|outcome| outcome.contains(&POISON)),
    };
    // Every CPU that is online is interrupted, unless nobody may be.
    let exploration = if scenario.is_quiet {
        system::explore::<Minimal, On<Minimal, Running>>(program, rules, limit_bytes)
    } else {
        system::explore::<Minimal, On<Minimal, Everywhere>>(program, rules, limit_bytes)
    };
    become_mutant(Mutant::None);
    let unseen = unseen(scenario, &exploration.outcomes);
    Explored { exploration, unseen }
}

fn unseen(scenario: &Scenario, outcomes: &BTreeSet<Outcome>) -> Vec<u64> {
    let is_seen = |value: &u64| outcomes.iter().any(|outcome| outcome[0] == *value);
    scenario.seen.iter().copied().filter(|value| !is_seen(value)).collect()
}
