//! Scenarios of grace periods that updaters share, and of a reader that moves.

use super::scenario::{Part, Scenario};
use super::stage::{NEW, OLD};
use crate::vocabulary::{Act, On, user};

/// Runs a grace period of its own, and reads afterwards.
const WAITS_THEN_READS: Part = |both| {
    both.synchronize();
    both.section(both.record(0), 0);
};

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::new(
            "joins one under way",
            "an updater joins while a grace period is under way that began before it unpublished",
            &[
                |reader| reader.section(reader.record(0), 0),
                |updater| {
                    let before = updater.stage.grace.join();
                    updater.goes_on(before);
                    let ticket = updater.retire();
                    if !updater.advance(ticket) {
                        updater.advance(ticket);
                    }
                },
            ],
            1,
        ),
        Scenario {
            seen: &[NEW],
            ..Scenario::new(
                "shares",
                "two updaters wait at once; one has replaced an object, the other reads afterwards",
                &[WAITS_THEN_READS, |updater| updater.replace()],
                1,
            )
        },
        Scenario {
            before: |cast| _ = cast.arrive(),
            registers: true,
            seen: &[NEW],
            ..Scenario::new(
                "shares, not registered",
                "the same in a process that never registers",
                &[WAITS_THEN_READS, |updater| updater.replace()],
                1,
            )
        },
        Scenario {
            seen: &[OLD, NEW],
            ..Scenario::new(
                "looks only",
                "an updater looks once whether the grace period is over that another one runs",
                &[
                    |reader| reader.section(reader.record(0), 0),
                    |updater| updater.synchronize(),
                    |updater| {
                        let ticket = updater.retire();
                        updater.free_if_over(ticket);
                    },
                ],
                1,
            )
        },
        Scenario::new(
            "handed over",
            "a thread gives its record back at the end of a section; another takes it, and updates",
            &[
                |reader| {
                    let record = reader.record(0);
                    reader.enter(record);
                    reader.look_and_depart(record, reader.load(), 0);
                },
                |updater| {
                    updater.arrive();
                    updater.replace();
                },
            ],
            1,
        ),
        Scenario::new(
            "taken over",
            "a thread gives its record back, and updates; another takes it, and reads",
            &[
                |updater| {
                    updater.record(0).give_back(&updater.machine);
                    updater.replace();
                },
                |reader| reader.section(reader.arrive(), 0),
            ],
            1,
        ),
        Scenario {
            idle: &[2],
            ..Scenario::new(
                "moves",
                "a reader is switched out in its section and goes on, and leaves, on another CPU",
                &[
                    |reader| {
                        reader.enter(reader.record(0));
                        let loaded = reader.load();
                        reader.machine.system.act(Act::Switch(On::Kernel));
                        reader.tell(loaded);
                    },
                    |updater| updater.replace(),
                    |reader| {
                        let loaded = reader.hear();
                        reader.machine.system.act(Act::Switch(user(0, 0)));
                        reader.look(loaded, 0);
                        reader.leave(reader.record(0));
                    },
                ],
                1,
            )
        },
    ]
}
