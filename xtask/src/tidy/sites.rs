//! Rules about the engine's barriers: each has a name, each name a partner.
//!
//! The engine issues no fence of its own; it asks its machine for one by a name,
//! a `Site`. `site.rs` lists the names and, in a table, the *edges* between them.
//! The rules:
//! 1. No fence but the machine's, which takes a name; the code around it says
//!    `PAIRS(edge)`, and so does the code around a non-relaxed access.
//! 2. A name stands in the table, where its partners are, and in the code.
//! 3. An edge of the table is claimed in the code at two places at least, and the
//!    code claims no edge that is not in the table.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::Finding;

/// Where the rules hold.
const ENGINE: &str = "crates/bonfire-engine/src";
/// The file that declares the names and the edges, below that.
const DECLARATIONS: &str = "site.rs";
/// How far above a fence its `PAIRS` may stand.
const NEAR: usize = 8;

/// A source file of the engine: its path and its text.
pub(super) type Source = (PathBuf, String);

/// Whether these rules look at `file`.
pub(super) fn concerns(file: &Path) -> bool {
    file.starts_with(ENGINE)
}

/// What breaks a rule in the sources of the engine.
pub(super) fn check(sources: &[Source]) -> Vec<Finding> {
    let (declarations, code): (Vec<_>, Vec<_>) =
        sources.iter().partition(|(file, _)| file.ends_with(DECLARATIONS));
    let Some((declared_in, declarations)) = declarations.first() else {
        return vec![Finding::new(
            Path::new(ENGINE),
            0,
            "no site.rs: the names of the barriers are declared there",
        )];
    };
    let edges = edges(declarations);
    let mut findings: Vec<_> = code.iter().flat_map(|(file, text)| fences(file, text)).collect();
    findings.extend(names(declared_in, declarations, &edges, &code));
    findings.extend(claims(declared_in, &edges, &code));
    findings
}

/// Rule 1, in one file.
fn fences(file: &Path, text: &str) -> Vec<Finding> {
    let lines: Vec<_> = text.lines().collect();
    let mut findings = Vec::new();
    for (at, line) in lines.iter().enumerate().filter(|(_, line)| !is_comment(line)) {
        let nearby = &lines[at.saturating_sub(NEAR)..at];
        let claimed = nearby.iter().any(|line| is_comment(line) && line.contains("PAIRS("));
        let mut broken = |says: &str| findings.push(Finding::new(file, at + 1, says));
        if line.contains("fence(") && !line.contains("fn fence(") {
            if !line.contains(".machine.fence(") {
                broken("a fence outside the machine: ask for it by name, machine.fence(Site::...)");
            } else if !claimed {
                broken("a barrier without PAIRS(edge): name its partner in the lines above it");
            }
        }
        let ordered =
            ["Release", "Acquire", "AcqRel", "SeqCst"].iter().any(|order| ordered_access(line, order));
        if ordered && !claimed {
            broken("a non-relaxed access without PAIRS(edge): name its partner in the lines above it");
        }
    }
    findings
}

/// Whether the line is an access of a word with this order.
fn ordered_access(line: &str, order: &str) -> bool {
    line.contains(&format!(", {order})")) || line.contains(&format!("({order})"))
}

/// Rule 2.
fn names(file: &Path, declarations: &str, edges: &Edges, code: &[&Source]) -> Vec<Finding> {
    let variants = declared(declarations);
    let missing = |name: &str, says: &str| Finding::new(file, 0, format!("Site::{name} {says}"));
    let in_table = variants
        .iter()
        .filter(|name| !edges.values().any(|row| row.contains(&format!("`{name}`"))))
        .map(|name| missing(name, "has no partner: it stands in no edge of the table"));
    let in_code = variants
        .iter()
        .filter(|name| !code.iter().any(|(_, text)| uses(text, name)))
        .map(|name| missing(name, "is used nowhere"));
    in_table.chain(in_code).collect()
}

/// Whether code, not prose, names this site.
fn uses(text: &str, name: &str) -> bool {
    let name = format!("Site::{name}");
    text.lines().filter(|line| !is_comment(line)).any(|line| {
        line.match_indices(&name).any(|(at, _)| {
            !line[at + name.len()..].starts_with(|next: char| next.is_alphanumeric() || next == '_')
        })
    })
}

