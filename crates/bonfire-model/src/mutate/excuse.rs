//! Why a slip may go unnoticed.
//!
//! The list is closed. An excuse names the slip as reports do, without the number
//! that tells two places of one file apart.

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

const EXCUSES: Excuses = &[];

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
