//! The pages that are kept of explorations say what is so: each row is looked at
//! again, by the scenario that it names. (Whether nothing breaks where a page says so
//! takes all scenarios: `tests/matrix.rs`, and `bonfire explore --mutate`.)

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::thread::available_parallelism;

use bonfire_engine::Site;
use bonfire_model::excuse;
use bonfire_model::explorer::{Memory, Rules};
use bonfire_model::machine::Change;
use bonfire_model::matrix::{Found, Group, Job, Record, Runner};
use bonfire_model::mutate::{self, Suite};
use bonfire_model::run::Design;
use bonfire_model::scenario::{self, Scenario};

const BARRIERS: &str = include_str!("../../../docs/barriers.md");
const MUTANTS: &str = include_str!("../../../docs/mutants.md");

/// The cells of the table that begins with this line.
fn table(page: &'static str, section: &str, head: &str) -> Vec<Vec<&'static str>> {
    let lines = page.lines().skip_while(|line| !section.is_empty() && *line != section);
    let rows = lines.skip_while(|line| !line.starts_with(head)).take_while(|line| line.starts_with('|'));
    let cells = |row: &'static str| row.trim_matches('|').split('|').map(str::trim).collect();
    let cells: Vec<Vec<&str>> = rows.map(cells).collect();
    assert!(cells.len() > 2, "no table {head} in {section}");
    cells.into_iter().filter(|cells| !cells[0].starts_with("---")).collect()
}

fn run(scenarios: &[Scenario], groups: &[Group]) -> Vec<Record> {
    let threads = available_parallelism().map_or(1, usize::from);
    Runner { scenarios, threads, limit_bytes: 1 << 30, progress: &|_, _| () }.run(groups)
}

fn place(scenarios: &[Scenario], name: &str) -> usize {
    let place = scenarios.iter().position(|scenario| scenario.name == name);
    place.unwrap_or_else(|| panic!("there is no scenario {name:?}"))
}

#[test]
fn each_barrier_is_needed_by_the_scenario_that_the_page_names() {
    let scenarios = scenario::two_cpus();
    let mut with_and_without: Vec<Group> = Vec::new();
    for design in Design::ALL {
        let section = format!("### {}", design.name());
        let rows = &table(BARRIERS, &section, "| site taken out")[1..];
        let sites: BTreeSet<&str> = rows.iter().map(|row| row[0]).collect();
        let passed = Site::ALL.into_iter().filter(|&site| excuse::not_passed(design, site).is_none());
        assert_eq!(sites, passed.map(Site::name).collect(), "{}", design.name());
        for row in rows {
            let site = Site::ALL.into_iter().find(|site| site.name() == row[0]).expect("a site");
            for (memory, said) in [Memory::Weak, Memory::Tso, Memory::Sc].into_iter().zip(&row[1..]) {
                if let Some(why) = said.strip_prefix("excused: ") {
                    let excuse = excuse::excuse(design, site, Change::Deleted);
                    assert_eq!(excuse.map(excuse::Excuse::why), Some(why), "{} {}", design.name(), row[0]);
                } else if let Some(name) = said.strip_prefix("needed: ") {
                    let rules = Rules { memory, ..Rules::WEAK };
                    let with = Job::new(design, place(&scenarios, name), rules);
                    let without = Job { mutant: vec![(site, Change::Deleted)], ..with.clone() };
                    with_and_without.extend([vec![with], vec![without]]);
                }
            }
        }
    }
    assert!(with_and_without.len() > 200, "{} runs", with_and_without.len());
    for record in run(&scenarios, &with_and_without) {
        let is_right =
            if record.job.mutant.is_empty() { record.found == Found::Holds } else { record.breaks() };
        let name = &scenarios[record.job.scenario].name;
        assert!(is_right, "{} {:?} {name}: {:?}", record.job.design.name(), record.job.mutant, record.found);
    }
}

#[test]
fn the_page_of_barriers_counts_and_tells_the_scenarios() {
    let scenarios = scenario::two_cpus();
    for row in &table(BARRIERS, "", "| design | scenarios")[1..] {
        let design = Design::ALL.into_iter().find(|design| design.name() == row[0]).expect("a design");
        let count = scenarios.iter().filter(|scenario| scenario.is_about(design)).count();
        let rows = &table(BARRIERS, &format!("### {}", row[0]), "| site taken out")[1..];
        let of = |kind: &str| rows.iter().filter(|row| row[1].starts_with(kind)).count();
        let counts = [count, rows.len(), of("needed"), of("excused")].map(|count| count.to_string());
        assert_eq!(row[1..5], counts, "{}", row[0]);
    }
    for row in &table(BARRIERS, "### What the scenarios tell", "| scenario |")[1..] {
        assert_eq!(scenarios[place(&scenarios, row[0])].about, row[1], "{}", row[0]);
    }
}

/// The design with the fewest changes and the smallest runs, of which the page says
/// all.
const PAGED: Design = Design::Everywhere;

/// What the page says of each change in a design: a scenario, or that it is excused.
fn changes(design: Design) -> BTreeMap<&'static str, &'static str> {
    let rows = table(MUTANTS, "", "| change |");
    let column = rows[0].iter().position(|name| *name == design.name()).expect("a column for each design");
    rows[1..].iter().map(|row| (row[0], row[column])).filter(|(_, said)| !said.is_empty()).collect()
}

#[test]
fn each_change_is_noticed_by_the_scenario_that_the_page_names() {
    let design = PAGED;
    let suite = Suite::all();
    let unchanged = run(&suite.scenarios, &suite.unchanged(&[design], Rules::WEAK));
    let points = mutate::points(&unchanged);
    let names = mutate::names(&points);
    let slips = mutate::slips(&points[&design]).into_iter();
    let slips: BTreeMap<String, _> = slips.map(|slip| (mutate::called(&names, &slip), slip)).collect();
    let mut killers: Vec<Group> = Vec::new();
    for (name, said) in changes(design) {
        let slip = slips.get(name).unwrap_or_else(|| panic!("there is no change {name:?} any more"));
        if said != "excused" {
            let place = place(&suite.scenarios, said);
            let job = Job::new(design, place, suite.rules(place, Some(slip), Rules::WEAK));
            killers.push(vec![Job { slip: Some(Arc::new(slip.clone())), ..job }]);
        }
    }
    assert!(killers.len() > 50, "{} rows were read", killers.len());
    for record in run(&suite.scenarios, &killers) {
        let slip = record.job.slip.as_deref().expect("given");
        let scenario = &suite.scenarios[record.job.scenario].name;
        assert!(record.breaks(), "{} is not noticed by {scenario}", mutate::called(&names, slip));
    }
}

#[test]
fn the_page_excuses_what_the_list_of_excuses_does() {
    let said = changes(PAGED).into_iter().filter(|(_, said)| *said == "excused");
    let said: BTreeSet<&str> = said.map(|(name, _)| name).collect();
    assert_eq!(said, mutate::excuses(PAGED).map(|(_, name)| name).collect());
}
