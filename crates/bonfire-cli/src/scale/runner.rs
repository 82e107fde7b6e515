//! Makes the runs, on all cores of the host, each on one.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread::{self, available_parallelism};
use std::time::Instant;

use anyhow::{Context, Result, anyhow};
use bonfire_scale::{Failure, Outcome};
use indicatif::ProgressBar;

use super::json::{Measured, Ran, Results};
use super::plan::{Plan, Run};
use crate::environment;
use crate::progress;
use crate::shard::{Shard, fnv1a};

/// Makes the runs of the plan, or of the part of it that is `shard`.
pub(super) fn run(plan: &Plan, shard: Option<Shard>) -> Result<Results> {
    let began = Instant::now();
    let mine =
        plan.runs.iter().enumerate().filter(|(_, run)| shard.is_none_or(|shard| shard.has(&name(run))));
    let mine = mine.collect::<Vec<_>>();
    let bar = progress::bar(mine.len());
    let outcomes = all(&mine, &bar);
    bar.finish_and_clear();
    let mut runs = Vec::new();
    for ((place, run), outcome) in mine.into_iter().zip(outcomes) {
        let outcome = outcome.ok_or_else(|| anyhow!("stopped"))?.with_context(|| name(run))?;
        runs.push(Ran { place, part: run.part, outcome });
    }
    let measured = Measured {
        seconds: began.elapsed().as_secs_f64(),
        peak_memory_bytes: environment::peak_memory_bytes(),
        steps: runs.iter().map(|run| run.outcome.steps).sum(),
    };
    Ok(Results { planned: plan.runs.len(), plan: plan_number(plan), shard, runs, measured })
}

/// What a run is called: by this it belongs to a shard.
fn name(run: &Run) -> String {
    let job = &run.job;
    format!(
        "{} {} {} {} {:?}",
        job.hardware.name,
        job.hardware.cpus,
        job.workload.name,
        job.design.name(),
        run.part
    )
}

/// Tells plans apart: a hash of what is run.
fn plan_number(plan: &Plan) -> String {
    let what =
        |run: &Run| format!("{} {} {} {:?}\n", name(run), run.job.seed, run.job.steps, run.job.workload);
    format!("{:016x}", fnv1a(&plan.runs.iter().map(what).collect::<String>()))
}

type Answer = Option<Result<Outcome, Failure>>;

/// The outcome of each, `None` of those that were not made because one failed.
fn all(runs: &[(usize, &Run)], bar: &ProgressBar) -> Vec<Answer> {
    let answers: Vec<Mutex<Answer>> = runs.iter().map(|_| Mutex::new(None)).collect();
    let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let work = || {
        loop {
            // Relaxed: the scope's end orders what is read afterwards.
            let place = next.fetch_add(1, Relaxed);
            let Some((_, run)) = runs.get(place).filter(|_| !failed.load(Relaxed)) else { break };
            bar.set_message(name(run));
            let outcome = run.job.run();
            failed.fetch_or(outcome.is_err(), Relaxed);
            *answers[place].lock().expect("nobody panics with it") = Some(outcome);
            bar.inc(1);
        }
    };
    let threads = available_parallelism().map_or(1, usize::from).min(runs.len());
    thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    answers.into_iter().map(|answer| answer.into_inner().expect("nobody panics with it")).collect()
}