/// Rule 3.
fn claims(file: &Path, edges: &Edges, code: &[&Source]) -> Vec<Finding> {
    let mut claimed = BTreeMap::<&str, usize>::new();
    let mut findings = Vec::new();
    for (file, text) in code {
        for (at, line) in text.lines().enumerate() {
            for claim in line.split("PAIRS(").skip(1).filter_map(|rest| rest.split(')').next()) {
                *claimed.entry(claim).or_default() += 1;
                if !edges.contains_key(claim) {
                    findings.push(Finding::new(
                        file,
                        at + 1,
                        format!("edge {claim} is not in the table of site.rs"),
                    ));
                }
            }
        }
    }
    let one_sided = edges.keys().filter(|&edge| claimed.get(edge.as_str()).copied().unwrap_or(0) < 2);
    findings.extend(one_sided.map(|edge| {
        Finding::new(file, 0, format!("edge {edge} is claimed at fewer than two places: it has two ends"))
    }));
    findings
}

/// The edges, each with the row that declares it.
type Edges = BTreeMap<String, String>;

/// The rows of the table whose first cell is one capital letter.
fn edges(declarations: &str) -> Edges {
    let rows = declarations.lines().filter_map(|line| line.strip_prefix("//! | "));
    let named = rows.filter_map(|row| row.split_once(" | "));
    named
        .filter(|(edge, _)| edge.len() == 1 && edge.chars().all(|letter| letter.is_ascii_uppercase()))
        .map(|(edge, row)| (edge.to_owned(), row.to_owned()))
        .collect()
}

/// The variants of `enum Site`.
fn declared(declarations: &str) -> BTreeSet<&str> {
    let body = declarations.split_once("pub enum Site {").map_or("", |(_, rest)| rest);
    let body = body.split_once("\n}").map_or(body, |(body, _)| body);
    let variants = body.lines().map(str::trim).filter(|line| !line.starts_with("//"));
    variants.filter_map(|line| line.strip_suffix(',')).collect()
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with("//")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SITES: &str = "\
//! | edge | one | other |
//! | A | `Entry` | `Exit` |
pub enum Site {
    /// One.
    Entry,
    Exit,
}
";
    const GOOD: &str = "\
// PAIRS(A): with Exit.
self.machine.fence(Site::Entry);
// PAIRS(A): with Entry.
self.machine.fence(Site::Exit);
";

    fn findings(code: &str) -> Vec<String> {
        let source = |name: &str, text: &str| (Path::new(ENGINE).join(name), text.to_owned());
        let findings = check(&[source("site.rs", SITES), source("code.rs", code)]);
        findings.into_iter().map(|finding| finding.says).collect()
    }

    #[test]
    fn named_barriers_with_partners_pass() {
        assert_eq!(findings(GOOD), [] as [&str; 0]);
    }

    #[test]
    fn each_rule_is_broken_by_its_own_mistake() {
        for (from, to, says) in [
            ("self.machine.fence(Site::Exit)", "fence(SeqCst); Site::Exit", "a fence outside the machine"),
            ("// PAIRS(A): with Entry.\n", "", "claimed at fewer than two places"),
            ("PAIRS(A): with Entry", "PAIRS(Z): with Entry", "edge Z is not in the table"),
            ("self.machine.fence(Site::Exit);", "", "Site::Exit is used nowhere"),
            ("self.machine.fence(Site::Exit);", "// Site::Exit", "Site::Exit is used nowhere"),
        ] {
            let found = findings(&GOOD.replace(from, to));
            assert!(found.iter().any(|finding| finding.contains(says)), "{says}: {found:?}");
        }
        let far = format!("{}self.machine.fence(Site::Entry);\nword.store(1, Release);\n", "\n".repeat(NEAR));
        let found = findings(&format!("{GOOD}{far}"));
        assert_eq!(found.iter().filter(|finding| finding.contains("without PAIRS")).count(), 2, "{found:?}");
    }

    #[test]
    fn a_name_without_a_partner_is_found() {
        let table = SITES.replace("`Exit`", "nobody");
        let source = |name: &str, text: &str| (Path::new(ENGINE).join(name), text.to_owned());
        let found = check(&[source("site.rs", &table), source("code.rs", GOOD)]);
        assert!(found.iter().any(|finding| finding.says.contains("Site::Exit has no partner")), "{found:?}");
    }
}
