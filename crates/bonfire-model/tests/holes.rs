//! Faults that once lived: planted in a copy of the engine they were noticed by no
//! scenario and no test. Each is a slip here, and dies.

use std::sync::Arc;

use bonfire_engine::Site;
use bonfire_model::explorer::{Flaw, Memory, Rules};
use bonfire_model::matrix::{self, Found, Group, Job, Record, Runner};
use bonfire_model::mutate;
use bonfire_model::mutate::slip::{Access, Point, Slip, What, Wrong};
use bonfire_model::run::Design;
use bonfire_model::scenario::{self, Scenario};

/// A fault: in a design, at a point, and the scenario that notices it.
type Fault = (Design, fn(&What) -> bool, Wrong, &'static str);

fn state_set(what: &What) -> bool {
    matches!(what, What::Word(word, Access::Set) if word == "state")
}

fn mask(what: &What) -> bool {
    matches!(what, What::Word(word, Access::Set | Access::Clear) if word == "mask")
}

fn visited(what: &What) -> bool {
    matches!(what, What::Word(word, Access::Set) if word == "visited")
}

fn registration(what: &What) -> bool {
    matches!(what, What::Choice("registration", ..))
}

fn barrier(what: &What) -> bool {
    matches!(what, What::Barrier(_))
}

fn mm_drop(what: &What) -> bool {
    *what == What::Barrier(Site::MmDrop)
}

fn gate(what: &What) -> bool {
    matches!(what, What::Choice("gate", ..))
}

fn hook(name: &'static str, what: &What) -> bool {
    *what == What::Hook(name)
}

fn taken(what: &What) -> bool {
    matches!(what, What::Word(word, Access::Swap) if word == "request")
}

/// By the hole that each fault came through.
const FAULTS: &[Fault] = &[
    // Two registered address spaces.
    (Design::Running, barrier, Wrong::NotIfBoth, "C4+both/MP+P1"),
    (Design::Running, barrier, Wrong::NotIfBoth, "C2+both/SB"),
    (Design::Mask, barrier, Wrong::NotIfBoth, "C2+both/SB"),
    (Design::Threads, barrier, Wrong::NotIfBoth, "C4+both/MP+P1"),
    (Design::Threads, mm_drop, Wrong::NotIfBoth, "C1o+both/SB"),
    (Design::Running, mm_drop, Wrong::NotIfBoth, "C1o+both/SB"),
    // A thread that is let in before the gate is open.
    (Design::Threads, gate, Wrong::TakesIntent, "P2/SB"),
    // Two registrations at once.
    (Design::Running, state_set, Wrong::Split, "P5"),
    (Design::Mask, state_set, Wrong::Split, "P5/global"),
    (Design::Running, registration, Wrong::TakesIntent, "P5"),
    (Design::Running, registration, Wrong::TakesIntentBehindAnother, "P5+global"),
    // The wait with interrupts off.
    (Design::Running, |what| *what == What::Wait, Wrong::GivesUp, "q8/SB"),
    (Design::Running, |what| *what == What::Wait, Wrong::GivesUpServed, "q8/SB"),
    (Design::Running, |what| *what == What::Wait, Wrong::IgnoresInbox, "q1o/SB"),
    // Two CPUs edit one mask.
    (Design::Mask, mask, Wrong::Split, "in+in/SB"),
    (Design::Mask, mask, Wrong::Split, "out+in/SB"),
    // Which CPUs a process has been on.
    (Design::Running, visited, Wrong::LeftOut, "C2/SB"),
    (Design::Running, visited, Wrong::Late, "C2/SB"),
    (Design::Running, visited, Wrong::Split, "P1/C1/SB"),
    // Several flavours in one request.
    (Design::Running, taken, Wrong::Forgets(1, 3), "q4g"),
    (Design::Running, taken, Wrong::Forgets(1, 2), "q4r"),
    (Design::Running, taken, Wrong::Forgets(2, 1), "R1/core"),
    // The pin.
    (Design::Running, |what| *what == What::Pin, Wrong::Early, "K4/SB"),
    // A fork that forgets.
    (Design::Running, |what| hook("fork", what), Wrong::LeftOut, "F1/SB"),
];

fn scenario(name: &str) -> Scenario {
    let all = [scenario::two_cpus(), scenario::more_cpus()].concat();
    all.into_iter()
        .find(|scenario| scenario.name == name)
        .unwrap_or_else(|| panic!("no scenario is called {name}"))
}

fn run(scenario: &Scenario, groups: &[Group]) -> Vec<Record> {
    let scenarios = std::slice::from_ref(scenario);
    Runner { scenarios, threads: 2, limit_bytes: 2 << 30, progress: &|_, _| () }.run(groups)
}

/// Total store order has all that three CPUs need here, and far fewer states.
fn rules(scenario: &Scenario) -> Rules {
    if scenario.parts.len() > 2 { Rules { memory: Memory::Tso, ..Rules::WEAK } } else { Rules::WEAK }
}

#[test]
fn faults_that_lived_die() {
    for &(design, is_there, wrong, name) in FAULTS {
        let scenario = scenario(name);
        let rules = rules(&scenario);
        let unchanged = run(&scenario, &[vec![Job::new(design, 0, rules)]]);
        assert_eq!(unchanged[0].found, Found::Holds, "{} {name}", design.name());
        let points = mutate::points(&unchanged);
        let slips = points[&design].keys().filter(|point| is_there(&point.what));
        let slips: Vec<Slip> = slips.map(|point| Slip { point: point.clone(), wrong }).collect();
        let job =
            |slip: &Slip| vec![Job { slip: Some(Arc::new(slip.clone())), ..Job::new(design, 0, rules) }];
        let records = run(&scenario, &slips.iter().map(job).collect::<Vec<_>>());
        assert!(records.iter().any(Record::breaks), "{} {wrong} is not noticed by {name}", design.name());
    }
}

/// The change looks at the word of an address space that nobody has touched when its CPU first
/// comes there, and later at one that somebody has: it was once explored without end.
#[test]
fn a_change_that_depends_on_an_untouched_word_comes_to_an_end() {
    let (design, scenario) = (Design::Mask, scenario("X3/MP+P1"));
    let unchanged = run(&scenario, &[vec![Job::new(design, 0, Rules::WEAK)]]);
    let points = mutate::points(&unchanged);
    let point = points[&design].keys().find(|point| point.what == What::Barrier(Site::MaskSwitch));
    let slip = Slip { point: point.expect("it is passed").clone(), wrong: Wrong::NotIfBoth };
    let job = Job { slip: Some(Arc::new(slip)), ..Job::new(design, 0, Rules::WEAK) };
    assert_eq!(run(&scenario, &[vec![job]])[0].found, Found::Holds);
}

/// A hook that a kernel forgets, and going on after it: no barrier is missed, for
/// the engine doubts what it was not told.
#[test]
fn a_forgotten_hook_loses_no_barrier() {
    for (name, forgotten) in
        [("D/C4/MP+P1", "exit"), ("E2/C4/MP+P1", "return_space"), ("C3/C4/MP+P1", "switch")]
    {
        let scenario = scenario(name);
        for design in Design::ALL {
            let point = Point { what: What::Hook(forgotten), at: Default::default() };
            let slip = Slip { point, wrong: Wrong::LeftOut };
            let job = Job { slip: Some(Arc::new(slip)), ..Job::new(design, 0, Rules::WEAK) };
            let records = run(&scenario, &[vec![job]]);
            let found = &records[0].found;
            assert!(
                !matches!(found, Found::Flawed(Flaw::Forbidden(_) | Flaw::Hang)),
                "{name} {}",
                design.name()
            );
        }
    }
}

/// The barriers of `GLOBAL` on a machine with a grace period.
#[test]
fn both_barriers_around_a_grace_period_are_needed() {
    use bonfire_model::machine::Change;
    for (site, name) in [(Site::SysEntry, "AB/SB grace"), (Site::SysExit, "AB/MP+P1 grace")] {
        let scenario = scenario(name);
        let without =
            Job { mutant: vec![(site, Change::Deleted)], ..Job::new(Design::Running, 0, Rules::WEAK) };
        let records = run(&scenario, &[vec![Job::new(Design::Running, 0, Rules::WEAK)], vec![without]]);
        assert_eq!(records[0].found, Found::Holds, "{name}");
        assert!(
            matches!(records[1].found, Found::Flawed(Flaw::Forbidden(_))),
            "{name} without {}",
            site.name()
        );
    }
}

/// What a call answers that is refused, and that it disturbs nobody, in every
/// design.
#[test]
fn a_refused_call_says_why_and_disturbs_nobody() {
    for name in ["no gate", "other gates", "no core sync", "no rseq", "asks", "asks less", "again"] {
        let scenario = scenario(name);
        let records =
            run(&scenario, &matrix::unchanged(std::slice::from_ref(&scenario), &Design::ALL, Rules::WEAK));
        for record in &records {
            assert_eq!(record.found, Found::Holds, "{} {name}", record.job.design.name());
        }
        // The twin: where nobody is registered for it, a call that pokes is seen.
        let global = Scenario { is_quiet: true, ..self::scenario("AB/SB") };
        let records = run(&global, &[vec![Job::new(Design::Running, 0, Rules::WEAK)]]);
        assert_eq!(records[0].found, Found::Flawed(Flaw::Poked));
    }
}
