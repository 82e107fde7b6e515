//! `docs/history.md` shows what the explorer finds, and not what it once found.
//!
//! Each of its diagrams stands between two marks and is made again here. To
//! write them anew: `BONFIRE_BLESS=1 cargo test -p bonfire-cli --test explore history`.

use std::fs;

use bonfire_engine::Site;
use bonfire_model::diagram;
use bonfire_model::explorer::{Exploration, Plan, Rules, Trace, Verdict, explore};
use bonfire_model::machine::Change;
use bonfire_model::planted;
use bonfire_model::run::{self, Design};
use bonfire_model::scenario;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/history.md");
const PLAN: Plan = Plan::shortest(1 << 30);

/// A fault of Linux's, as something that the explorer finds.
enum Fault {
    /// The engine without a barrier, in a scenario.
    Without(Site, &'static str),
    /// A program of its own.
    Planted,
}

/// By the marks on the page.
const FAULTS: &[(&str, Fault)] = &[
    ("exit_mm", Fault::Without(Site::ExitMm, "D/MP+P1")),
    ("kthread_use_mm", Fault::Without(Site::UseMm, "E1/SB")),
    ("riscv switch_mm", Fault::Without(Site::SwitchMm, "C2/SB")),
    ("T1: concurrency id", Fault::Planted),
    ("T2: TLB generation", Fault::Planted),
    ("GX1: exit", Fault::Planted),
    ("GX2: lazy registration", Fault::Planted),
    ("S6: stale mark", Fault::Planted),
];

#[test]
fn the_page_shows_what_is_found() {
    let page = fs::read_to_string(PAGE).unwrap();
    let current = FAULTS.iter().fold(page.clone(), |page, (name, fault)| {
        let (begin, end) = (format!("<!-- begin: {name} -->\n"), "<!-- end -->\n");
        let (before, rest) = page.split_once(&begin).unwrap_or_else(|| panic!("no mark {begin}"));
        let (_, after) = rest.split_once(end).unwrap_or_else(|| panic!("no end after {begin}"));
        format!("{before}{begin}```text\n{}```\n{end}{after}", shown(name, fault))
    });
    if std::env::var_os("BONFIRE_BLESS").is_some() {
        fs::write(PAGE, &current).unwrap();
    } else {
        assert!(page == current, "docs/history.md is out of date; run this test with BONFIRE_BLESS=1");
    }
}

/// A shortest way to the fault. The lines of the source are left out: they
/// change with every edit.
fn shown(name: &str, fault: &Fault) -> String {
    let text = diagram::text(&trace(name, fault), 24);
    let without_number = |line: &str| match line.rsplit_once(".rs:") {
        Some((place, _)) => format!("{place}.rs\n"),
        None => format!("{line}\n"),
    };
    text.lines().map(without_number).collect()
}

fn trace(name: &str, fault: &Fault) -> Trace {
    let found = match fault {
        Fault::Without(site, scenario) => without(*site, scenario),
        Fault::Planted => {
            let fault = planted::all().into_iter().find(|fault| fault.name == name).expect("it is planted");
            assert!(explore((fault.test)(true), Rules::WEAK, PLAN).verdict.holds(), "{name}, cured");
            explore((fault.test)(false), Rules::WEAK, PLAN)
        }
    };
    match found.verdict {
        Verdict::Flawed(_, trace) => *trace,
        other => panic!("{name} is not found: {other:?}"),
    }
}

/// The engine with its barrier holds there, and without it does not.
fn without(site: Site, scenario: &str) -> Exploration {
    let all = scenario::two_cpus();
    let scenario = all.iter().find(|known| known.name == scenario).expect("a scenario of two CPUs");
    let with = |mutant| run::run(Design::Running, scenario, &mutant, Rules::WEAK, PLAN).exploration;
    assert!(with(vec![]).verdict.holds(), "{}", scenario.name);
    with(vec![(site, Change::Deleted)])
}
