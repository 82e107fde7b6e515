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
    let is_it = |(designs, slip): &Excused| designs.contains(&design) && *slip == name;
    EXCUSES.iter().find_map(|(why, slips)| slips.iter().any(is_it).then_some(Excuse(why)))
}

/// The slips that are excused in a design, and the design.
pub fn excuses(design: Design) -> impl Iterator<Item = (Design, &'static str)> {
    let all = EXCUSES.iter().flat_map(|(_, slips)| *slips);
    all.filter(move |(designs, _)| designs.contains(&design)).map(move |(_, slip)| (design, *slip))
}

/// A slip by its name, and the designs in which it is excused.
type Excused = (&'static [Design], &'static str);
/// The slips by why they are excused.
type Excuses = &'static [(&'static str, &'static [Excused])];

/// In every design.
const ALL: &[Design] = &Design::ALL;
/// Where no hook depends on a registration.
const GATED: &[Design] = &[Design::Everywhere, Design::LockedMask];
const EVERYWHERE: &[Design] = &[Design::Everywhere];
const RUNNING: &[Design] = &[Design::Running];
const MASK: &[Design] = &[Design::Mask];
const LOCKED_MASK: &[Design] = &[Design::LockedMask];
const THREADS: &[Design] = &[Design::Threads];
/// Where a CPU is told what it accesses, and not what is loaded.
const ACCESSED: &[Design] = &[Design::Running, Design::LockedMask, Design::Threads];
/// Where a registration asks every CPU for a barrier.
const ASKING: &[Design] = &[Design::Running, Design::Mask, Design::Threads];
/// Where a CPU is asked for a process until that is told to have left it.
const STILL_ASKED: &[Design] = &[Design::Mask, Design::Threads];
/// Where no registration is published.
const UNPUBLISHED: &[Design] = &[Design::Everywhere, Design::Mask, Design::LockedMask, Design::Threads];
/// Where the hooks tell the engine who runs.
const TOLD: &[Design] = &[Design::Running, Design::Mask, Design::LockedMask, Design::Threads];

const OWN_WORD: &str = "only its own CPU looks at the word, and not before it leaves the kernel";
const OWN_HOOK: &str = "only its own CPU looks at the word, and not before the next hook or call there";
const TOO_OFTEN: &str = "a core is serialised once more than is owed, which is slow and not wrong";
const NOBODY_ASKS: &str = "while a CPU comes or goes it runs no user thread and passes its barrier, so a generation \
                           that nobody asked for answers nobody too early";
const REPORTED: &str = "no hook looks at this intent, and the gate behind it says the same to a caller";
const NOT_ORDERED: &str = "the next access is of a word that only this CPU writes, or looks at what the address \
                           space registered for, which this barrier does not order: it still stands before all that \
                           the thread does";
const GATE_BEHIND_A_WAIT: &str = "the gate opens behind a wait that decides whether it opens at all, and what the \
                                  handlers did before they answered is visible to all at once; a machine without \
                                  one order of writes needs it where it stands";
const PINNED: &str = "the thread is pinned, and a handler that comes in between leaves the word as it would be; that \
                      interrupts are off there is a promise to the machine";
const GATE_ONLY: &str = "no hook depends on a registration here: it opens a gate and changes nothing else";
const EDGE_P: &str = "only edge P needs the order, and this design publishes nobody's registration";
const AGAIN: &str =
    "registering again asks nothing of anybody here, so a gate that is thought closed costs nothing";
const ANSWER_RELEASES: &str = "the answer releases, so what ran here stands before it, and the barrier still stands \
                               before all that runs here next";
const DOUBTED_LONGER: &str = "a CPU that is doubted for longer, or thought to run somebody, is asked for nothing, \
                              and never missed";
const A_COUNT: &str = "it is a count for people, and nobody waits for it";
const DOUBTED_MEANWHILE: &str = "the CPU is doubted until it is believed, behind this barrier, and every call asks it \
                                 meanwhile";
