//! How many states each scenario has, and how fast they are looked at.
//!
//! `cargo run --release -p bonfire-model --example sizes -- DESIGN [SCENARIO [CPUS [MIB]]]`

use std::time::Instant;

use bonfire_model::explorer::{Plan, Rules};
use bonfire_model::run::{Design, run};
use bonfire_model::scenario;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let argument = |place: usize, otherwise: &'static str| {
        arguments.get(place).cloned().unwrap_or_else(|| otherwise.to_owned())
    };
    let (design, part, cpus) = (argument(0, "running"), argument(1, ""), argument(2, "2"));
    let limit = argument(3, "512").parse::<usize>().expect("MiB") << 20;
    let scenarios = if cpus == "2" { scenario::two_cpus() } else { scenario::more_cpus() };
    let (mut states, mut seconds) = (0, 0.0);
    for design in Design::ALL.into_iter().filter(|known| known.name() == design) {
        for scenario in &scenarios {
            if !scenario.is_about(design) || !scenario.name.contains(&part) {
                continue;
            }
            let before = Instant::now();
            let made = run(design, scenario, &vec![], Rules::WEAK, Plan::within(limit));
            let took = before.elapsed().as_secs_f64();
            states += made.exploration.states;
            seconds += took;
            let verdict = match made.exploration.verdict {
                ref verdict if verdict.holds() && made.missing.is_empty() => "holds",
                ref verdict if verdict.holds() => "vacuous",
                ref verdict if verdict.is_flawed() => "flawed",
                _ => "could not finish",
            };
            println!("{:>10} {took:8.3} s  {verdict:10} {}", made.exploration.states, scenario.name);
        }
    }
    println!("{states:>10} {seconds:8.3} s  {:.2} M states/s", states as f64 / seconds / 1e6);
}
