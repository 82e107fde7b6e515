//! Small changes of the engine, each of which some scenario must notice.
//!
//! The [kill matrix](crate::matrix) takes out and weakens the engine's barriers,
//! which have names. Here everything else is changed that the engine does or
//! decides: a [`Slip`] is generated for each access and each choice that a run of
//! the engine as it ships was seen to make ([`slips`]), and is tried in each
//! scenario that gets there ([`groups`]), until one breaks. A slip that nobody
//! notices must be [excused](excuse()), and the excuses are a closed list.

mod excuse;
pub mod interpose;
pub mod slip;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use bonfire_engine::Site;

use crate::explorer::{Memory, Rules};
use crate::matrix::{self, Found, Group, Job, Record};
use crate::run::Design;
use crate::scenario::{self, Scenario};

pub use excuse::{Excuse, excuse, unit_tests};
use interpose::Points;
use slip::{
    Access, FENCES, GATE, GLOBAL, Met, PRIVATE, Place, Point, READY, REGISTRATION, SYNC_CORE, Slip, What,
    Wrong,
};

/// The scenarios in which slips are tried: all of two CPUs, and behind them those
/// of three that a wait with interrupts off, a gate that opens early and a
/// request of several flavours need. And how many there are of two.
#[must_use]
pub fn scenarios() -> (Vec<Scenario>, usize) {
    let mut all = scenario::two_cpus();
    let two = all.len();
    let of_three = ["q8/SB", "q4", "q4g", "q4p/SB", "q4r", "R1/core", "P2/SB", "P2/core", "P2/rseq", "P6/SB"];
    all.extend(scenario::more_cpus().into_iter().filter(|one| of_three.contains(&one.name.as_str())));
    (all, two)
}

/// All that goes wrong at the points that a design passes.
#[must_use]
pub fn slips(points: &Points) -> Vec<Slip> {
    let mut places: BTreeMap<&What, BTreeSet<Place>> = BTreeMap::new();
    for point in points.keys() {
        places.entry(&point.what).or_default().insert(point.at);
    }
    let all = points.iter().flat_map(|(point, met)| {
        let wrongs = wrongs(&point.what, *met, places[&point.what].len() > 1);
        wrongs.into_iter().map(|wrong| Slip { point: point.clone(), wrong })
    });
    all.collect()
}

fn wrongs(what: &What, met: Met, is_elsewhere: bool) -> Vec<Wrong> {
    use Wrong::{BehindAccess, Early, GivesUp, GivesUpServed, IgnoresInbox, LeftOut, NotIfBoth, Off, Twice};
    match what {
        What::Word(word, access) => of_word(word, *access, met),
        What::Choice(context, _, _) => of_choice(context),
        What::Barrier(_) => {
            let and = |is_so: bool, wrong| is_so.then_some(wrong);
            let all = [Some(BehindAccess), and(is_elsewhere, LeftOut), and(met.of_two, NotIfBoth)];
            all.into_iter().flatten().collect()
        }
        What::Poke => vec![LeftOut, Twice, Early],
        What::Wait => vec![LeftOut, Off(1), Off(-1), IgnoresInbox, GivesUp, GivesUpServed],
        What::Closed | What::Lock | What::Restart => vec![LeftOut],
        What::Pin => vec![Early],
        What::Hook(hook) => of_hook(hook),
    }
}

fn of_word(word: &str, access: Access, met: Met) -> Vec<Wrong> {
    use Access::{Clear, FetchOr, Load, Set, Store, Swap};
    let mut all = Vec::new();
    if met.is_ordered {
        all.push(Wrong::Relaxed);
    }
    match access {
        Load => {}
        Store => all.extend([Wrong::LeftOut, Wrong::Late]),
        Set | Clear => all.extend([Wrong::LeftOut, Wrong::Late, Wrong::Split]),
        Swap | FetchOr => all.extend([Wrong::LeftOut, Wrong::Split]),
    }
    let without = |bits: u64| (0..64).filter(move |bit| bits >> bit & 1 != 0).map(Wrong::Without);
    match (word, access) {
        ("request", Load) => all.push(Wrong::IsEnough),
        ("request", FetchOr) => {
            all.push(Wrong::PokesAgain);
            all.extend(without(met.bits & 0b1111));
        }
        ("request", Swap) => {
            all.extend([Wrong::Off(1), Wrong::Off(-1)]);
            let flags = [1, 2, 3];
            let beside = |flag| flags.into_iter().filter(move |&other| other != flag);
            all.extend(
                flags.into_iter().flat_map(|flag| beside(flag).map(move |other| Wrong::Forgets(flag, other))),
            );
        }
        ("done", Store) => all.extend([Wrong::Off(1), Wrong::Off(-1)]),
        ("state", Set | Store) => all.extend(without(met.bits)),
        ("occupant", Store) => all.extend(without(met.bits & 1)),
        _ => {}
    }
    all
}

