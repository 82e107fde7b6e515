//! The page that is kept of an exploration: for each design and each site what
//! needs it, here and on stronger machines. `docs/barriers.md` is one.
//!
//! The page is written by hand but for what stands between two marks.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use bonfire_engine::Site;
use bonfire_model::answer::{Answer, Judged};
use bonfire_model::architecture::Architecture;
use bonfire_model::excuse::{self, Judgement};
use bonfire_model::minimal::Minimal;
use bonfire_model::run::Design;

use super::explore;
use super::question::Model;
use super::results::Results;
use crate::output::Output;

const BEGIN: &str = "<!-- begin: written by `bonfire explore --markdown` -->\n";
const END: &str = "<!-- end -->\n";

/// Says what is wrong with the page before anything is explored for it.
pub(super) fn check(page: &Path) -> Result<()> {
    around(page)?;
    OpenOptions::new().append(true).open(page).with_context(|| format!("cannot write {}", page.display()))?;
    Ok(())
}

/// Writes what came of it between the marks, and what comes of it on stronger
/// machines.
pub(super) fn write(page: &Path, weak: &Results, memory_mib: u64) -> Result<()> {
    let on = |memory| weak.asked.on(memory).map(|asked| explore(asked, None, memory_mib).answer);
    let tables = tables(&weak.answer, &on(Model::Tso)?, &on(Model::Sc)?);
    let suffices = suffices(&super::minimal_sets(&weak.answer.question, memory_mib));
    replace(page, &format!("{tables}\n{suffices}"))
}

/// Writes tables between the marks of a page.
pub(super) fn replace(page: &Path, tables: &str) -> Result<()> {
    let (before, after) = around(page)?;
    let text = format!("{before}{BEGIN}\n{tables}\n{END}{after}");
    Output::open(page)?.write(&text).map(drop)
}

/// What stands before the marks, and after them.
fn around(page: &Path) -> Result<(String, String)> {
    let text = fs::read_to_string(page).with_context(|| format!("cannot read {}", page.display()))?;
    let parts = text.split_once(BEGIN).and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let (before, after) = parts.with_context(|| {
        format!("{} has no place for the tables; put these lines there:\n{BEGIN}{END}", page.display())
    })?;
    ensure!(!after.contains(BEGIN), "{} has two places for the tables; leave one", page.display());
    Ok((before.to_owned(), after.to_owned()))
}

fn tables(weak: &Answer, tso: &Answer, sc: &Answer) -> String {
    let judged = [&weak.judged[..], &tso.judged, &sc.judged];
    let mut text = String::from(
        "| design | scenarios | sites | needed | excused | needed under TSO | needed under SC |\n\
         |---|---|---|---|---|---|---|\n",
    );
    for &design in &weak.question.designs {
        let count = |judged: &[Judged], counts: fn(&Judged) -> bool| {
            judged.iter().filter(|judged| judged.design == design && counts(judged)).count()
        };
        let scenarios = weak.unchanged.iter().filter(|record| record.job.design == design).count();
        let needed = |judged: &[Judged]| count(judged, is_needed);
        let excused = count(judged[0], |judged| matches!(judged.judgement, Judgement::Excused(_)));
        let _ = writeln!(
            text,
            "| {} | {scenarios} | {} | {} | {excused} | {} | {} |",
            design.name(),
            count(judged[0], |_| true),
            needed(judged[0]),
            needed(judged[1]),
            needed(judged[2])
        );
    }
    for &design in &weak.question.designs {
        text.push_str(&of_design(weak, design, &judged));
    }
    text.push_str(&told(weak, &judged));
    text
}

