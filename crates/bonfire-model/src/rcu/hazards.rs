//! Pointers held in slots.

use super::scenario::{Part, Scenario};

/// Replaces, waits, scans, and frees what nobody holds.
const REPLACES: Part = |updater| {
    updater.unpublish();
    updater.synchronize();
    updater.free_unless_held();
};

/// A slot that is taken, and an updater.
const fn hazard(
    name: &'static str,
    about: &'static str,
    parts: &'static [Part],
    registers_used: usize,
) -> Scenario {
    Scenario { before: |cast| cast.take_slot(), ..Scenario::new(name, about, parts, registers_used) }
}

pub(super) fn scenarios() -> [Scenario; 4] {
    [
        hazard(
            "hazard",
            "a reader holds a pointer in a slot, while an updater replaces it, scans, and frees",
            &[|reader| reader.hazard(0), REPLACES],
            1,
        ),
        hazard(
            "hazard, again",
            "a reader lets go and holds again, while an updater scans",
            &[
                |reader| {
                    reader.hazard(0);
                    reader.hazard(1);
                },
                REPLACES,
            ],
            2,
        ),
        Scenario {
            registers: true,
            ..hazard(
                "hazard, not registered",
                "the same in a process that never registers",
                &[|reader| reader.hazard(0), REPLACES],
                1,
            )
        },
        hazard(
            "hazard, by reloading",
            "the form that does not ship: a slot holds what was loaded, which is loaded again until it is the same",
            &[|reader| reader.hazard_by_reloading(0), REPLACES],
            1,
        ),
    ]
}