/// What a command or a hook can mistake an address space for.
fn of_choice(context: &str) -> Vec<Wrong> {
    match context {
        GATE => vec![Wrong::GateInverted, Wrong::TakesIntent],
        REGISTRATION => vec![
            Wrong::GateInverted,
            Wrong::Inverted(READY),
            Wrong::Inverted(GLOBAL),
            Wrong::TakesIntent,
            Wrong::TakesIntentBehindAnother,
        ],
        "GET_REGISTRATIONS" => vec![Wrong::Inverted(PRIVATE), Wrong::Inverted(GLOBAL)],
        _ => [FENCES, SYNC_CORE, GLOBAL].map(Wrong::Inverted).to_vec(),
    }
}

fn of_hook(hook: &str) -> Vec<Wrong> {
    use Wrong::{Exchanged, FromKernel, LeftOut, ToKernel, ToOther};
    match hook {
        "switch" => vec![LeftOut, Exchanged, FromKernel, ToKernel, ToOther],
        "exit" | "return_space" => vec![LeftOut, ToKernel, ToOther],
        "exec" | "fork" => vec![LeftOut, Exchanged, ToOther],
        "borrow_space" => vec![LeftOut, FromKernel, ToOther],
        "handle_poke" => vec![LeftOut],
        _ => vec![LeftOut],
    }
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

/// The runs of every slip, each in every scenario that gets there, the shortest
/// first; in those beyond the `two_cpus` first only where two cannot tell.
#[must_use]
pub fn groups(scenarios: &[Scenario], two_cpus: usize, unchanged: &[Record], rules: Rules) -> Vec<Group> {
    let mut all = Vec::new();
    for (design, points) in points(unchanged) {
        let mut records: Vec<&Record> =
            unchanged.iter().filter(|record| record.job.design == design).collect();
        records.sort_by_key(|record| (record.states, record.job.scenario));
        for slip in slips(&points) {
            let passes = records.iter().filter(|record| record.points.contains_key(&slip.point));
            let places = passes.map(|record| record.job.scenario);
            let places = places.filter(|&place| place < two_cpus || takes_three(&slip));
            let slip = Arc::new(slip.clone());
            let job = |scenario| {
                let rules = rules_of(scenarios, two_cpus, scenario, rules);
                Job { slip: Some(Arc::clone(&slip)), ..Job::new(design, scenario, rules) }
            };
            all.push(places.map(job).collect());
        }
    }
    all
}

/// Whether it takes three CPUs to notice it: two callers and a target, or one
/// that registers beside them.
fn takes_three(slip: &Slip) -> bool {
    use Wrong::{
        Forgets, GivesUp, GivesUpServed, IsEnough, PokesAgain, TakesIntent, TakesIntentBehindAnother,
    };
    matches!(
        slip.wrong,
        Forgets(..)
            | IsEnough
            | PokesAgain
            | GivesUp
            | GivesUpServed
            | TakesIntent
            | TakesIntentBehindAnother
    ) || slip.point.what == What::Barrier(Site::RegExit)
}

/// The runs of the engine as it ships in these scenarios: those of three CPUs
/// on a machine that has all that they need and far fewer states, which is total
/// store order, or sequential consistency where what is looked for is no order of
/// memory.
#[must_use]
pub fn unchanged(scenarios: &[Scenario], two_cpus: usize, designs: &[Design], rules: Rules) -> Vec<Group> {
    let mut groups = matrix::unchanged(scenarios, designs, rules);
    groups
        .iter_mut()
        .flatten()
        .for_each(|job| job.rules = rules_of(scenarios, two_cpus, job.scenario, rules));
    groups
}

fn rules_of(scenarios: &[Scenario], two_cpus: usize, place: usize, rules: Rules) -> Rules {
    let memory = match scenarios[place].name.ends_with("/SB") {
        _ if place < two_cpus || scenarios[place].name == "P2/SB" => rules.memory,
        true => Memory::Tso,
        false => Memory::Sc,
    };
    Rules { memory, ..rules }
}

/// What became of a slip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// A scenario breaks, by its place.
    Killed(usize, Found),
    /// Nothing breaks.
    Survived,
    /// Nothing breaks, and not everything came to an end.
    Unfinished,
}

