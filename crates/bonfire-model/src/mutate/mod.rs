//! Small changes of the engine, each of which some scenario must notice.
//!
//! The [kill matrix](crate::matrix) takes out and weakens the engine's barriers,
//! which have names. Here everything else is changed that the engine does or
//! decides: a [`Slip`] is [generated](slips) for each access and each choice that a
//! run of the engine as it ships was seen to make, and is tried in each scenario
//! that gets there, until one breaks. [`Mutation::made`] does all that. A slip that
//! nobody notices must be [excused](excuse()), and the excuses are a closed list.

mod changes;
mod excuse;
mod fate;
pub mod interpose;
pub mod slip;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bonfire_engine::Site;

use crate::explorer::{Memory, Rules};
use crate::matrix::{self, Group, Job, Record};
use crate::run::Design;
use crate::scenario::{self, Scenario};

pub use changes::slips;
pub use excuse::{Excuse, UNIT_TESTS, UnitTest, excuse, excuses};
pub use fate::{Fate, Judgement, Tried, judge, tried};
use interpose::Points;
use slip::{Access, Place, Point, Slip, What, Wrong};

/// The scenarios in which slips are tried.
pub struct Suite {
    /// All of two CPUs, and behind them those of three that a wait with interrupts
    /// off, a gate that opens early and a request of several flavours need.
    pub scenarios: Vec<Scenario>,
    two_cpus: usize,
}

/// Everything that was tried, and what came of it.
pub struct Mutation {
    /// In which designs.
    pub designs: Vec<Design>,
    /// In which scenarios.
    pub suite: Suite,
    /// The engine as it ships.
    pub unchanged: Vec<Record>,
    /// Each change.
    pub tried: Vec<Tried>,
}

impl Mutation {
    /// Tries every change whose name has `part` in it, in these designs. `make`
    /// makes the runs, of which the first argument says what they are.
    pub fn made(
        designs: &[Design],
        part: &str,
        make: impl Fn(&str, &Suite, Vec<Group>) -> Vec<Record>,
    ) -> Self {
        let suite = Suite::all();
        let unchanged = make("as it ships", &suite, suite.unchanged(designs, Rules::WEAK));
        let names = names(&points(&unchanged));
        let groups = suite.changed(&unchanged, Rules::WEAK, |slip| called(&names, slip).contains(part));
        let changed = make("changed", &suite, groups);
        let tried = tried(&unchanged, &changed, |slip| called(&names, slip));
        Self { designs: designs.to_vec(), suite, unchanged, tried }
    }

    /// The scenario that notices a change, if one does.
    #[must_use]
    pub fn killer(&self, one: &Tried) -> &str {
        match &one.fate {
            Fate::Killed(place, _) => &self.suite.scenarios[*place].name,
            Fate::Survived | Fate::Unfinished => "",
        }
    }
}

impl Suite {
    /// All of them.
    #[must_use]
    pub fn all() -> Self {
        let mut scenarios = scenario::two_cpus();
        let two_cpus = scenarios.len();
        let of_three = |one: &Scenario| OF_THREE.contains(&one.name.as_str());
        scenarios.extend(scenario::more_cpus().into_iter().filter(of_three));
        Self { scenarios, two_cpus }
    }

    /// The runs of the engine as it ships.
    #[must_use]
    pub fn unchanged(&self, designs: &[Design], rules: Rules) -> Vec<Group> {
        let mut groups = matrix::unchanged(&self.scenarios, designs, rules);
        groups.iter_mut().flatten().for_each(|job| job.rules = self.rules(job.scenario, None, rules));
        groups
    }

