//! Read sections, grace periods and hazards on the engine: what must never be is not, each
//! order and fence is missed if it is taken out, and the page says so.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use bonfire_model::explorer::Rules;
use bonfire_model::rcu::{
    Change, Court, EXCUSES, Fate, Judged, Mutant, Scenario, Site, excuse, mutants, page, scenarios,
};

static SCENARIOS: LazyLock<Vec<Scenario>> = LazyLock::new(scenarios);

/// Each program, judged once for all tests.
static JUDGED: LazyLock<Vec<Judged>> = LazyLock::new(|| {
    let court = Court { scenarios: &SCENARIOS, rules: Rules::WEAK, threads: 2, limit_bytes: 1 << 30 };
    court.judge(&mutants())
});

fn shipped() -> &'static Judged {
    &JUDGED[0]
}

#[test]
fn what_ships_holds_and_shows_what_it_is_to_show() {
    assert_eq!((shipped().mutant, &shipped().fate), (Mutant::None, &Fate::Lives));
    assert_eq!(shipped().vacuous, Vec::<&str>::new());
}

#[test]
fn every_site_is_passed() {
    let passed: BTreeSet<Site> = shipped().passed.iter().copied().collect();
    // What reports say, and what is not a site of its own.
    let missing: Vec<_> = Site::ALL.into_iter().filter(|site| !passed.contains(site)).collect();
    assert_eq!(missing, []);
}

#[test]
fn each_order_fence_and_wake_up_is_missed_or_excused() {
    for one in &*JUDGED {
        let Mutant::Changed(site, change) = one.mutant else { continue };
        match (&one.fate, excuse(site, change)) {
            (Fate::Broken(..), None) | (Fate::Lives, Some(_)) => {}
            (Fate::Lives, None) => panic!("{site:?}, {change:?}: nothing breaks, and there is no excuse"),
            (fate, Some(_)) => panic!("{site:?}, {change:?}: excused, but {fate:?}"),
            (fate, None) => panic!("{site:?}, {change:?}: {fate:?}"),
        }
    }
    let relaxed = |site: Site| JUDGED.iter().any(|one| one.mutant == Mutant::Changed(site, Change::Relaxed));
    assert!(EXCUSES.iter().all(|(site, _)| relaxed(*site)), "an excuse of what has no order");
}

#[test]
fn what_is_called_redundant_is_missed_with_the_other() {
    let pairs = JUDGED.iter().filter(|one| matches!(one.mutant, Mutant::Both(..)));
    pairs.for_each(|one| assert!(matches!(one.fate, Fate::Broken(..)), "{:?}: {:?}", one.mutant, one.fate));
}

#[test]
fn each_planted_fault_is_found() {
    let planted = JUDGED.iter().filter(|one| matches!(one.mutant, Mutant::Planted(_)));
    planted.for_each(|one| assert!(matches!(one.fate, Fate::Broken(..)), "{:?}: {:?}", one.mutant, one.fate));
}

#[test]
fn the_page_says_so() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/rcu-proof.md");
    let page = page(&SCENARIOS, &JUDGED);
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    if kept != page {
        let found = concat!(env!("CARGO_TARGET_TMPDIR"), "/rcu-proof.md");
        std::fs::write(found, &page).expect("a page can be written there");
        panic!("docs/rcu-proof.md is not what was found, which is in {found}");
    }
}
