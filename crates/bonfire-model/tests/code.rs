//! New instructions on the engine: what must never be executed is not, each step is missed if
//! it is taken out, and the page says so.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use bonfire_model::code::{
    EXCUSES, Fate, Judged, Mutant, Scenario, Site, excuse, judge, mutants, page, scenarios,
};

static SCENARIOS: LazyLock<[Scenario; 8]> = LazyLock::new(scenarios);

/// Each program, judged once for all tests.
static JUDGED: LazyLock<Vec<Judged>> =
    LazyLock::new(|| mutants().into_iter().map(|mutant| judge(&*SCENARIOS, mutant, 1 << 30)).collect());

#[test]
fn what_ships_holds_and_shows_what_it_is_to_show() {
    let shipped = &JUDGED[0];
    assert_eq!((shipped.mutant, &shipped.fate), (Mutant::None, &Fate::Lives));
    assert_eq!(shipped.vacuous, Vec::<&str>::new());
    let passed: BTreeSet<Site> = shipped.passed.iter().copied().collect();
    assert!(Site::ALL.iter().all(|site| passed.contains(site)), "only {passed:?} are passed");
}

#[test]
fn each_step_is_missed_or_excused() {
    for one in &*JUDGED {
        match (one.mutant, &one.fate, excuse(one.mutant)) {
            (Mutant::None, ..) | (_, Fate::Broken(..), None) | (_, Fate::Lives, Some(_)) => {}
            (mutant, fate, excuse) => panic!("{mutant:?}: {fate:?}, excused: {excuse:?}"),
        }
    }
    let is_judged = |mutant| JUDGED.iter().any(|one| one.mutant == mutant);
    assert!(
        EXCUSES.iter().all(|&(site, change, _)| is_judged(Mutant::Changed(site, change))),
        "an excuse of nothing"
    );
}

#[test]
fn the_page_says_so() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/code-proof.md");
    let page = page(&*SCENARIOS, &JUDGED);
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    if kept != page {
        let found = concat!(env!("CARGO_TARGET_TMPDIR"), "/code-proof.md");
        std::fs::write(found, &page).expect("a page can be written there");
        panic!("docs/code-proof.md is not what was found, which is in {found}");
    }
}
