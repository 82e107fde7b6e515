//! Every scenario of two CPUs holds for every design, and every barrier of the
//! engine is needed by one of them, or excused.

use std::collections::BTreeSet;

use bonfire_engine::Site;
use bonfire_model::answer::{self, Answer, Judged};
use bonfire_model::diagram;
use bonfire_model::excuse::{self, Excuse, Judgement};
use bonfire_model::explorer::{Memory, Plan, PokeOrder, Rules, Verdict};
use bonfire_model::matrix::{self, Found, Record, Runner};
use bonfire_model::question::Question;
use bonfire_model::run::{Design, run};
use bonfire_model::scenario::{self, Scenario};

const LIMIT: usize = 2 << 30;

fn runner(scenarios: &[Scenario]) -> Runner<'_> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(4);
    Runner { scenarios, threads, limit_bytes: LIMIT, progress: &|_, _| () }
}

/// Each of these runs of the engine as it ships holds, and shows something.
fn holds(scenarios: &[Scenario], records: &[Record]) {
    for record in records {
        let name = &scenarios[record.job.scenario].name;
        let way = record.trace.as_ref().map(|trace| diagram::text(trace, 40)).unwrap_or_default();
        assert_eq!(record.found, Found::Holds, "{} {name}\n{way}", record.job.design.name());
    }
}

#[test]
fn every_barrier_of_every_design_is_needed_or_excused() {
    let question = Question::whole();
    let runner = runner(&question.scenarios);
    let unchanged = runner.run(&question.unchanged());
    holds(&question.scenarios, &unchanged);
    let changed = runner.run(&question.changed(&unchanged));
    let answer = Answer::new(question.clone(), true, unchanged, changed);
    let bad: Vec<&Judged> = answer.judged.iter().filter(|one| !is_good(one)).collect();
    assert!(bad.is_empty(), "{bad:?}");
    assert_eq!(answer.verdict, answer::Verdict::Holds);
    every_site_is_accounted_for(&answer.unchanged, &matrix::matrix(&answer.changed));
}

fn is_good(judged: &Judged) -> bool {
    matches!(judged.judgement, Judgement::Needed | Judgement::Excused(_))
}

/// A site that a design does not pass has a reason, one that it passes has none,
/// and each is needed somewhere.
fn every_site_is_accounted_for(unchanged: &[Record], kills: &matrix::Matrix) {
    for (design, passed) in matrix::passed(unchanged) {
        for site in Site::ALL {
            let reason = excuse::not_passed(design, site);
            assert_eq!(reason.is_none(), passed.contains(&site), "{} {}", design.name(), site.name());
        }
    }
    let needed: BTreeSet<Site> =
        kills.iter().filter(|(_, cell)| !cell.killed_by.is_empty()).map(|((_, site, _), _)| *site).collect();
    assert_eq!(needed, BTreeSet::from(Site::ALL));
}

/// Three CPUs: two callers of one target, observers, threads that migrate.
#[test]
fn the_engine_holds_with_a_third_cpu() {
    let scenarios = scenario::more_cpus();
    let is_large =
        |name: &str| ["q4", "q6", "q7", "h7", "P6", "two", "core"].iter().any(|part| name.contains(part));
    let scenarios: Vec<Scenario> = scenarios
        .into_iter()
        .filter(|one| !is_large(&one.name) || ["ISA2+P1/two light", "S6/two"].contains(&one.name.as_str()))
        .collect();
    assert_eq!(scenarios.len(), 37);
    holds(
        &scenarios,
        &runner(&scenarios).run(&matrix::unchanged(&scenarios, &[Design::Running], Rules::WEAK)),
    );
}

#[test]
fn an_excuse_says_which_kind_it_is() {
    let gate = excuse::excuse(Design::Everywhere, Site::RegEntry, matrix::DELETED[0]);
    assert!(matches!(gate, Some(Excuse::NotNeeded(_))));
    assert_eq!(excuse::excuse(Design::Running, Site::SysEntry, matrix::DELETED[0]), None);
}

