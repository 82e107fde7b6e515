//! Why a slip may go unnoticed.
//!
//! The list is closed, and names each slip as reports do. An excuse for one that a
//! scenario notices is as wrong as a survivor without one.

use crate::run::Design;

/// Why nothing breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Excuse(pub &'static str);

/// The excuse for a slip of this name in a design, if there is one.
#[must_use]
pub fn excuse(design: Design, name: &str) -> Option<Excuse> {
    let excuses = |&(why, slips): &(&'static str, &[(&[Design], &str)])| {
        let is_it = |(designs, slip): &(&[Design], &str)| designs.contains(&design) && *slip == name;
        slips.iter().any(is_it).then_some(Excuse(why))
    };
    EXCUSES.iter().find_map(excuses)
}

type Excuses = &'static [(&'static str, &'static [(&'static [Design], &'static str)])];

/// In every design.
const ALL: &[Design] = &Design::ALL;

const OWN_WORD: &str = "only its own CPU looks at the word, in program order, and interrupts are off";
const TOO_OFTEN: &str = "a core is serialised once more than is owed, which is slow and not wrong";
const NOBODY_ASKS: &str = "while a CPU comes or goes it runs no user thread and passes its barrier, so a generation \
                           that nobody asked for answers nobody too early";
const REPORTED: &str = "no hook looks at this intent, and the gate behind it says the same to who asks";
const NOT_ORDERED: &str = "the next access looks at what the address space registered for, or at a word that only \
                           this CPU writes, and neither is ordered by this barrier: it still stands before all \
                           that the thread does";
const GATE_BEHIND_A_WAIT: &str = "the gate opens behind a wait that decides whether it opens at all, and what the \
                                  handlers did before they answered is visible to all at once; a machine without \
                                  one order of writes needs it where it stands";
const PINNED: &str = "the thread is pinned, and a handler that comes in between leaves the word as it would be; that \
                      interrupts are off there is a promise to the machine";

const EXCUSES: Excuses = &[
    (
        OWN_WORD,
        &[
            (ALL, "request.rs: owed.store #1: behind the next barrier"),
            (ALL, "request.rs: owed.store #2: behind the next barrier"),
        ],
    ),
    (TOO_OFTEN, &[(ALL, "request.rs: owed.store #2: left out")]),
    (
        NOBODY_ASKS,
        &[
            (ALL, "request.rs: done.store #2: generation +1"),
            (ALL, "request.rs: done.store #3: generation +1"),
        ],
    ),
    (
        REPORTED,
        &[(ALL, "state.rs: state.set #1: without bit 7"), (ALL, "state.rs: state.store: without bit 7")],
    ),
    (
        NOT_ORDERED,
        &[
            (&[Design::Running], "targets/running.rs: SwitchMm: behind the next access"),
            (&[Design::Running], "targets/running.rs: MmDrop: behind the next access"),
            (&[Design::Running], "targets/running.rs: ExecMb: behind the next access"),
            (&[Design::Running], "targets/running.rs: UseMm: behind the next access"),
            (ALL, "hooks.rs: OffPre: behind the next access"),
        ],
    ),
    (GATE_BEHIND_A_WAIT, &[(ALL, "commands.rs: RegExit: behind the next access")]),
    (
        PINNED,
        &[
            (ALL, "commands.rs: interrupts off #1: left out"),
            (ALL, "commands.rs: interrupts off #2: left out"),
            (ALL, "commands.rs: interrupts off #3: left out"),
        ],
    ),
];

/// Faults that no machine can commit for the engine, since they are choices of
/// its own that no operation stands for, and the tests that find them.
#[must_use]
pub const fn unit_tests() -> &'static [(&'static str, &'static str)] {
    &[
        (
            "a number beyond the first group of 64 CPUs is taken for one within it",
            "bonfire-engine, tests/engine/pokes.rs: a_cpu_beyond_the_capacity_is_refused_and_its_hooks_do_nothing",
        ),
        (
            "the gate is asked before it is known whether the machine has the command, or the flags are right",
            "bonfire-engine, tests/engine/pokes.rs: the_gates_are_in_linux_s_order",
        ),
    ]
}