const ENTRY_FOLLOWS: &str = "the barrier of the one who enters follows, and the CPU is still asked for the one of whom \
                             it was told last";
const UNTOLD_FOLLOWS: &str = "two address spaces meet here only where the CPU was told of another, and there a second \
                              barrier follows before anything runs";
const LOCK_ORDERS: &str =
    "the hook holds the lock of the run queue, and so does the caller when it looks at this CPU";
const NOT_YET: &str = "the process that enters has not registered, so nobody asks for a barrier of it before a \
                       poke that comes behind this hook";
const NO_VISITS: &str = "only what is kept of the CPUs that a process visits needs the order, and this design keeps \
                         nothing of that";
const NOT_NEEDED: &str = "nothing needs this second barrier, as is said where it stands";
const ALIKE: &str =
    "for this design a kernel thread is the same with page tables of the address space and without";
const LONGER_IN_MASK: &str = "a CPU that stays in a mask for longer is poked for nothing, and never missed";
const LONGER_ON: &str =
    "a thread that is thought to be on its CPU for longer has that poked for nothing, and is never missed";
const STILL_LOADED: &str = "the page tables stay loaded, and this design keeps nothing else of a CPU: the hook may be \
                            told or not";
const UNTOLD_DOES_ALL: &str = "the word is looked at only where the CPU was told of another, and there both barriers \
                               are passed and the core sync is owed whatever was registered for";

const EXCUSES: Excuses = &[
    (OWN_WORD, &[(ALL, "core_sync.rs: owed.store #1: behind the next barrier")]),
    (
        TOO_OFTEN,
        &[(ALL, "core_sync.rs: owed.store #2: left out"), (TOLD, "core_sync.rs: stale.clear: left out")],
    ),
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
            (RUNNING, "targets/running.rs: ExecMb: behind the next access"),
            (RUNNING, "targets/running.rs: UseMm: behind the next access"),
            (THREADS, "targets/threads.rs: UseMm: behind the next access"),
            (MASK, "targets/mask.rs: MaskSet: behind the next access"),
            (LOCKED_MASK, "targets/locked_mask.rs: MaskSet: behind the next access"),
            (ASKING, "commands.rs: RegEntry: behind the next access"),
            (ALL, "commands.rs: SysEntry #1: behind the next access"),
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
            (TOLD, "told.rs: interrupts off: left out"),
        ],
    ),
    (
        GATE_ONLY,
        &[
            (EVERYWHERE, "state.rs: state.set #1: left out"),
            (GATED, "state.rs: state.set #1: behind the next barrier"),
            (GATED, "state.rs: state.set #1: without bit 1"),
            (GATED, "state.rs: state.set #1: without bit 3"),
            (GATED, "state.rs: state.store: without bit 1"),
            (GATED, "state.rs: state.store: without bit 3"),
            (EVERYWHERE, "state.rs: state.set #1: without bit 5"),
            (EVERYWHERE, "state.rs: state.store: without bit 5"),
            (GATED, "state.rs: fork: choice 1 left: inverted (is global)"),
            (GATED, "state.rs: fork: choice 1 left: inverted (wants fences)"),
            (EVERYWHERE, "state.rs: fork: choice 1 left: inverted (wants core sync)"),
            (GATED, "state.rs: gate: choice 1: takes the intent for the gate"),
            (GATED, "commands.rs: RegEntry: behind the next access"),
        ],
    ),
    (EDGE_P, &[(UNPUBLISHED, "request.rs: done.store #1: relaxed")]),
    (
        AGAIN,
        &[
            (UNPUBLISHED, "state.rs: state.set #2: without bit 2"),
            (UNPUBLISHED, "state.rs: state.store: without bit 2"),
        ],
    ),
    (ANSWER_RELEASES, &[(ALL, "request.rs: IpiMb: behind the next access")]),
    (
        DOUBTED_LONGER,
        &[
            (TOLD, "told.rs: doubted.clear: behind the next barrier"),
            (TOLD, "told.rs: told.store #1: behind the next barrier"),
        ],
    ),
    (NOT_YET, &[(RUNNING, "targets/running.rs: told.store #2: behind the next barrier")]),
    (NO_VISITS, &[(UNPUBLISHED, "state.rs: state.set #2: relaxed")]),
    (ENTRY_FOLLOWS, &[(STILL_ASKED, "told.rs: Untold #1: not if both registered")]),
    (UNTOLD_FOLLOWS, &[(MASK, "targets/mask.rs: MaskSet: not if both registered")]),
    (
        LOCK_ORDERS,
        &[
            (LOCKED_MASK, "told.rs: Untold #1: not if both registered"),
            (LOCKED_MASK, "targets/locked_mask.rs: told.store: behind the next barrier"),
        ],
    ),
    (
        OWN_HOOK,
        &[
            (MASK, "targets/mask.rs: told.store: behind the next barrier"),
            (THREADS, "targets/threads.rs: told.store: behind the next barrier"),
        ],
    ),
    (STILL_LOADED, &[(MASK, "port: hook exit: left out"), (MASK, "port: hook return_space: left out")]),
    (
        UNTOLD_DOES_ALL,
        &[
            (MASK, "state.rs: switch: choice 1: inverted (is global)"),
            (MASK, "state.rs: switch: choice 2: inverted (wants core sync)"),
        ],
    ),
    (A_COUNT, &[(TOLD, "told.rs: mismatches.store: behind the next barrier")]),
    (DOUBTED_MEANWHILE, &[(TOLD, "told.rs: Untold #1: behind the next access")]),
    (
        NOT_NEEDED,
        &[(TOLD, "told.rs: Untold #2: left out"), (TOLD, "told.rs: Untold #2: not if both registered")],
    ),
    (
        ALIKE,
        &[
            (ACCESSED, "port: hook exit: to a kernel thread"),
            (ACCESSED, "port: hook return_space: to a kernel thread"),
        ],
    ),
    (LONGER_ON, &[(THREADS, "targets/threads.rs: thread.cpu.store #2: behind the next barrier")]),
    (LONGER_IN_MASK, &[(MASK, "targets/mask.rs: mask.clear: behind the next barrier")]),
];

