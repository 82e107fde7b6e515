//! A long randomised run of the engine, in every design or in one.
//!
//! ```sh
//! cargo run --release -p bonfire-threads --example storm -- [--seconds N] [--seed N] [--cpus N] [--design NAME] [--without SITE]
//! ```
//! `--without` takes a barrier out by its name, or the `poke`, to see what breaks.
//!
//! Exit status 0 if no invariant was broken and nothing hung, else 1.

use std::process::ExitCode;
use std::time::Duration;

use bonfire_engine::{Design, Site, for_design};
use bonfire_threads::storm::{Event, Report, Storm};
use bonfire_threads::{Faults, On};

struct Arguments {
    seconds: u64,
    seed: u64,
    cpus: usize,
    design: Option<Design>,
    faults: Faults,
}

fn main() -> ExitCode {
    let arguments = match Arguments::read() {
        Ok(arguments) => arguments,
        Err(error) => {
            eprintln!(
                "{error}\nusage: storm [--seconds N] [--seed N] [--cpus N] [--design NAME] [--without SITE]"
            );
            return ExitCode::from(2);
        }
    };
    let chosen: Vec<Design> = arguments.design.map_or(Design::ALL.to_vec(), |design| vec![design]);
    let storm = Storm {
        duration: Duration::from_secs(arguments.seconds) / u32::try_from(chosen.len()).unwrap_or(1),
        processes: u64::MAX,
        seed: arguments.seed,
        cpus: arguments.cpus,
        faults: arguments.faults,
    };
    println!("seed {}, {} virtual CPUs, {:?} for each design", storm.seed, storm.cpus, storm.duration);
    // Not lazily: one design's failure does not spare the others.
    let calm: Vec<bool> = chosen
        .into_iter()
        .map(|design| tell(design, for_design!(design, D => storm.run::<On<D>>())))
        .collect();
    if calm.iter().all(|&calm| calm) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Prints what happened; true if nothing did that must not.
fn tell(name: Design, report: std::io::Result<Report>) -> bool {
    let report = match report {
        Ok(report) => report,
        Err(error) => {
            eprintln!("{name}: {error}");
            return false;
        }
    };
    let counts: Vec<String> =
        Event::ALL.iter().map(|&event| format!("{event:?} {}", report.count(event))).collect();
    println!("{name}: {}", counts.join(", "));
    println!(
        "{name}: {} switches, {} pokes, at most {} on their way to one CPU; {} violations{}",
        report.switches,
        report.pokes,
        report.most_pending,
        report.violations(),
        if report.hung { "; HUNG" } else { "" }
    );
    report.violations() == 0 && !report.hung
}

impl Arguments {
    fn read() -> Result<Self, String> {
        let mut read = Self { seconds: 30, seed: 1, cpus: 4, design: None, faults: Faults::NONE };
        let mut arguments = std::env::args().skip(1);
        while let Some(flag) = arguments.next() {
            let value = arguments.next().ok_or(format!("{flag} wants a value"))?;
            let number = || value.parse::<u64>().map_err(|error| format!("{flag} {value}: {error}"));
            match flag.as_str() {
                "--seconds" => read.seconds = number()?,
                "--seed" => read.seed = number()?,
                "--cpus" => read.cpus = usize::try_from(number()?.clamp(1, 64)).unwrap_or(64),
                "--without" => read.faults = fault(&value)?,
                "--design" => read.design = Some(value.parse().map_err(|error| format!("{error}"))?),
                _ => return Err(format!("no such flag: {flag}")),
            }
        }
        Ok(read)
    }
}

/// A machine that lacks what is named.
fn fault(name: &str) -> Result<Faults, String> {
    if name == "poke" {
        return Ok(Faults::NO_POKE);
    }
    let site = Site::ALL.into_iter().find(|site| site.name() == name);
    site.map(|site| Faults::NONE.without(site)).ok_or_else(|| format!("no such site: {name}"))
}
