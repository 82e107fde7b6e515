//! `bonfire scale --calibrate`: measures this host, and writes the file of a
//! machine that costs what it does.
//!
//! What can be measured here is; what cannot is assumed, and the file says so. The
//! costs of an interrupt are taken from a change of a page's rights, which every CPU
//! that runs the process must hear of, and not from the call that the model is to
//! foretell. That call is measured, too, and stands in the file beside the costs:
//! `--validate` compares.

mod costs;
mod file;
mod pairs;
mod quiet;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use bonfire_scale::{Compared, Hardware};

use super::table::human;
use crate::bench::machine;
use crate::output::Output;
use crate::progress;
use crate::report::text::print;
use costs::Costs;

/// Measures, writes, and compares.
pub(super) fn calibrate(path: &Path) -> Result<ExitCode> {
    ensure!(
        machine::cpus() > 1,
        "interrupts cannot be measured with one CPU; let this process run on two or more (taskset -c), or take \
         a machine of --list"
    );
    let output = Output::open(path)?;
    let is_stdout = output.is_stdout();
    let name = path.file_stem().and_then(|stem| stem.to_str()).filter(|&stem| stem != "-").unwrap_or("host");
    let (text, hardware) = fitted(name, measure()?)?;
    output.write(&text)?;
    if !is_stdout {
        print(&table(&compare(&hardware)?))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The file of a machine on which a signal to each of 100 threads takes as long as it
/// was measured to. All else stands in it as it was measured.
fn fitted(name: &str, mut costs: Costs) -> Result<(String, Hardware)> {
    const ROUNDS: usize = 5;
    let mut round = 0;
    loop {
        let text = file::text(name, &costs);
        let hardware = Hardware::parse(&format!("{name}.toml"), &text).with_context(|| WRONG)?;
        round += 1;
        if round > ROUNDS {
            return Ok((text, hardware));
        }
        let hundred = compare(&hardware)?.into_iter().nth(4).context("the fifth is of 100 threads")?;
        costs.signal *= (hundred.measured_ns / hundred.here_ns).clamp(0.1, 10.0);
    }
}

const WRONG: &str = "what was measured makes no machine: others kept the CPUs busy; try again when they do not, or \
                     put this process ahead of them (chrt --fifo 1)";

/// Holds the model to what was measured on a machine. 1 if it is not near.
pub(super) fn validate(hardware: &Hardware) -> Result<ExitCode> {
    let compared = compare(hardware)?;
    ensure!(
        !compared.is_empty(),
        "the file of {} has no [measured]; --calibrate writes one that has",
        hardware.name
    );
    print(&table(&compared))?;
    Ok(if compared.iter().all(Compared::is_near) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn compare(hardware: &Hardware) -> Result<Vec<Compared>> {
    hardware.compared().with_context(|| format!("on {}", hardware.name))
}

/// What was measured, what it takes in the model, and whether that is near.
fn table(compared: &[Compared]) -> String {
    let mut text = format!("{:38} {:>10} {:>10} {:>7}\n", "", "measured", "model", "ratio");
    for one in compared {
        let Compared { what, measured_ns, here_ns } = one;
        let ratio = here_ns / measured_ns;
        let verdict = if one.is_near() { "" } else { "  further than 1.5 times" };
        let (measured, here) = (human(*measured_ns), human(*here_ns));
        text.push_str(&format!("{what:38} {measured:>10} {here:>10} {ratio:7.2}{verdict}\n"));
    }
    text
}

/// Everything, with a bar on stderr.
fn measure() -> Result<Costs> {
    // First, while this process has one thread: it takes microseconds.
    bonfire::register().context("there is no process-wide barrier here to hold a model to")?;
    let bar = progress::bar(costs::STEPS);
    let costs = Costs::measure(&|what| {
        bar.set_message(what);
        bar.inc(1);
    });
    bar.finish_and_clear();
    costs
}
