//! The engine that ships, under [loom]: a second oracle beside the explorer, by
//! other hands and with another memory model.
//!
//! `RUSTFLAGS="--cfg loom" cargo test -p bonfire-model --test loom --release`
//!
//! loom tries the executions of C11's atomics. It has what the explorer lacks: *no
//! one order of writes*, so that a store may reach some threads before others, as
//! on POWER. And it lacks what the explorer has: *load buffering*, in which a load
//! sees a store that is done after it. On two CPUs the former makes no difference,
//! so there both must find the same barriers needed, scenario by scenario, but for
//! those of [`ONLY_BY_LOAD_BUFFERING`]; one of these that loom begins to miss fails
//! as well. On three and four CPUs loom says what no explorer of one order of
//! writes can.
//!
//! # What is needed to believe it
//! An interrupt is a relaxed flag that a CPU polls once, in a place that is varied
//! over all places between its acts; it orders nothing. A wait looks once, and an
//! execution in which the answer is not there is of no account. loom also says
//! that all is well where it tried too little, so every run has to come to each
//! outcome that is expected, and every barrier has to be missed.
//!
//! # What it does not see
//! - Scenarios in which a CPU is interrupted twice (by a registration and a call):
//!   `RegEntry` and `RegExit` are not tried.
//! - Interrupts within a call or a hook.
//! - What loom itself leaves out: it keeps one last access for each word, so a CPU
//!   that reads its own `done` may hide a race of the store which follows; and a
//!   fence is no event to it, which [`machine`] makes up for.
//! - Core serialisation and rseq sections; write barriers, which C11 lacks.
//! - On three and four CPUs, executions of many pre-emptions.
//!
//! [loom]: https://docs.rs/loom
#![cfg(loom)]

mod kernel;
mod machine;
mod run;
mod suite;

use std::collections::BTreeSet;

use bonfire_engine::Site;
use bonfire_model::excuse::{Excuse, excuse};
use bonfire_model::explorer::{Barrier, Memory, Plan, Rules, Verdict};
use bonfire_model::machine::{Change, Mutant};
use bonfire_model::run::{self as explorer, Design};
use bonfire_model::scenario::Scenario;
use bonfire_model::vocabulary::{Act, On};

use run::{Run, run};
use suite::FULL;

/// What the explorer misses a barrier by, and loom cannot: the scenarios and the
/// barriers, of every design that runs them. All are of the default design.
///
/// In MP it is the caller's first load that waits: the call is made, the fast side
/// answers and only then writes, and the load sees it.
const ONLY_BY_LOAD_BUFFERING: [(&str, Site); 10] = [
    ("AB/LB", Site::SysEntry),
    ("AB/MP+P1", Site::SysEntry),
    ("C3/LB", Site::SysEntry),
    ("C3/LB", Site::SchedBefore),
    ("C3/MP+P1", Site::SysEntry),
    ("C4/MP+P1", Site::SysEntry),
    ("D/MP+P1", Site::SysEntry),
    ("X1/MP+P1", Site::SysEntry),
    ("AB/MP+P1 global-expedited", Site::SysEntry),
    ("C3/MP+P1 global-expedited", Site::SysEntry),
];

/// What neither misses. A thread that execs stays where it is, in another list: the
/// lock of the list orders what the barrier would.
const NOT_MISSED: [(Design, Site); 1] = [(Design::Threads, Site::ExecMb)];

#[test]
fn both_oracles_need_the_same_barriers_where_cpus_are_looked_at() {
    agree(Design::Running);
}

#[test]
fn both_oracles_need_the_same_barriers_where_every_cpu_is_asked() {
    agree(Design::Everywhere);
}

#[test]
fn both_oracles_need_the_same_barriers_where_masks_are_read() {
    agree(Design::Mask);
}

#[test]
fn both_oracles_need_the_same_barriers_where_run_queues_are_locked() {
    agree(Design::LockedMask);
}

#[test]
fn both_oracles_need_the_same_barriers_where_threads_are_walked() {
    agree(Design::Threads);
}

/// Every scenario holds; each barrier that is passed is missed in some, but for
/// [`NOT_MISSED`]; and in each scenario loom misses those that the explorer does.
fn agree(design: Design) {
    let (mut passed, mut missed, mut buffering) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for scenario in suite::two_cpus(design) {
        let as_it_ships = holds(design, &scenario, None);
        for site in Site::ALL.into_iter().filter(|&site| as_it_ships.passes(site)) {
            let name = format!("{} {} without {}", design.name(), scenario.name, site.name());
            let deleted = vec![(site, Change::Deleted)];
            let is_missed = run(design, &scenario, &deleted, None).is_flawed(&scenario);
            let explored = explorer_misses(design, &scenario, &deleted, Memory::NoLoadBuffering);
            assert_eq!(is_missed, explored, "{name}: loom, and the explorer without load buffering");
            passed.insert(site);
            if is_missed {
                missed.insert(site);
            } else if explorer_misses(design, &scenario, &deleted, Memory::Weak) {
                buffering.insert((scenario.name.clone(), site));
            }
        }
    }
    let not_missed: Vec<_> = passed.difference(&missed).map(|&site| (design, site)).collect();
    let of_design: Vec<_> = NOT_MISSED.into_iter().filter(|&(of, _)| of == design).collect();
    assert_eq!(not_missed, of_design, "barriers that no scenario needs");
    let listed = ONLY_BY_LOAD_BUFFERING.map(|(scenario, site)| (scenario.to_string(), site));
    let of_design = if design == Design::Running { BTreeSet::from(listed) } else { BTreeSet::new() };
    assert_eq!(buffering, of_design, "{}", design.name());
}

