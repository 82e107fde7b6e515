//! The kill matrix: every site of every design, taken out or weakened, against
//! every scenario that passes it.
//!
//! A barrier is *needed* if some scenario breaks without it. One that no
//! scenario needs is a survivor, and a survivor must be [excused](crate::excuse)
//! or the run fails.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bonfire_engine::Site;

use crate::architecture::Architecture;
use crate::explorer::{Barrier, Exploration, Flaw, Plan, Rules, Trace, Verdict};
use crate::machine::{Change, Mutant};
use crate::mutate::interpose::Points;
use crate::mutate::slip::Slip;
use crate::run::{Design, Setting, run_in};
use crate::scenario::Scenario;

/// One run that is to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// The way to choose CPUs.
    pub design: Design,
    /// The scenario, by its place in the suite.
    pub scenario: usize,
    /// The sites that are changed.
    pub mutant: Mutant,
    /// What goes otherwise besides.
    pub slip: Option<Arc<Slip>>,
    /// The machine.
    pub rules: Rules,
    /// What the machine gives without being asked.
    pub architecture: Architecture,
}

impl Job {
    /// The engine as it ships, where nothing is given unasked.
    #[must_use]
    pub const fn new(design: Design, scenario: usize, rules: Rules) -> Self {
        Self { design, scenario, mutant: Vec::new(), slip: None, rules, architecture: Architecture::Bare }
    }
}

/// What a run came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing forbidden, and all that was expected.
    Holds,
    /// Nothing forbidden, but not all that was expected: it shows nothing.
    Vacuous,
    /// A forbidden outcome, or a hang.
    Flawed(Flaw),
    /// It would have taken more memory.
    CouldNotFinish,
}

/// A run that was made.
#[derive(Clone, Debug)]
pub struct Record {
    /// What was asked for.
    pub job: Job,
    /// What came of it.
    pub found: Found,
    /// A way to the flaw, if there is one.
    pub trace: Option<Box<Trace>>,
    /// The sites that were passed.
    pub passed: Vec<Site>,
    /// The points that were passed, of the engine as it ships.
    pub points: Points,
    /// A number made of all that the engine was seen to do.
    pub fingerprint: u64,
    /// Whether what was to wait for a barrier or an access met one.
    pub crossed: bool,
    /// How many states were looked at.
    pub states: u64,
}

impl Record {
    /// Whether the engine is shown to be wrong. One that shows less than the
    /// engine as it ships is, if something goes otherwise in it.
    #[must_use]
    pub fn breaks(&self) -> bool {
        matches!(self.found, Found::Flawed(_)) || self.job.slip.is_some() && self.found == Found::Vacuous
    }
}

/// How much memory the states of short runs take: a tenth of a second's, and a second's
/// or two.
const SHORT_BYTES: [usize; 2] = [1 << 20, 16 << 20];

/// How runs are made.
pub struct Runner<'a> {
    /// The suite.
    pub scenarios: &'a [Scenario],
    /// How many runs at a time.
    pub threads: usize,
    /// How much memory all of them may take.
    pub limit_bytes: usize,
    /// Told of every run that was made, in the order in which they end, and how many
    /// runs need not be made any more, this one among them.
    pub progress: &'a (dyn Fn(&Record, usize) + Sync),
}

impl Runner<'_> {
    /// Makes these runs, those of each group up to one that breaks; what came of
    /// them, in the order of the groups.
    #[must_use]
    pub fn run(&self, groups: &[Group]) -> Vec<Record> {
        let next = AtomicUsize::new(0);
        let done = Mutex::new(Vec::new());
        let work = || {
            while let Some((number, group)) = take(groups, &next) {
                self.run_group(group, &mut |record, settled| {
                    (self.progress)(&record, settled);
                    done.lock().expect("no run panics").push((number, record));
                });
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..self.threads.max(1) {
                scope.spawn(work);
            }
        });
        let mut records = done.into_inner().expect("no run panics");
        records.sort_by_key(|(number, _)| *number);
        records.into_iter().map(|(_, record)| record).collect()
    }

    /// Makes the runs of a group up to one that breaks, with little memory at first,
    /// and those that need more again with more: a change can make one scenario endless that a
    /// later one notices at once.
    fn run_group(&self, group: &Group, done: &mut impl FnMut(Record, usize)) {
        let whole = self.limit_bytes / self.threads.max(1);
        let mut left: Vec<&Job> = group.iter().collect();
        for limit in SHORT_BYTES.into_iter().filter(|&short| short < whole).chain([whole]) {
            let is_last = limit == whole;
            let mut longer = Vec::new();
            for (place, &job) in left.iter().enumerate() {
                let record = self.run_one(job, limit);
                match record.found {
                    Found::CouldNotFinish if !is_last => longer.push(job),
                    _ if record.breaks() => return done(record, longer.len() + left.len() - place),
                    _ => done(record, 1),
                }
            }
            left = longer;
        }
    }

    fn run_one(&self, job: &Job, limit: usize) -> Record {
        let scenario = &self.scenarios[job.scenario];
        let Job { architecture, ref mutant, ref slip, rules, .. } = *job;
        let slip = slip.as_deref();
        let plan = Plan::within(limit);
        let setting = Setting { architecture, scenario, mutant, slip, rules, plan };
        let made = run_in(job.design, &setting);
        let is_free = !scenario.is_free || made.passed.is_empty();
        let (found, trace) = match made.exploration.verdict.clone() {
            Verdict::Flawed(flaw, trace) => (Found::Flawed(flaw), Some(trace)),
            Verdict::CouldNotFinish => (Found::CouldNotFinish, None),
            Verdict::Holds if !is_free => (Found::Flawed(Flaw::Paid), None),
            Verdict::Holds if made.unpinned => (Found::Flawed(Flaw::Unpinned), None),
            Verdict::Holds if made.missing.is_empty() => (Found::Holds, None),
            Verdict::Holds => (Found::Vacuous, None),
        };
        let points = if job.slip.is_none() && mutant.is_empty() { made.points } else { Points::new() };
        let Exploration { states, fingerprint, .. } = made.exploration;
        Record {
            job: job.clone(),
            found,
            trace,
            passed: made.passed,
            points,
            fingerprint,
            crossed: made.crossed,
            states,
        }
    }
}

