//! All that is measured of this host, in the order in which it is.

use std::time::Instant;

use anyhow::{Context, Result};
use bonfire::{Barrier, Call, Command, Signal, raw};

use super::pairs::{Interrupt, Places, interrupt, median_of, transfer};
use super::quiet::{self, Gaps};
use crate::bench::crowd::Crowd;
use crate::bench::{machine, registration};

/// The costs of this host, in nanoseconds, and what holds a model to them.
pub(super) struct Costs {
    pub(super) processor: String,
    pub(super) load: Option<f64>,
    pub(super) places: Places,
    pub(super) hit: f64,
    pub(super) atomic: f64,
    pub(super) fence: f64,
    /// A line from another CPU, for each distance that there is here.
    pub(super) lines: [Option<f64>; 3],
    pub(super) interrupt: Interrupt,
    pub(super) call: f64,
    pub(super) switch: Option<f64>,
    pub(super) grace: f64,
    pub(super) gaps: Gaps,
    pub(super) alone: f64,
    pub(super) one_running: f64,
    /// To 1, 10, 100 and 1,000 threads.
    pub(super) signals: [f64; 4],
    /// What one signal is taken to cost: fitted to the third of these.
    pub(super) signal: f64,
}

/// How often [`Costs::measure`] says what it is at.
pub(super) const STEPS: usize = 9;

impl Costs {
    /// Measures, and says what it is at.
    pub(super) fn measure(at: &dyn Fn(&'static str)) -> Result<Self> {
        at("where the CPUs are");
        let places = Places::read();
        at("loads, atomic operations, fences");
        let (hit, atomic, fence) = (quiet::hit(), quiet::atomic(), quiet::full_fence());
        at("lines from other CPUs");
        let lines = places.pairs.map(|pair| pair.and_then(transfer));
        at("interrupts");
        let interrupt = interrupt().with_context(|| busy("interrupt"))?;
        at("system calls and switches");
        let call = call(Command::Query, 0, false)?;
        let switch = quiet::switch(call);
        at("registration");
        let grace = registration::with_two_threads(7)?;
        at("what takes the CPU from a thread");
        let gaps = quiet::gaps();
        at("calls");
        let alone = call_of_process(1, false)?;
        let one_running = call_of_process(0, true)?;
        at("signals");
        let signals = signals()?;
        let processor =
            machine::processor().unwrap_or_else(|| "a processor that does not say its name".into());
        let load = machine::load();
        Ok(Self {
            processor,
            load,
            places,
            hit,
            atomic,
            fence,
            lines,
            interrupt,
            call,
            switch,
            grace,
            gaps,
            alone,
            one_running,
            signals,
            signal: signals[2] / 100.0,
        })
    }
}

fn busy(what: &str) -> String {
    format!(
        "others kept the CPUs busy, so no {what} could be measured; try again when they do not, or put this \
         process ahead of them (chrt --fifo 1)"
    )
}

fn call_of_process(asleep: usize, running: bool) -> Result<f64> {
    call(Command::PrivateExpedited, asleep, running)
}

/// The median of a call with so many others asleep, and one that runs.
fn call(command: Command, asleep: usize, running: bool) -> Result<f64> {
    let crowd = Crowd::start(asleep, running)?;
    let once = || {
        let start = Instant::now();
        // It succeeded before, or there would be no registration.
        let _ = raw::membarrier(Call::new(command));
        start.elapsed().as_nanos() as f64
    };
    let times = (0..5_001).filter_map(|_| crowd.observed(once)).collect();
    median_of(times).with_context(|| busy("call"))
}

/// The median of a signal to every thread, for each number of threads.
fn signals() -> Result<[f64; 4]> {
    let signal = (libc::SIGRTMIN()..=libc::SIGRTMAX()).find_map(|number| Signal::install(number).ok());
    let signal = signal.context("no real-time signal is free")?;
    let mut all = [0.0; 4];
    for (median, threads) in all.iter_mut().zip([1, 10, 100, 1_000]) {
        let crowd = Crowd::start(threads, false)?;
        let once = || {
            let start = Instant::now();
            signal.heavy();
            start.elapsed().as_nanos() as f64
        };
        let rounds = (20_000 / threads).clamp(41, 1_001);
        let times = (0..rounds).map(|_| once()).collect();
        *median = median_of(times).unwrap_or(0.0);
        drop(crowd);
    }
    Ok(all)
}