/// What a check on x86 alone would miss, as a check of the model.
#[test]
fn stronger_machines_miss_what_they_are_expected_to_miss() {
    use Site::{
        ExecMb, ExitMm, IpiMb, OffPre, RegEntry, RegExit, SchedBefore, StaleMb, SysExit, Untold, UnuseMm,
    };
    let scenarios = scenario::two_cpus();
    let scenarios: Vec<Scenario> = scenarios.into_iter().filter(|one| !one.is_long()).collect();
    let fences: Vec<Site> = Site::ALL.into_iter().filter(|site| !site.is_core_sync()).collect();
    let survivors = |memory| {
        let runner = runner(&scenarios);
        let rules = Rules { memory, ..Rules::WEAK };
        let unchanged = runner.run(&matrix::unchanged(&scenarios, &[Design::Running], rules));
        holds(&scenarios, &unchanged);
        let kills = matrix::matrix(&runner.run(&matrix::changed(&unchanged, &fences, matrix::DELETED)));
        let survive =
            kills.iter().filter(|(_, cell)| cell.killed_by.is_empty()).map(|((_, site, _), _)| *site);
        (survive.collect::<BTreeSet<_>>(), kills.len())
    };
    let (tso, _) = survivors(Memory::Tso);
    // Only barriers between a store and a load count there, and a read-modify-write
    // is one: the swap of the handler, the OR of an intent, the taking of a mark.
    // `Untold` stands beside `SwitchMm`, which alone does its work there.
    let missed =
        [SysExit, IpiMb, SchedBefore, StaleMb, ExitMm, ExecMb, UnuseMm, RegEntry, RegExit, OffPre, Untold];
    assert_eq!(tso, BTreeSet::from(missed));
    let (sc, all) = survivors(Memory::Sc);
    assert_eq!(sc.len(), all, "under sequential consistency no barrier is missed");
}

/// The proof does not lean on what a poke orders.
#[test]
fn the_engine_holds_with_the_strongest_pokes_too() {
    let scenarios = scenario::two_cpus();
    let scenarios: Vec<Scenario> =
        scenarios.into_iter().filter(|scenario| scenario.name.ends_with("/SB")).collect();
    let rules = Rules { pokes: PokeOrder::Full, ..Rules::WEAK };
    let records = runner(&scenarios).run(&matrix::unchanged(&scenarios, &[Design::Running], rules));
    holds(&scenarios, &records);
}

/// The reductions lose nothing: the same outcomes, the same verdicts without them.
#[test]
fn reduction_off_agrees() {
    let every_rule = || {
        let memories = [Memory::Weak, Memory::NoLoadBuffering, Memory::Tso, Memory::Sc];
        let pokes = [PokeOrder::None, PokeOrder::Full];
        memories.into_iter().flat_map(move |memory| pokes.map(|pokes| Rules { memory, pokes, ..Rules::WEAK }))
    };
    let two = scenario::two_cpus();
    let running: Vec<&Scenario> = two.iter().filter(|scenario| scenario.name.starts_with("AB/")).collect();
    for design in Design::ALL {
        for rules in every_rule() {
            running.iter().for_each(|scenario| agrees(design, scenario, rules));
        }
    }
    let longer = ["C3/LB", "C2/SB", "C6/MP+P1", "D/MP+P1", "E1/SB", "h1/MP+P1", "S1", "R1"];
    for scenario in two.iter().filter(|scenario| longer.contains(&scenario.name.as_str())) {
        [Design::Running, Design::Mask].iter().for_each(|&design| agrees(design, scenario, Rules::WEAK));
    }
    for scenario in
        scenario::more_cpus().iter().filter(|scenario| ["WRC+P2", "K2/LB"].contains(&scenario.name.as_str()))
    {
        agrees(Design::Running, scenario, Rules::WEAK);
    }
}

/// Explores with and without reductions, as it ships and without each barrier.
fn agrees(design: Design, scenario: &Scenario, rules: Rules) {
    let mut mutants = vec![vec![]];
    if rules == Rules::WEAK {
        mutants.extend(Site::ALL.map(|site| vec![(site, matrix::DELETED[0])]));
    }
    for mutant in mutants {
        let explore = |reduce| {
            let plan = Plan { reduce, ..Plan::within(LIMIT) };
            run(design, scenario, &mutant, rules, plan).exploration
        };
        let (on, off) = (explore(true), explore(false));
        assert!(!matches!(off.verdict, Verdict::CouldNotFinish), "{}", scenario.name);
        let said = format!("{} {} {mutant:?} {rules:?}", design.name(), scenario.name);
        assert_eq!(on.verdict.is_flawed(), off.verdict.is_flawed(), "{said}");
        // A flaw ends the search, with what was reached so far.
        assert!(on.verdict.is_flawed() || on.outcomes == off.outcomes, "{said}");
    }
}