/// The engine as it ships: nothing forbidden, and all that is expected.
fn holds(design: Design, scenario: &Scenario, preemptions: Option<usize>) -> Run {
    let run = run(design, scenario, &vec![], preemptions);
    let name = format!("{} {}", design.name(), scenario.name);
    println!("{name}: {} executions, and {} of no account", run.completed, run.blocked);
    assert!(!run.is_flawed(scenario), "{name} comes to {:?}", run.outcomes);
    let unseen: Vec<_> = scenario.expected.difference(&run.outcomes).collect();
    assert!(unseen.is_empty(), "{name} never comes to {unseen:?}");
    run
}

fn explorer_misses(design: Design, scenario: &Scenario, mutant: &Mutant, memory: Memory) -> bool {
    const LIMIT_BYTES: usize = 1 << 30;
    let rules = Rules { memory, ..Rules::WEAK };
    match explorer::run(design, scenario, mutant, rules, Plan::within(LIMIT_BYTES)).exploration.verdict {
        Verdict::Holds => false,
        Verdict::Flawed(..) => true,
        Verdict::CouldNotFinish => panic!("{}: the explorer needs more memory", scenario.name),
    }
}

/// Three CPUs: what more pre-emptions add was not seen to matter. Four take too
/// long for as many.
const PREEMPTIONS_OF_THREE: Option<usize> = Some(3);
const PREEMPTIONS_OF_FOUR: Option<usize> = Some(2);

const ACQUIRE: Change = Change::Weakened(Barrier::Acquire);
const RELEASE: Change = Change::Weakened(Barrier::Release);

/// The explorer excuses both by its one order of writes. The first is needed: what
/// the caller saw is not thereby seen by whoever hears of it from the caller. The
/// second is not, in C11 either: a thread that reads what a release stands before, and has a
/// full barrier behind that, has all of it.
#[test]
fn an_exit_that_only_acquires_passes_nothing_on_and_a_release_ahead_of_a_switch_does() {
    let to_idle = Act::Switch(On::Kernel);
    for (design, leaves, before) in [
        (Design::Running, Act::Switch(On::Lazy(0)), Site::SchedBefore),
        (Design::Running, Act::Exit, Site::ExitMm),
        (Design::Running, Act::Exec(1), Site::ExecMb),
        (Design::Mask, to_idle, Site::MaskClear),
        (Design::Threads, to_idle, Site::SchedBefore),
    ] {
        let scenario = suite::passed_on(leaves);
        let passed = holds(design, &scenario, PREEMPTIONS_OF_THREE);
        assert!(passed.passes(Site::SysExit) && passed.passes(before));
        for (site, change, is_missed) in
            [(Site::SysExit, ACQUIRE, true), (before, RELEASE, false), (before, Change::Deleted, true)]
        {
            let name = format!("{} {} with {} {change:?}", design.name(), scenario.name, site.name());
            let changed = run(design, &scenario, &vec![(site, change)], PREEMPTIONS_OF_THREE);
            assert_eq!(changed.is_flawed(&scenario), is_missed, "{name}");
            let excused = matches!(excuse(design, site, change), Some(Excuse::OneOrderOfWrites(_)));
            assert_eq!(excused, change != Change::Deleted, "{name}");
        }
    }
}

/// A cycle is forbidden only if it has as many heavy fences as light ones, as the
/// rule of RCU's grace periods has it; full fences count as neither.
#[test]
fn one_heavy_fence_answers_for_one_light_fence() {
    let ordered = suite::ring(Some(FULL));
    holds(Design::Running, &ordered, PREEMPTIONS_OF_THREE);
    let not_ordered = suite::ring(None);
    assert!(run(Design::Running, &not_ordered, &vec![], PREEMPTIONS_OF_THREE).is_flawed(&not_ordered));
    for site in [Site::SysEntry, Site::SysExit, Site::IpiMb] {
        let without = vec![(site, Change::Deleted)];
        assert!(run(Design::Running, &ordered, &without, PREEMPTIONS_OF_THREE).is_flawed(&ordered));
    }
}

/// Where stores reach CPUs one by one, a heavy fence still makes two observers
/// agree, and passes on what a light one saw.
#[test]
fn observers_agree_without_one_order_of_writes() {
    let chain = suite::of_three("WRC+P2");
    holds(Design::Running, &chain, PREEMPTIONS_OF_THREE);
    let no_exit = vec![(Site::SysExit, Change::Deleted)];
    assert!(run(Design::Running, &chain, &no_exit, PREEMPTIONS_OF_THREE).is_flawed(&chain));

    let observers = suite::of_three("IRIW+P2");
    holds(Design::Running, &observers, PREEMPTIONS_OF_FOUR);
    let no_entry = vec![(Site::SysEntry, Change::Deleted)];
    assert!(run(Design::Running, &observers, &no_entry, PREEMPTIONS_OF_FOUR).is_flawed(&observers));
}
