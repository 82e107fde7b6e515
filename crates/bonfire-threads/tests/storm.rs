//! The randomised run, short; and the same on machines that lack something,
//! which its invariants must see.
//!
//! What a host that reorders as x86 does (a load may overtake an earlier store,
//! and nothing else may) shows of each barrier when it is taken out:
//!
//! | taken out | seen as |
//! |-----------|---------|
//! | the poke | overlap, stale code, late commits, here; and every command is convicted by the conformance suite |
//! | `IpiCoreSync`, `SelfCoreSync`, `SwitchCoreSync`, `RetCoreSync` | stale code, here |
//! | `ExitCoreSync` | never owed: this machine settles at once |
//! | `SysExit`, `SchedBefore`, `ExitMm`, `ExecMb`, `UnuseMm`, `MaskClear`, `OffPre` | not shown: edge B orders what x86 orders by itself |
//! | `IpiMb` | not shown: the signal and the swap of the request are barriers of the host |
//! | `RegEntry`, `RegExit` | not shown: the requests of a registration are read-modify-writes |
//! | `MaskSet`, `MaskSwitch` | not shown: the edit of a mask is a read-modify-write |
//! | `SysEntry`, `SwitchMm`, `MmDrop`, `UseMm`, `SameSwitch` | possible on x86, in a window of some ten nanoseconds between a hook's store and the first load of the thread that it lets in; not yet seen here |
//!
//! The model explores all of them.

use std::time::Duration;

use bonfire_engine::{Design, Engine, Running, Site, for_design};
use bonfire_threads::storm::{Event, Storm};
use bonfire_threads::{Faults, On, OnThreads};

const SHORT: Storm =
    Storm { duration: Duration::from_secs(20), processes: 25, seed: 3, cpus: 4, faults: Faults::NONE };

/// How often a twin is tried again until it is seen to fail.
const TRIES: u64 = 30;

fn nothing_breaks<K: OnThreads>() {
    let report = SHORT.run::<K>().expect("the host has threads");
    assert!(!report.hung, "{}: {report:?}", Engine::<K>::DESIGN);
    assert_eq!(report.violations(), 0, "{}: {report:?}", Engine::<K>::DESIGN);
    // One, and a second where a CPU served without taking the first: as it comes
    // online, which CPUs do here all the time (`request.rs`).
    assert!(report.most_pending <= 2, "{}: {report:?}", Engine::<K>::DESIGN);
    for event in Event::ALL.into_iter().filter(|event| !event.is_violation()) {
        assert!(report.count(event) > 0, "{}: no {event:?}: {report:?}", Engine::<K>::DESIGN);
    }
    assert!(report.pokes > 0 && report.switches > 100, "{}: {report:?}", Engine::<K>::DESIGN);
}

#[test]
fn nothing_breaks_in_any_design() {
    for design in Design::ALL {
        for_design!(design, D => nothing_breaks::<On<D>>());
    }
}

/// Runs without `faults` until each of `events` was seen.
fn breaks<K: OnThreads>(faults: Faults, events: &[Event]) {
    let mut unseen = events.to_vec();
    for seed in 0..TRIES {
        let report = Storm { seed, faults, ..SHORT }.run::<K>().expect("the host has threads");
        unseen.retain(|&event| report.count(event) == 0);
        if unseen.is_empty() {
            return;
        }
    }
    panic!("{}: cannot tell: without {faults:?} no {unseen:?} in {TRIES} runs", Engine::<K>::DESIGN);
}

#[test]
fn a_machine_that_does_not_poke_breaks_in_every_design() {
    // The exclusion needs a store that is overtaken by a load.
    let seen: &[Event] = if cfg!(target_arch = "x86_64") {
        &[Event::Overlap, Event::StaleCode, Event::LateCommit]
    } else {
        &[Event::StaleCode, Event::LateCommit]
    };
    for design in Design::ALL {
        for_design!(design, D => breaks::<On<D>>(Faults::NO_POKE, seen));
    }
}

#[test]
fn a_core_that_does_not_serialise_runs_stale_code() {
    for site in [Site::IpiCoreSync, Site::SelfCoreSync, Site::SwitchCoreSync, Site::RetCoreSync] {
        breaks::<On<Running>>(Faults::NONE.without(site), &[Event::StaleCode]);
    }
}
