//! Rules about orderings outside the engine (whose barriers `sites` looks at):
//! each says what it pairs with.
//!
//! 1. A non-relaxed access or fence stands below a comment that names the edge whose
//!    end it is, `PAIRS(edge): with …`, or says `UNPAIRED` and why.
//! 2. An edge that the code of a crate claims is claimed at two places at least:
//!    it has two ends.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{Finding, rust};

/// A source file: its path and its text.
pub(super) type Source = (PathBuf, String);

/// How far above an access its partner may be named.
const NEAR: usize = 12;

const ORDERINGS: [&str; 4] = ["Acquire", "Release", "AcqRel", "SeqCst"];

/// Crates in which orderings are not relied upon but interpreted.
const EXEMPT: [&str; 2] = ["bonfire-engine", "bonfire-model"];

/// Whether these rules look at `file`: at the sources of crates, not at tests.
pub(super) fn concerns(file: &Path) -> bool {
    let parts: Vec<_> = file.iter().map(|part| part.to_string_lossy()).collect();
    matches!(&parts[..], [crates, name, src, ..] if crates == "crates" && src == "src" && !EXEMPT.contains(&&**name))
}

/// What breaks a rule in the sources of the crates.
pub(super) fn check(sources: &[Source]) -> Vec<Finding> {
    let mut findings: Vec<Finding> =
        sources.iter().flat_map(|(file, text)| partnerless(file, text)).collect();
    findings.extend(one_sided(sources));
    findings
}

/// Rule 1, in one file.
fn partnerless(file: &Path, text: &str) -> Vec<Finding> {
    let lines: Vec<&str> = text.lines().collect();
    let names_partner = |line: usize| {
        let nearby = &lines[line.saturating_sub(NEAR + 1)..line];
        let comments = nearby.iter().filter_map(|line| line.split_once("//"));
        comments.into_iter().any(|(_, text)| text.contains("PAIRS(") || text.contains("UNPAIRED"))
    };
    let mut lonely: Vec<usize> =
        ordered_lines(text).into_iter().filter(|&line| !names_partner(line)).collect();
    lonely.dedup();
    let says = "a non-relaxed access or fence that names no edge: say above it PAIRS(edge): with …, or UNPAIRED and why";
    lonely.into_iter().map(|line| Finding::new(file, line, says)).collect()
}

/// The lines of code that use an ordering, not those that only import or match it,
/// nor those that name a variant of another type.
fn ordered_lines(text: &str) -> Vec<usize> {
    let tokens = rust::tokens(text).unwrap_or_default();
    let mut importing = false;
    let mut lines = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        importing = token.text == "use" || importing && token.text != ";";
        let matched = tokens.get(at + 1).is_some_and(|next| next.text == "=" || next.text == "|");
        let of_another = at >= 3
            && tokens[at - 1].text == ":"
            && tokens[at - 2].text == ":"
            && tokens[at - 3].text != "Ordering";
        let uses = !importing && !matched && !of_another;
        if ORDERINGS.contains(&token.text.as_str()) && uses && !token.in_tests {
            lines.push(token.line);
        }
    }
    lines
}

/// Rule 2, in each crate.
fn one_sided(sources: &[Source]) -> Vec<Finding> {
    let mut ends: BTreeMap<(String, &str), Vec<(&Path, usize)>> = BTreeMap::new();
    for (file, text) in sources {
        let package = file.iter().nth(1).unwrap_or_default().to_string_lossy().into_owned();
        for (line, number) in text.lines().zip(1..) {
            for edge in line.split("PAIRS(").skip(1).filter_map(|rest| rest.split(')').next()) {
                ends.entry((package.clone(), edge)).or_default().push((file, number));
            }
        }
    }
    let lonely = ends.into_iter().filter(|(_, ends)| ends.len() < 2);
    lonely
        .map(|((_, edge), ends)| {
            let (file, line) = ends[0];
            Finding::new(file, line, format!("edge {edge} has only this end: its partner does not claim it"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(text: &str) -> Vec<(usize, bool)> {
        let sources = [("crates/bonfire/src/lib.rs".into(), text.to_owned())];
        check(&sources).into_iter().map(|finding| (finding.line, finding.says.starts_with("edge"))).collect()
    }

    #[test]
    fn an_ordering_names_its_partner() {
        assert_eq!(says("fn f() {\n    WORD.store(1, Release);\n}"), [(2, false)]);
        assert_eq!(
            says("fn f() {\n    // Release: pairs with the load in `g`.\n    WORD.store(1, Release);\n}"),
            [(3, false)]
        );
        assert_eq!(says("fn f() {\n    // SeqCst: UNPAIRED; it is timed.\n    fence(SeqCst);\n}"), []);
        assert_eq!(says("use core::sync::atomic::Ordering::{Acquire,\n    Release};"), []);
        assert_eq!(says("#[cfg(test)]\nmod tests { fn f() { WORD.store(1, Release); } }"), []);
        assert_eq!(says("fn f() { match order { Release => g(), _ => h() } }"), []);
        assert_eq!(says("fn f() { WORD.store(1, Ordering::Release) }"), [(1, false)]);
        assert_eq!(says("fn f() { Weakened(Barrier::Release) }"), []);
    }

    #[test]
    fn an_edge_has_two_ends() {
        let one = "// PAIRS(turn): with `g`.\n";
        assert_eq!(says(one), [(1, true)]);
        assert_eq!(says(&one.repeat(2)), []);
    }

    #[test]
    fn sources_of_crates_are_looked_at() {
        assert!(concerns(Path::new("crates/bonfire/src/sys/linux.rs")));
        assert!(!concerns(Path::new("crates/bonfire/tests/a.rs")));
        assert!(!concerns(Path::new("crates/bonfire-engine/src/lib.rs")));
    }
}
