//! What came of an exploration, and what is to be thought of it: one definition,
//! for the command and for the tests.

use std::collections::HashMap;

use bonfire_engine::Site;

use crate::excuse::{self, Judgement};
use crate::explorer::Trace;
use crate::machine::{Change, Mutant};
use crate::matrix::{self, Cell, Found, Record};
use crate::question::{Changes, Question};
use crate::run::Design;

/// What came of a question, or of a part of it.
pub struct Answer {
    /// What was asked.
    pub question: Question,
    /// Whether all that was asked was explored, and not a part of it.
    pub is_complete: bool,
    /// The engine as it ships, by design and scenario.
    pub unchanged: Vec<Record>,
    /// Changed engines, by design and change; on each the scenarios in the order
    /// in which they are tried, those first that had fewer states unchanged.
    pub changed: Vec<Record>,
    /// Each changed site, and what is to be thought of it.
    pub judged: Vec<Judged>,
    /// What is to be thought of all.
    pub verdict: Verdict,
}

/// What is to be thought of a changed site.
#[derive(Clone, Debug)]
pub struct Judged {
    /// In this design.
    pub design: Design,
    /// The site.
    pub site: Site,
    /// What became of it.
    pub change: Change,
    /// What to think of it.
    pub judgement: Judgement,
    /// What was found.
    pub cell: Cell,
}

/// What is to be thought of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every scenario holds, and every barrier is needed or excused.
    Holds,
    /// A scenario breaks; or a barrier survives without an excuse, or is excused and
    /// needed.
    Broken,
    /// Some scenario could not be finished, or shows nothing.
    CannotTell,
}

impl Verdict {
    /// In words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::Broken => "broken",
            Self::CannotTell => "cannot tell",
        }
    }

    /// As the process exits.
    #[must_use]
    pub const fn status(self) -> u8 {
        match self {
            Self::Holds => 0,
            Self::Broken => 1,
            Self::CannotTell => 2,
        }
    }
}

impl Answer {
    /// The runs in any order; they are put in theirs.
    #[must_use]
    pub fn new(
        question: Question,
        is_complete: bool,
        mut unchanged: Vec<Record>,
        mut changed: Vec<Record>,
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
        let (judged, verdict) = (Vec::new(), Verdict::CannotTell);
        let mut answer = Self { question, is_complete, unchanged, changed, judged, verdict };
        answer.judged = answer.judge_all();
        answer.verdict = answer.think();
        answer
    }

    /// Whether it means anything here that nothing breaks.
    #[must_use]
    pub fn is_judged(&self) -> bool {
        self.question.is_whole() && self.is_complete
    }