fn take<'a>(groups: &'a [Group], next: &AtomicUsize) -> Option<(usize, &'a Group)> {
    let number = next.fetch_add(1, Ordering::Relaxed);
    groups.get(number).map(|group| (number, group))
}

/// Runs that are made one after the other until one breaks.
pub type Group = Vec<Job>;

/// The runs of the engine as it ships, on every design of `designs`.
#[must_use]
pub fn unchanged(scenarios: &[Scenario], designs: &[Design], rules: Rules) -> Vec<Group> {
    let groups = designs.iter().flat_map(|&design| {
        let about = (0..scenarios.len()).filter(move |&place| scenarios[place].is_about(design));
        about.map(move |scenario| vec![Job::new(design, scenario, rules)])
    });
    groups.collect()
}

/// The runs of the engine of `design` with `mutant`, in every scenario that
/// passes all the sites it changes; the shortest first.
#[must_use]
pub fn against(unchanged: &[Record], design: Design, mutant: &Mutant) -> Group {
    let passes = |record: &&Record| mutant.iter().all(|(site, _)| record.passed.contains(site));
    let mut records: Vec<&Record> = unchanged
        .iter()
        .filter(|record| record.job.design == design && record.found == Found::Holds)
        .collect();
    records.retain(passes);
    records.sort_by_key(|record| record.states);
    records.iter().map(|record| Job { mutant: mutant.clone(), ..record.job.clone() }).collect()
}

/// For every design and every site that it passed, the runs in which the site is
/// changed.
#[must_use]
pub fn changed(unchanged: &[Record], sites: &[Site], changes: &[Change]) -> Vec<Group> {
    let passed = passed(unchanged);
    let mut groups = Vec::new();
    for (&design, passed) in &passed {
        for &site in passed.iter().filter(|site| sites.contains(site)) {
            for &change in changes.iter().filter(|&&change| applies(site, change)) {
                groups.push(against(unchanged, design, &vec![(site, change)]));
            }
        }
    }
    groups
}

/// The same runs, each for itself: none is left out because an earlier one
/// broke. The long ones first, so that none is left alone at the end.
#[must_use]
pub fn each_for_itself(groups: Vec<Group>) -> Vec<Group> {
    let mut runs: Vec<(usize, Job)> =
        groups.into_iter().flat_map(|group| group.into_iter().enumerate()).collect();
    runs.sort_by_key(|(place, _)| std::cmp::Reverse(*place));
    runs.into_iter().map(|(_, job)| vec![job]).collect()
}

/// A core serialisation has no weaker form.
#[must_use]
pub const fn applies(site: Site, change: Change) -> bool {
    !site.is_core_sync() || matches!(change, Change::Deleted)
}

/// Taking a site out.
pub const DELETED: &[Change] = &[Change::Deleted];

/// Taking a site out, and every weaker barrier in its place.
pub const ALL_CHANGES: &[Change] = &[
    Change::Deleted,
    Change::Weakened(Barrier::Write),
    Change::Weakened(Barrier::Acquire),
    Change::Weakened(Barrier::Release),
];

/// What became of one changed site in one design.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    /// The scenarios that broke, by their places.
    pub killed_by: Vec<usize>,
    /// How many scenarios passed the site.
    pub tried: usize,
    /// How many could not finish.
    pub unfinished: usize,
}

/// The matrix.
pub type Matrix = BTreeMap<(Design, Site, Change), Cell>;

/// Sums up the runs with one change each.
#[must_use]
pub fn matrix(changed: &[Record]) -> Matrix {
    let mut matrix = Matrix::new();
    for record in changed {
        let [(site, change)] = record.job.mutant[..] else { continue };
        let cell = matrix.entry((record.job.design, site, change)).or_default();
        cell.tried += 1;
        match record.found {
            Found::Flawed(_) => cell.killed_by.push(record.job.scenario),
            Found::CouldNotFinish => cell.unfinished += 1,
            Found::Holds | Found::Vacuous => {}
        }
    }
    matrix
}

/// The sites that each design passed.
#[must_use]
pub fn passed(unchanged: &[Record]) -> BTreeMap<Design, BTreeSet<Site>> {
    let mut passed: BTreeMap<Design, BTreeSet<Site>> = BTreeMap::new();
    for record in unchanged {
        passed.entry(record.job.design).or_default().extend(&record.passed);
    }
    passed
}
