//! What the engine's documentation cites exists: each scenario that is named
//! there is one that is explored.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use bonfire_model::mutate::{self, UnitTest};
use bonfire_model::scenario;

/// The names after "Scenario" or "Scenarios", up to the end of the sentence:
/// `C1 to C9, F1` comes to C1, C9 and F1.
fn cited(text: &str) -> Vec<String> {
    let comments = text.lines().filter_map(|line| line.trim().strip_prefix("///").map(str::trim));
    let prose = comments.collect::<Vec<_>>().join(" ");
    let sentences = prose.split("Scenario").skip(1).filter_map(|rest| rest.split(['.', ';']).next());
    let words = sentences.flat_map(|sentence| sentence.split([' ', ',']));
    words.filter(|word| is_name(word)).map(str::to_owned).collect()
}

/// A letter or two and a number, or capitals alone: no word of a sentence.
fn is_name(word: &str) -> bool {
    let has_number = word.contains(|c: char| c.is_ascii_digit());
    !word.is_empty() && (has_number || word.chars().all(|c| c.is_ascii_uppercase()))
}

#[test]
fn every_scenario_that_the_engine_cites_is_explored() {
    let there: BTreeSet<String> = scenario::two_cpus()
        .into_iter()
        .chain(scenario::more_cpus())
        .map(|scenario| scenario.name.split('/').next().unwrap_or_default().to_owned())
        .collect();
    let engine = Path::new(env!("CARGO_MANIFEST_DIR")).join("../bonfire-engine/src");
    let mut found = 0;
    for file in ["hooks.rs", "commands.rs", "told.rs"] {
        let text = fs::read_to_string(engine.join(file)).expect("the engine is beside the model");
        for name in cited(&text) {
            assert!(there.contains(&name), "{file} cites {name}, and there is no such scenario: {there:?}");
            found += 1;
        }
    }
    assert!(found >= 15, "{found} names were read: does the documentation cite none any more?");
}

#[test]
fn every_unit_test_that_stands_for_exploration_exists() {
    let engine = Path::new(env!("CARGO_MANIFEST_DIR")).join("../bonfire-engine");
    for UnitTest { fault, file, test } in mutate::UNIT_TESTS {
        let text = fs::read_to_string(engine.join(file)).expect("the engine is beside the model");
        let is_there = text.contains(&format!("#[test]\nfn {test}()"));
        assert!(is_there, "{file} has no test {test}, which is to notice that {fault}");
    }
}

#[test]
fn names_are_told_from_words() {
    let text =
        "/// It breaks. Scenarios C1 to\n/// C7, F1. Not this C9.\n/// Scenario D; in Linux until 5.10.";
    assert_eq!(cited(text), ["C1", "C7", "F1", "D"]);
}
