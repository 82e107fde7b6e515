//! The machine itself, made wrong on purpose: each fault is found by an outcome
//! that must be there and is not, or must not be and is.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;

use bonfire_model::explorer::{
    Barrier, Body, Exploration, Fault, Outcome, Plan, Pokes, Rules, Shared, Test, Verdict, drop_pokes,
    explore, fence, observe_memory, poke,
};
use bonfire_model::matrix::{Found, Job, Runner};
use bonfire_model::run::Design;
use bonfire_model::scenario::{self, Scenario};

/// What two CPUs do, and what CPU 1 does when it is poked.
struct Program {
    first: fn(&[Shared; 3]),
    second: fn(&[Shared; 3]),
    handler: fn(&[Shared; 3]),
}

/// What there is in the registers and in the last word.
fn outcomes(program: &Program, fault: Option<Fault>) -> BTreeSet<Outcome> {
    let found = explored(program, fault);
    assert!(found.verdict.holds(), "{:?}", found.verdict);
    found.outcomes
}

fn verdict(program: &Program, fault: Option<Fault>) -> Verdict {
    explored(program, fault).verdict
}

fn explored(program: &Program, fault: Option<Fault>) -> Exploration {
    let words = Rc::new([const { Shared::new(0) }; 3]);
    let with = |part: fn(&[Shared; 3])| {
        let words = Rc::clone(&words);
        Box::new(move || part(&words)) as Body
    };
    let (shown, handled, handler) = (Rc::clone(&words), Rc::clone(&words), program.handler);
    let test = Test {
        set_up: Box::new(move || observe_memory(&shown[2])),
        bodies: vec![with(program.first), with(program.second)],
        handler: Rc::new(move |_, _| handler(&handled)),
        registers: 3,
        pokes: Pokes::Any,
        is_flaw: Box::new(|_| false),
    };
    explore(test, Rules { fault, ..Rules::WEAK }, Plan::within(1 << 30))
}

#[test]
fn an_interrupt_orders_nothing() {
    // Store buffering, with the load in the handler: it reads x, and so comes
    // behind the store, which nobody else sees yet.
    let program = Program {
        first: |[x, y, _]| {
            poke(0b10);
            y.store(1, Relaxed);
            fence(Barrier::Full, "");
            x.observe(0);
        },
        second: |[x, ..]| x.store(1, Relaxed),
        handler: |[x, y, told]| {
            x.observe(2);
            y.observe(1);
            told.store(1, Relaxed);
        },
    };
    let weak = |fault| outcomes(&program, fault).contains(&vec![0, 0, 1, 1]);
    assert!(weak(None) && !weak(Some(Fault::InterruptIsBarrier)));
}

#[test]
fn a_poke_overtakes_stores() {
    let program = Program {
        first: |[x, ..]| {
            x.store(1, Relaxed);
            poke(0b10);
        },
        second: |_| (),
        handler: |[x, _, told]| {
            fence(Barrier::Full, "");
            x.observe(1);
            told.store(1, Relaxed);
        },
    };
    let early = |fault| outcomes(&program, fault).contains(&vec![0, 0, 0, 1]);
    assert!(early(None) && !early(Some(Fault::PokeWaitsForStores)));
}

#[test]
fn a_read_modify_write_is_no_barrier() {
    let program = Program {
        first: |[x, y, _]| {
            x.swap(1, Relaxed);
            // Behind what the swap read, and not behind what it wrote.
            fence(Barrier::Acquire, "");
            y.observe(0);
        },
        second: |[x, y, _]| {
            y.store(1, Relaxed);
            fence(Barrier::Full, "");
            x.observe(1);
        },
        handler: |_| (),
    };
    let weak = |fault| outcomes(&program, fault).contains(&vec![0, 0, 0, 0]);
    assert!(weak(None) && !weak(Some(Fault::ModifyCommitsAtOnce)));
}

/// A poke that comes while the CPU is offline is lost, and a CPU that waits for it hangs.
#[test]
fn a_cpu_that_is_offline_takes_no_poke() {
    let program = Program {
        first: |[.., told]| {
            poke(0b10);
            told.wait(1, Relaxed);
        },
        second: |_| {
            drop_pokes(true);
            drop_pokes(false);
        },
        handler: |[_, _, told]| told.store(1, Relaxed),
    };
    let hangs = |fault| verdict(&program, fault).is_flawed();
    assert!(hangs(None) && !hangs(Some(Fault::DropsNoPoke)));
}

/// A scenario that cannot reach what it must shows nothing, and that is said.
#[test]
fn vacuity_is_seen() {
    let all = scenario::two_cpus();
    let sound = all.iter().find(|scenario| scenario.name == "AB/SB").expect("in the suite");
    let mut vacuous: Scenario = sound.clone();
    vacuous.expected.insert(vec![7, 7]);
    let scenarios = [sound.clone(), vacuous];
    let runner = Runner { scenarios: &scenarios, threads: 1, limit_bytes: 1 << 30, progress: &|_, _| () };
    let job = |place| vec![Job::new(Design::Running, place, Rules::WEAK)];
    let found: Vec<Found> = runner.run(&[job(0), job(1)]).into_iter().map(|record| record.found).collect();
    assert_eq!(found, [Found::Holds, Found::Vacuous]);
}
