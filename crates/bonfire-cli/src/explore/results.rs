//! What came of an exploration, and what is to be thought of it.

use std::collections::HashMap;

use bonfire_engine::Site;
use bonfire_model::excuse::{self, Judgement};
use bonfire_model::machine::{Change, Mutant};
use bonfire_model::matrix::{self, Cell, Found, Record};
use bonfire_model::run::Design;
use serde::{Deserialize, Serialize};

use super::question::{Changes, Question};
use crate::shard::Shard;

/// What came of a question, or of a part of it.
pub(super) struct Results {
    pub(super) question: Question,
    /// The part; `None` for the whole.
    pub(super) shard: Option<Shard>,
    /// The engine as it ships, by design and scenario.
    pub(super) unchanged: Vec<Record>,
    /// Changed engines, by design and change; on each the scenarios in the order
    /// in which they are tried, those first that had fewer states unchanged.
    pub(super) changed: Vec<Record>,
    pub(super) measured: Measured,
}

/// What differs from one run to the next.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Measured {
    /// Wall clock; of all shards together, if they were merged.
    pub(super) seconds: f64,
    /// Of the process; the largest, if they were merged.
    pub(super) peak_memory_bytes: Option<u64>,
    pub(super) memory_limit_mib: u64,
}

impl Measured {
    pub(super) fn add(&mut self, other: &Self) {
        self.seconds += other.seconds;
        self.peak_memory_bytes = self.peak_memory_bytes.max(other.peak_memory_bytes);
        self.memory_limit_mib = self.memory_limit_mib.max(other.memory_limit_mib);
    }
}

/// What is to be thought of a changed site.
pub(super) struct Judged {
    pub(super) design: Design,
    pub(super) site: Site,
    pub(super) change: Change,
    pub(super) judgement: Judgement,
    pub(super) cell: Cell,
}

/// What is to be thought of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Holds,
    Broken,
    CannotTell,
}

impl Verdict {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::Broken => "broken",
            Self::CannotTell => "cannot tell",
        }
    }

    pub(super) const fn status(self) -> u8 {
        match self {
            Self::Holds => 0,
            Self::Broken => 1,
            Self::CannotTell => 2,
        }
    }
}

impl Results {
    /// The runs in any order; they are put in theirs.
    pub(super) fn new(
        question: Question,
        shard: Option<Shard>,
        mut unchanged: Vec<Record>,
        mut changed: Vec<Record>,
        measured: Measured,
    ) -> Self {
        let place = |record: &Record| (record.job.design, record.job.scenario);
        unchanged.sort_by_key(place);
        let states: HashMap<_, u64> = unchanged.iter().map(|record| (place(record), record.states)).collect();
        changed.sort_by_cached_key(|record| {
            let first = states.get(&place(record)).copied();
            (record.job.design, record.job.mutant.clone(), first, record.job.scenario)
        });
        if question.ends_with_the_first() {
            leave_out_what_follows_a_flaw(&mut changed);
        }
        Self { question, shard, unchanged, changed, measured }
    }

    /// Whether it means anything here that nothing breaks.
    pub(super) fn is_judged(&self) -> bool {
        self.question.is_whole() && self.shard.is_none()
    }

    /// Each changed site, and what is to be thought of it.
    pub(super) fn judged(&self) -> Vec<Judged> {
        let judge = |((design, site, change), cell)| {
            let judgement = self.judge(design, site, change, &cell);
            Judged { design, site, change, judgement, cell }
        };
        matrix::matrix(&self.changed).into_iter().map(judge).collect()
    }

    fn judge(&self, design: Design, site: Site, change: Change, cell: &Cell) -> Judgement {
        let judgement = excuse::judge(design, site, change, cell);
        let pair = match judgement {
            Judgement::Excused(excuse) => excuse.pair(site),
            _ => None,
        };
        match pair.map(|pair| self.breaks(design, &pair)) {
            Some(Found::Holds | Found::Vacuous) => Judgement::Unexplained,
            Some(Found::CouldNotFinish) => Judgement::Unfinished,
            Some(Found::Flawed(_)) | None => judgement,
        }
    }

    /// What came of a changed engine in all scenarios.
    fn breaks(&self, design: Design, mutant: &Mutant) -> Found {
        let of_it = |record: &&Record| record.job.design == design && record.job.mutant == *mutant;
        let found = || self.changed.iter().filter(of_it).map(|record| &record.found);
        let flawed = found().find(|found| matches!(found, Found::Flawed(_)));
        flawed
            .or_else(|| found().find(|found| **found == Found::CouldNotFinish))
            .cloned()
            .unwrap_or(Found::Holds)
    }

    /// The engine as it ships does not do there what it should, or that cannot
    /// be told.
    pub(super) fn wrong(&self) -> impl Iterator<Item = &Record> {
        self.unchanged.iter().filter(|record| record.found != Found::Holds)
    }