/// A slip in a design, and what became of it.
#[derive(Clone, Debug)]
pub struct Tried {
    /// The design.
    pub design: Design,
    /// The slip.
    pub slip: Arc<Slip>,
    /// What it is called.
    pub name: String,
    /// What became of it.
    pub fate: Fate,
    /// In how many scenarios it was tried.
    pub runs: usize,
}

/// Sums up the runs of slips. One after which the engine does the same in every
/// scenario is no change of it, and left out.
#[must_use]
pub fn tried(unchanged: &[Record], records: &[Record]) -> Vec<Tried> {
    let as_it_ships: HashMap<(Design, usize), u64> =
        unchanged.iter().map(|one| ((one.job.design, one.job.scenario), one.fingerprint)).collect();
    let differs = |record: &&Record| {
        let known = as_it_ships.get(&(record.job.design, record.job.scenario));
        // What waits for something that does not come is done as it would have been.
        let is_done = match record.job.slip.as_ref().map(|slip| slip.wrong) {
            Some(Wrong::Late | Wrong::BehindAccess) => record.crossed,
            _ => true,
        };
        record.breaks() || is_done && known.is_some_and(|&known| known != record.fingerprint)
    };
    let mut by_slip: BTreeMap<(Design, Arc<Slip>), Vec<&Record>> = BTreeMap::new();
    for record in records {
        if let Some(slip) = &record.job.slip {
            by_slip.entry((record.job.design, Arc::clone(slip))).or_default().push(record);
        }
    }
    let names = names(by_slip.keys().map(|(_, slip)| &slip.point));
    let made_a_difference = by_slip.into_iter().filter(|(_, records)| records.iter().any(differs));
    let sum_up = |((design, slip), records): ((Design, Arc<Slip>), Vec<&Record>)| {
        let killer = records.iter().find(|record| record.breaks());
        let fate = match killer {
            Some(record) => Fate::Killed(record.job.scenario, record.found.clone()),
            None if records.iter().any(|record| record.found == Found::CouldNotFinish) => Fate::Unfinished,
            None => Fate::Survived,
        };
        let name = format!("{}: {}", names[&slip.point], slip.wrong);
        Tried { design, slip, name, fate, runs: records.len() }
    };
    made_a_difference.map(sum_up).collect()
}

/// What each point is called: its file and what happens there, with a number
/// where that happens more than once in the file. No line, so that the name
/// outlives a change elsewhere.
fn names<'a>(points: impl Iterator<Item = &'a Point>) -> BTreeMap<Point, String> {
    let points: BTreeSet<&Point> = points.collect();
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

/// What is to be thought of a slip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// Some scenario breaks.
    Killed,
    /// Nothing breaks, and that is excused.
    Excused(Excuse),
    /// Nothing breaks, and nobody knows why: a failure.
    Survives,
    /// Something breaks, and there is an excuse for why nothing would: a failure.
    Outdated(Excuse),
    /// Not every scenario came to an end.
    Unfinished,
}

impl Tried {
    /// What is to be thought of it.
    #[must_use]
    pub fn judgement(&self) -> Judgement {
        match (&self.fate, excuse(self.design, &self.name)) {
            (Fate::Killed(..), None) => Judgement::Killed,
            (Fate::Killed(..), Some(excuse)) => Judgement::Outdated(excuse),
            (Fate::Survived, Some(excuse)) => Judgement::Excused(excuse),
            (Fate::Survived, None) => Judgement::Survives,
            (Fate::Unfinished, _) => Judgement::Unfinished,
        }
    }
}

/// The exit status of a run of slips: 0 if each is killed or excused, 1 if not,
/// 2 if that cannot be told.
#[must_use]
pub fn status(unchanged: &[Record], tried: &[Tried]) -> u8 {
    let is = |wanted: fn(&Judgement) -> bool| tried.iter().any(|one| wanted(&one.judgement()));
    if is(|judgement| matches!(judgement, Judgement::Survives | Judgement::Outdated(_))) {
        1
    } else if is(|judgement| *judgement == Judgement::Unfinished)
        || tried.is_empty()
        || unchanged.iter().any(|record| record.found != Found::Holds)
    {
        2
    } else {
        0
    }
}