    fn judge_all(&self) -> Vec<Judged> {
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
    pub fn wrong(&self) -> impl Iterator<Item = &Record> {
        self.unchanged.iter().filter(|record| record.found != Found::Holds)
    }

    /// The run that broke with the shortest way to a flaw, of the engines that must
    /// not.
    #[must_use]
    pub fn flaw(&self) -> Option<&Record> {
        let must_not = match self.question.changes {
            Changes::One(_) => &self.changed[..],
            Changes::Deletions | Changes::All => &[],
        };
        let broken = self.unchanged.iter().chain(must_not);
        let broken = broken.filter(|record| matches!(record.found, Found::Flawed(_)));
        broken.min_by_key(|record| length(record.trace.as_deref()))
    }

    /// How many states were looked at.
    #[must_use]
    pub fn states(&self) -> u64 {
        self.unchanged.iter().chain(&self.changed).map(|record| record.states).sum()
    }

    fn think(&self) -> Verdict {
        let failed = |judged: &Judged| match judged.judgement {
            // What breaks in a part breaks in the whole.
            Judgement::Outdated(_) => true,
            Judgement::Unexplained => self.is_judged(),
            Judgement::Needed | Judgement::Excused(_) | Judgement::Unfinished => false,
        };
        let is_one = matches!(self.question.changes, Changes::One(_));
        let nothing_ran = is_one && self.changed.is_empty();
        let untold = |judged: &Judged| judged.judgement == Judgement::Unfinished;
        if self.flaw().is_some() || !is_one && self.judged.iter().any(failed) {
            Verdict::Broken
        } else if nothing_ran || self.wrong().next().is_some() || self.judged.iter().any(untold) {
            Verdict::CannotTell
        } else {
            Verdict::Holds
        }
    }
}

/// How long a way is; one that is not known is the longest.
fn length(trace: Option<&Trace>) -> usize {
    trace.map_or(usize::MAX, |trace| trace.events.len())
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
    use crate::explorer::{Event, Flaw, Trace};
    use crate::matrix::Job;

    const BROKEN: Found = Found::Flawed(Flaw::Hang);

    /// What came of the engine as it ships, and of it without some sites.
    fn answer(has_all: bool, shipped: &Found, without: &[(&[Site], &Found)]) -> Answer {
        let design = Design::Everywhere;
        let question = Question { designs: vec![design], has_all, ..Question::whole() };
        let record = |sites: &[Site], found: &Found| Record {
            job: Job {
                mutant: sites.iter().map(|&site| (site, Change::Deleted)).collect(),
                ..Job::new(design, 0, question.rules)
            },
            found: found.clone(),
            trace: None,
            passed: vec![],
            points: crate::mutate::interpose::Points::new(),
            fingerprint: 0,
            crossed: false,
            states: 1,
        };
        let unchanged = vec![record(&[], shipped)];
        let changed = without.iter().map(|(sites, found)| record(sites, found)).collect();
        Answer::new(question, true, unchanged, changed)
    }

    fn verdict(has_all: bool, shipped: &Found, without: &[(&[Site], &Found)]) -> Verdict {
        answer(has_all, shipped, without).verdict
    }

    #[test]
    fn the_engine_as_it_ships_holds_breaks_or_cannot_be_told() {
        assert_eq!(verdict(true, &Found::Holds, &[]), Verdict::Holds);
        assert_eq!(verdict(true, &BROKEN, &[]), Verdict::Broken);
        assert_eq!(verdict(true, &Found::Vacuous, &[]), Verdict::CannotTell);
        assert_eq!(verdict(true, &Found::CouldNotFinish, &[]), Verdict::CannotTell);
    }

    #[test]
    fn a_survivor_needs_an_excuse_where_all_was_tried_and_an_excuse_a_survivor_anywhere() {
        let needed: &[Site] = &[Site::SysEntry];
        let excused: &[Site] = &[Site::RegEntry];
        for has_all in [true, false] {
            let of = |without: &[(&[Site], &Found)]| verdict(has_all, &Found::Holds, without);
            assert_eq!(of(&[(needed, &BROKEN), (excused, &Found::Holds)]), Verdict::Holds);
            assert_eq!(of(&[(excused, &BROKEN)]), Verdict::Broken);
            assert_eq!(of(&[(needed, &Found::CouldNotFinish)]), Verdict::CannotTell);
            let survives = if has_all { Verdict::Broken } else { Verdict::Holds };
            assert_eq!(of(&[(needed, &Found::Holds)]), survives);
        }
    }

    #[test]
    fn of_several_flaws_the_one_with_the_shortest_way_is_told() {
        let event = Event { cpu: 0, what: "x = 1".to_owned(), at: None, is_late: false, to: None };
        let way = |length| Some(Box::new(Trace { cpus: 2, events: vec![event.clone(); length] }));
        let one = answer(true, &BROKEN, &[]).unchanged.remove(0);
        let [long, short] = [5, 3].map(|length| Record { trace: way(length), ..one.clone() });
        let unchanged = vec![one, long, short.clone()];
        let told = Answer::new(Question::whole(), true, unchanged, vec![]);
        assert_eq!(told.flaw().map(|record| &record.trace), Some(&short.trace));
    }

    #[test]
    fn what_follows_a_flaw_is_left_out() {
        let site: &[Site] = &[Site::SysEntry];
        let other: &[Site] = &[Site::SysExit];
        let runs = [(site, &Found::Holds), (site, &BROKEN), (site, &Found::Holds), (other, &Found::Holds)];
        let found: Vec<_> =
            answer(true, &Found::Holds, &runs).changed.into_iter().map(|record| record.found).collect();
        assert_eq!(found, [Found::Holds, BROKEN, Found::Holds]);
    }
}
