//! `bonfire explain` of what is explored: a barrier of the engine, or a
//! scenario.

use std::fmt::Write as _;

use bonfire_engine::Site;
use bonfire_model::diagram;
use bonfire_model::explorer::{Plan, Rules};
use bonfire_model::machine::Change;
use bonfire_model::matrix::{self, Found, Job, Record, Runner};
use bonfire_model::purpose::purpose;
use bonfire_model::run::{Design, run};
use bonfire_model::scenario::shape::Told as _;
use bonfire_model::scenario::{self, Scenario};

use super::text::wrapped;

/// How much memory an explanation may take.
const LIMIT: usize = 1 << 30;

/// The barrier or the scenario of this name, explained; `None` if nothing is
/// called so.
pub(crate) fn of(name: &str) -> Option<String> {
    let scenarios = [scenario::two_cpus(), scenario::more_cpus()].concat();
    let site = Site::ALL.into_iter().find(|site| site.name() == name);
    let of_scenario = || scenarios.iter().find(|scenario| scenario.name == name).map(of_scenario);
    site.map(|site| of_site(site, &scenario::two_cpus())).or_else(of_scenario)
}

/// Names that [`of`] explains and that are like this one.
pub(crate) fn nearest(name: &str) -> Option<String> {
    let scenarios = [scenario::two_cpus(), scenario::more_cpus()].concat();
    let names = scenarios.iter().map(|scenario| scenario.name.as_str()).chain(Site::ALL.map(Site::name));
    super::names::nearest(name, names).map(str::to_owned)
}

/// What a barrier is for: its edge, both ends of it, and what breaks without it.
fn of_site(site: Site, scenarios: &[Scenario]) -> String {
    let purpose = purpose(site);
    let mut text = format!("{}: {}\n\n", site.name(), purpose.about);
    text.push_str(&wrapped(&format!("Edge {}. {}", purpose.edge, purpose.breaks), "", ""));
    let ends: Vec<&str> = purpose.pairs.iter().map(|other| other.name()).chain(purpose.store).collect();
    text.push_str(&wrapped(&format!("The other end: {}.", ends.join(", ")), "", "  "));
    let mut designs = Design::ALL.into_iter();
    let Some((design, scenario)) = designs.find_map(|design| Some((design, dies(design, site, scenarios)?)))
    else {
        return text + "\nNo scenario of two CPUs needs it by itself.\n";
    };
    let _ = writeln!(text, "\nWithout it, {} fails:\n", design.name());
    let _ = write!(text, "{scenario}");
    let without = vec![(site, Change::Deleted)];
    if let Some((_, trace)) = run(design, scenario, &without, Rules::WEAK, Plan::shortest(LIMIT)).flaw() {
        let _ = write!(text, "\n{}", diagram::text(trace, 24));
    }
    text
}

/// The scenario that breaks without this barrier in this design: the one with the
/// fewest states.
fn dies(design: Design, site: Site, scenarios: &[Scenario]) -> Option<&Scenario> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let runner = Runner { scenarios, threads, limit_bytes: LIMIT, progress: &|_, _| () };
    let unchanged = runner.run(&matrix::unchanged(scenarios, &[design], Rules::WEAK));
    let changed = runner.run(&matrix::changed(&unchanged, &[site], matrix::DELETED));
    let broken = changed.iter().find(|record| matches!(record.found, Found::Flawed(_)))?;
    Some(&scenarios[broken.job.scenario])
}

/// Who does what in a scenario, what must not come of it, and the barriers that
/// each design passes.
fn of_scenario(scenario: &Scenario) -> String {
    let scenarios = [scenario.clone()];
    let runner = Runner { scenarios: &scenarios, threads: 1, limit_bytes: LIMIT, progress: &|_, _| () };
    let about = Design::ALL.into_iter().filter(|&design| scenario.is_about(design));
    let jobs: Vec<Vec<Job>> = about.map(|design| vec![Job::new(design, 0, Rules::WEAK)]).collect();
    let mut text = scenario.to_string();
    if let Some(shape) = scenario.shape.filter(|shape| shape.threads.len() == 2) {
        text.push_str(&wrapped(&shape.why(), "  why: ", "    "));
    }
    for Record { job, passed, found, .. } in runner.run(&jobs) {
        let sites: Vec<&str> = passed.iter().map(|site| site.name()).collect();
        let sites = if sites.is_empty() { "no barrier".to_owned() } else { sites.join(", ") };
        let more = if found == Found::CouldNotFinish { ", as far as it was explored" } else { "" };
        text.push_str(&wrapped(&sites, &format!("  {} passes{more}: ", job.design.name()), "    "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_barrier_is_explained_by_its_edge_both_ends_and_what_breaks() {
        let said = of("MmDrop").expect("a site");
        assert!(said.contains("Edge A.") && said.contains("SysEntry"), "{said}");
        assert!(said.contains("running fails") && said.contains("CPU 0"), "{said}");
    }

    #[test]
    fn a_scenario_is_explained_by_what_it_tells_and_what_it_passes() {
        let said = of("D/MP+P1").expect("a scenario");
        assert!(said.contains("the thread exits") && said.contains("running passes: SysEntry"), "{said}");
        assert!(said.contains("why: The caller saw y before the call"), "{said}");
        assert_eq!(of("no such thing"), None);
        assert_eq!(nearest("MnDrop").as_deref(), Some("MmDrop"));
    }
}