    /// The first run that broke, of the engines that must not.
    pub(super) fn flaw(&self) -> Option<&Record> {
        let must_not = match self.question.changes {
            Changes::One(_) => &self.changed[..],
            Changes::Deletions | Changes::All => &[],
        };
        self.unchanged.iter().chain(must_not).find(|record| matches!(record.found, Found::Flawed(_)))
    }

    pub(super) fn states(&self) -> u64 {
        self.unchanged.iter().chain(&self.changed).map(|record| record.states).sum()
    }

    /// What is to be thought of all.
    pub(super) fn verdict(&self) -> Verdict {
        let judged = self.judged();
        let failed = |judged: &Judged| match judged.judgement {
            // What breaks in a part breaks in the whole.
            Judgement::Outdated(_) => true,
            Judgement::Unexplained => self.is_judged(),
            Judgement::Needed | Judgement::Excused(_) | Judgement::Unfinished => false,
        };
        let is_one = matches!(self.question.changes, Changes::One(_));
        let nothing_ran = is_one && self.changed.is_empty();
        let untold = |judged: &Judged| judged.judgement == Judgement::Unfinished;
        if self.flaw().is_some() || !is_one && judged.iter().any(failed) {
            Verdict::Broken
        } else if nothing_ran || self.wrong().next().is_some() || judged.iter().any(untold) {
            Verdict::CannotTell
        } else {
            Verdict::Holds
        }
    }
}

/// Of the runs on each change, those up to the first that breaks.
fn leave_out_what_follows_a_flaw(changed: &mut Vec<Record>) {
    let mut broken: Option<(Design, Mutant)> = None;
    changed.retain(|record| {
        let of = (record.job.design, record.job.mutant.clone());
        if broken.as_ref() == Some(&of) {
            return false;
        }
        if matches!(record.found, Found::Flawed(_)) {
            broken = Some(of);
        }
        true
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explore::question::Model;
    use bonfire_model::explorer::Flaw;
    use bonfire_model::matrix::Job;

    const BROKEN: Found = Found::Flawed(Flaw::Hang);

    /// What came of the engine as it ships, and of it without some sites.
    fn results(part: &str, shipped: &Found, without: &[(&[Site], &Found)]) -> Results {
        let design = Design::Everywhere;
        let question = Question::new(Model::Weak, 2, &[design], part, Changes::Deletions).unwrap();
        let record = |sites: &[Site], found: &Found| Record {
            job: Job {
                mutant: sites.iter().map(|&site| (site, Change::Deleted)).collect(),
                ..Job::new(design, 0, question.rules())
            },
            found: found.clone(),
            trace: None,
            passed: vec![],
            points: Default::default(),
            fingerprint: 0,
            crossed: false,
            states: 1,
        };
        let unchanged = vec![record(&[], shipped)];
        let changed = without.iter().map(|(sites, found)| record(sites, found)).collect();
        Results::new(question, None, unchanged, changed, Measured::default())
    }

    fn verdict(part: &str, shipped: &Found, without: &[(&[Site], &Found)]) -> Verdict {
        results(part, shipped, without).verdict()
    }

    #[test]
    fn the_engine_as_it_ships_holds_breaks_or_cannot_be_told() {
        assert_eq!(verdict("", &Found::Holds, &[]), Verdict::Holds);
        assert_eq!(verdict("", &BROKEN, &[]), Verdict::Broken);
        assert_eq!(verdict("", &Found::Vacuous, &[]), Verdict::CannotTell);
        assert_eq!(verdict("", &Found::CouldNotFinish, &[]), Verdict::CannotTell);
    }

    #[test]
    fn a_survivor_needs_an_excuse_where_all_was_tried_and_an_excuse_a_survivor_anywhere() {
        let needed: &[Site] = &[Site::SysEntry];
        let excused: &[Site] = &[Site::RegEntry];
        for part in ["", "AB/SB"] {
            let of = |without: &[(&[Site], &Found)]| verdict(part, &Found::Holds, without);
            assert_eq!(of(&[(needed, &BROKEN), (excused, &Found::Holds)]), Verdict::Holds);
            assert_eq!(of(&[(excused, &BROKEN)]), Verdict::Broken);
            assert_eq!(of(&[(needed, &Found::CouldNotFinish)]), Verdict::CannotTell);
            let survives = if part.is_empty() { Verdict::Broken } else { Verdict::Holds };
            assert_eq!(of(&[(needed, &Found::Holds)]), survives);
        }
    }

    #[test]
    fn what_follows_a_flaw_is_left_out() {
        let site: &[Site] = &[Site::SysEntry];
        let other: &[Site] = &[Site::SysExit];
        let runs = [(site, &Found::Holds), (site, &BROKEN), (site, &Found::Holds), (other, &Found::Holds)];
        let found: Vec<_> =
            results("", &Found::Holds, &runs).changed.into_iter().map(|record| record.found).collect();
        assert_eq!(found, [Found::Holds, BROKEN, Found::Holds]);
    }
}
