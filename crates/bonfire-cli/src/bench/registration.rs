//! Registration, which a process does once: each sample is a fresh process.

use std::io::Write;
use std::process::{Command, ExitCode};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use bonfire::process;
use clap::ValueEnum;

use super::Bench;
use super::crowd::Crowd;
use super::sample::costs;

/// How a fresh process registers.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Way {
    /// For all three flavours, with one thread.
    Alone,
    /// For all three flavours, with a second thread asleep.
    Threads,
    /// The same, in the background.
    Background,
}

/// What each way measures, in the order in which the process prints it.
const fn measures(way: Way) -> &'static [&'static str] {
    match way {
        Way::Alone => &["all three flavours, one thread", "again"],
        Way::Threads => &["all three flavours, two threads", "again, two threads"],
        Way::Background => &[
            "in the background: the caller waits",
            "in the background: first process::light",
            "in the background: until light fences are light",
        ],
    }
}

/// Starts fresh processes, the ways in turn.
pub(super) fn measure(bench: &mut Bench, rounds: usize) -> Result<()> {
    let ways = Way::value_variants();
    let mut samples: Vec<Vec<Vec<f64>>> =
        ways.iter().map(|&way| vec![Vec::new(); measures(way).len()]).collect();
    for _ in 0..rounds.min(41) {
        for (&way, samples) in ways.iter().zip(&mut samples) {
            for (sample, samples) in in_fresh_process(way)?.into_iter().zip(samples) {
                samples.push(sample);
            }
        }
    }
    let named = ways.iter().flat_map(|&way| measures(way)).copied().zip(samples.into_iter().flatten());
    bench.costs.extend(costs("registration", None, named.collect()));
    Ok(())
}

/// The third part of a registration for three flavours in a process of two threads:
/// the median of so many. For `bonfire scale`, where there is one.
#[cfg(not(any(target_arch = "powerpc64", target_arch = "s390x")))]
pub(crate) fn with_two_threads(rounds: usize) -> Result<f64> {
    let times = (0..rounds).map(|_| in_fresh_process(Way::Threads)).collect::<Result<Vec<_>>>()?;
    let mut first = times.iter().filter_map(|times| times.first().copied()).collect::<Vec<_>>();
    first.sort_by(f64::total_cmp);
    Ok(first.get(first.len() / 2).copied().unwrap_or(0.0) / 3.0)
}

fn in_fresh_process(way: Way) -> Result<Vec<f64>> {
    let name = way.to_possible_value().context("every way has a name")?;
    let this = std::env::current_exe().context("this program cannot find itself")?;
    let child = Command::new(this).args(["bench", "--registration", name.get_name()]).output();
    let output = child.context("a fresh process cannot be started")?;
    ensure!(output.status.success(), "a fresh process failed: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    text.split_whitespace().map(|word| word.parse().context("a fresh process printed no number")).collect()
}

/// The fresh process: prints nanoseconds.
pub(super) fn in_this_process(way: Way) -> Result<ExitCode> {
    let asleep = if matches!(way, Way::Alone) { 0 } else { 1 };
    let _crowd = Crowd::start(asleep, false)?;
    let times = match way {
        Way::Alone | Way::Threads => [time(bonfire::register)?, time(bonfire::register)?].to_vec(),
        Way::Background => in_background()?,
    };
    let words: Vec<String> = times.iter().map(ToString::to_string).collect();
    writeln!(std::io::stdout(), "{}", words.join(" "))?;
    Ok(ExitCode::SUCCESS)
}

fn time<T>(work: impl FnOnce() -> Result<T, bonfire::Refusal>) -> Result<f64> {
    let start = Instant::now();
    let result = work();
    let elapsed = start.elapsed();
    if let Err(refusal) = result {
        bail!("{refusal}");
    }
    Ok(elapsed.as_nanos() as f64)
}

fn in_background() -> Result<Vec<f64>> {
    let start = Instant::now();
    let registering = process::register_in_background();
    let blocked = start.elapsed();
    let before = Instant::now();
    process::light();
    let first_light = before.elapsed();
    if let Err(refusal) = registering.wait() {
        bail!("{refusal}");
    }
    Ok([blocked, first_light, start.elapsed()].map(|time| time.as_nanos() as f64).to_vec())
}