/// What the scenarios tell that the tables name.
fn told(weak: &Answer, judged: &[&[Judged]; 3]) -> String {
    let named: BTreeSet<usize> = judged
        .iter()
        .copied()
        .flatten()
        .filter_map(|judged| judged.cell.killed_by.first())
        .copied()
        .collect();
    let scenarios = &weak.question.scenarios;
    let lines = named.into_iter().map(|place| {
        let scenario = &scenarios[place];
        format!("| {} | {} |\n", scenario.name, scenario.about)
    });
    format!(
        "\n### What the scenarios tell\n\n| scenario | what it tells |\n|---|---|\n{}",
        lines.collect::<String>()
    )
}

fn of_design(weak: &Answer, design: Design, judged: &[&[Judged]; 3]) -> String {
    let name = design.name();
    let mut text =
        format!("\n### {name}\n\n| site taken out | weak memory | TSO | SC |\n|---|---|---|---|\n");
    for site in Site::ALL {
        let of =
            |judged: &'_ [Judged]| judged.iter().position(|one| one.design == design && one.site == site);
        let Some(place) = of(judged[0]) else { continue };
        let on = |judged: &[Judged]| match of(judged).map(|place| &judged[place]) {
            Some(judged) if is_needed(judged) => format!("needed: {}", first(weak, judged)),
            Some(judged) if judged.judgement == Judgement::Unfinished => "unfinished".to_owned(),
            Some(_) => "not missed".to_owned(),
            None => "not passed".to_owned(),
        };
        let here = weak_verdict(weak, &judged[0][place]);
        let _ = writeln!(text, "| {} | {here} | {} | {} |", site.name(), on(judged[1]), on(judged[2]));
    }
    for (why, sites) in not_passed(design) {
        let _ = writeln!(text, "\nNot passed by {name}, since {why}: {}.", sites.join(", "));
    }
    text
}

/// What is left when sites are taken out for good, on each architecture.
fn suffices(sets: &[(Design, [Minimal; 3])]) -> String {
    let mut text = String::from(
        "### What suffices\n\n| design | on | these suffice, and none of them can go | these may be nothing, all at once |\n\
         |---|---|---|---|\n",
    );
    let names = |sites: &BTreeSet<Site>| match sites.is_empty() {
        true => "none".to_owned(),
        false => sites.iter().map(|site| site.name()).collect::<Vec<_>>().join(", "),
    };
    for (design, minimal) in sets {
        for (architecture, set) in Architecture::ALL.into_iter().zip(minimal) {
            let (needed, spare) = (names(&set.needed), names(&set.spare));
            let _ = writeln!(text, "| {} | {} | {needed} | {spare} |", design.name(), architecture.name());
            if !set.unfinished.is_empty() {
                let _ = writeln!(text, "| | | **unfinished**: {} | |", names(&set.unfinished));
            }
        }
    }
    text
}

fn weak_verdict(weak: &Answer, judged: &Judged) -> String {
    match judged.judgement {
        Judgement::Needed => format!("needed: {}", first(weak, judged)),
        Judgement::Excused(excuse) => format!("excused: {}", excuse.why()),
        Judgement::Unexplained => "**nothing breaks, and no excuse**".to_owned(),
        Judgement::Outdated(excuse) => {
            format!("**needed: {}, though excused: {}**", first(weak, judged), excuse.why())
        }
        Judgement::Unfinished => "**unfinished**".to_owned(),
    }
}

fn is_needed(judged: &Judged) -> bool {
    !judged.cell.killed_by.is_empty()
}

fn first<'a>(weak: &'a Answer, judged: &Judged) -> &'a str {
    judged.cell.killed_by.first().map_or("", |&place| weak.question.scenarios[place].name.as_str())
}

/// The sites that a design does not pass, by the reason.
fn not_passed(design: Design) -> Vec<(&'static str, Vec<&'static str>)> {
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for site in Site::ALL {
        let Some(why) = excuse::not_passed(design, site) else { continue };
        match reasons.iter_mut().find(|(known, _)| *known == why) {
            Some((_, sites)) => sites.push(site.name()),
            None => reasons.push((why, vec![site.name()])),
        }
    }
    reasons
}