    /// The runs of every slip that is `chosen`, each in every scenario that gets
    /// there, the shortest first; in those of three CPUs only where two cannot
    /// tell.
    #[must_use]
    pub fn changed(&self, unchanged: &[Record], rules: Rules, chosen: impl Fn(&Slip) -> bool) -> Vec<Group> {
        let mut all = Vec::new();
        for (design, points) in points(unchanged) {
            let mut records: Vec<&Record> =
                unchanged.iter().filter(|record| record.job.design == design).collect();
            records.sort_by_key(|record| (record.states, record.job.scenario));
            for slip in slips(&points).into_iter().filter(&chosen) {
                let passes = records.iter().filter(|record| record.points.contains_key(&slip.point));
                let places = passes.map(|record| record.job.scenario);
                let places = places.filter(|&place| place < self.two_cpus || takes_three(&slip));
                let slip = Arc::new(slip.clone());
                let job = |scenario| {
                    let rules = self.rules(scenario, Some(&slip), rules);
                    Job { slip: Some(Arc::clone(&slip)), ..Job::new(design, scenario, rules) }
                };
                all.push(places.map(job).collect());
            }
        }
        all
    }

    /// Those of three CPUs, and the longest of two, run on a machine that has all
    /// that they need and far fewer states: total store order, or sequential
    /// consistency where what is looked for is no order of memory. An intent that is
    /// taken for the gate is the exception: only early loads show it.
    #[must_use]
    pub fn rules(&self, place: usize, slip: Option<&Slip>, rules: Rules) -> Rules {
        let scenario = &self.scenarios[place];
        let is_long = place >= self.two_cpus || scenario.is_long();
        let needs_early_loads = scenario.name == "P2/SB" && slip.is_some_and(takes_intent);
        let memory = match scenario.shape {
            _ if !is_long || needs_early_loads => rules.memory,
            Some(_) => Memory::Tso,
            None => Memory::Sc,
        };
        Rules { memory, ..rules }
    }
}

/// Those of three CPUs that are needed.
const OF_THREE: [&str; 10] =
    ["q8/SB", "q4", "q4g", "q4p/SB", "q4r", "R1/core", "P2/SB", "P2/core", "P2/rseq", "S6/two"];

/// Whether it takes three CPUs to notice it: two callers and a target, one
/// that registers beside them, or a caller and two that take its marks.
fn takes_three(slip: &Slip) -> bool {
    use Wrong::{Forgets, GivesUp, GivesUpServed, IsEnough, PokesAgain};
    let takes_marks = What::Word("stale".to_owned(), Access::Clear);
    matches!(slip.wrong, Forgets(..) | IsEnough | PokesAgain | GivesUp | GivesUpServed)
        || takes_intent(slip)
        || slip.wrong == Wrong::Split && slip.point.what == takes_marks
        || slip.point.what == What::Barrier(Site::RegExit)
}

const fn takes_intent(slip: &Slip) -> bool {
    matches!(slip.wrong, Wrong::TakesIntent | Wrong::TakesIntentBehindAnother)
}

/// The points that each design passed in these runs.
#[must_use]
pub fn points(unchanged: &[Record]) -> BTreeMap<Design, Points> {
    let mut all: BTreeMap<Design, Points> = BTreeMap::new();
    for record in unchanged {
        let points = all.entry(record.job.design).or_default();
        for (point, met) in &record.points {
            points.entry(point.clone()).or_default().add(*met);
        }
    }
    all
}

/// What each point is called.
pub type Names = BTreeMap<Point, String>;

/// The names of these points: each its file and what happens there, with a number
/// where that happens more than once in the file. No line, so that the name
/// outlives a change elsewhere.
#[must_use]
pub fn names(points: &BTreeMap<Design, Points>) -> Names {
    let points: BTreeSet<&Point> = points.values().flat_map(BTreeMap::keys).collect();
    let file = |point: &Point| point.at.file.rsplit_once("src/").map_or(point.at.file, |(_, file)| file);
    let name = |point: &&Point| {
        let alike = |other: &&&Point| other.what == point.what && other.at.file == point.at.file;
        let count = points.iter().filter(alike).count();
        let nth = points.iter().filter(alike).filter(|other| other.at <= point.at).count();
        let number = if count > 1 { format!(" #{nth}") } else { String::new() };
        let file = if point.at == Place::default() { "port" } else { file(point) };
        format!("{file}: {}{number}", point.what)
    };
    points.iter().map(|point| ((*point).clone(), name(point))).collect()
}

/// What a slip is called.
#[must_use]
pub fn called(names: &Names, slip: &Slip) -> String {
    format!("{}: {}", names[&slip.point], slip.wrong)
}