/// A fault that no machine can commit for the engine, and the test that finds it.
#[derive(Clone, Copy, Debug)]
pub struct UnitTest {
    /// What is wrong.
    pub fault: &'static str,
    /// The file of the test, in the engine's crate.
    pub file: &'static str,
    /// The test.
    pub test: &'static str,
}

/// Faults that no machine can commit for the engine, since they are choices of its
/// own that no operation stands for, or need more CPUs than are explored.
pub const UNIT_TESTS: [UnitTest; 6] = [
    UnitTest {
        fault: "a choice of CPUs ends with the first group of 64",
        file: "tests/engine/minimal.rs",
        test: "cpus_of_every_group_are_reached_and_told_apart",
    },
    UnitTest {
        fault: "the CPUs of a word are added to the first group, whichever group the word is of",
        file: "tests/engine/minimal.rs",
        test: "cpus_of_every_group_are_reached_and_told_apart",
    },
    UnitTest {
        fault: "a CPU of a later group is given the words of one of the first",
        file: "tests/engine/minimal.rs",
        test: "cpus_of_every_group_are_reached_and_told_apart",
    },
    UnitTest {
        fault: "a CPU beyond the capacity is taken for one within it",
        file: "tests/engine/pokes.rs",
        test: "a_cpu_beyond_the_capacity_is_refused_and_its_hooks_do_nothing",
    },
    UnitTest {
        fault: "the gate is asked before it is known whether the machine has the command, or the flags are right",
        file: "tests/engine/pokes.rs",
        test: "the_gates_are_in_linux_s_order",
    },
    UnitTest {
        fault: "a call is refused when it has already disturbed others",
        file: "tests/engine/minimal.rs",
        test: "a_refused_call_disturbs_nobody",
    },
];
