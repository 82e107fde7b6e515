//! What a thread loses that others fence: its stall for each heavy fence.

use std::hint::black_box;
use std::sync::atomic::{
    AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};
use std::thread;
use std::time::Instant;

use bonfire::{Call, Command, Tokens, raw};

use super::Bench;
use super::sample::costs;

/// The victim works for a while that it times, in peace and under heavy
/// fences in turn; the difference, divided by the fences, is the stall.
pub(super) fn measure(bench: &mut Bench, rounds: usize, tokens: &Tokens) {
    if super::machine::cpus() < 2 {
        return bench.not_measured.push("the stall of a fenced thread: there is one CPU".into());
    }
    let memory = tokens.memory;
    let mut storms: Vec<Storm<'_>> = vec![
        ("QUERY (no fence)", Box::new(|| _ = raw::membarrier(Call::new(Command::Query)))),
        ("heavy", Box::new(move || memory.heavy())),
    ];
    if let Ok(core) = tokens.sync_core {
        storms.push(("SyncCore::serialise", Box::new(move || core.serialise())));
    }
    let losses = losses(rounds, &storms);
    let named: Vec<_> = storms.iter().map(|(name, _)| *name).zip(losses).collect();
    for (name, _) in named.iter().filter(|(_, losses)| losses.is_empty()) {
        bench.not_measured.push(format!("the stall by {name}: others kept the CPUs busy"));
    }
    bench.costs.extend(costs("stall of a fenced thread", None, named));
}

/// What the victim lost to each call of each storm, in nanoseconds, in each round in
/// which it had its CPU throughout.
pub(crate) fn losses(rounds: usize, storms: &[Storm<'_>]) -> Vec<Vec<f64>> {
    let mut losses = vec![Vec::new(); storms.len()];
    let desk = Desk::default();
    thread::scope(|scope| {
        scope.spawn(|| desk.work());
        for _ in 0..rounds {
            for ((_, storm), losses) in storms.iter().zip(&mut losses) {
                let (quiet, _) = desk.ask(std::hint::spin_loop);
                let (stormy, calls) = desk.ask(storm);
                let pair = quiet.zip(stormy).filter(|_| calls >= ENOUGH);
                losses.extend(pair.map(|(quiet, stormy)| (stormy - quiet) / calls as f64));
            }
        }
        // Relaxed: it ends the work and publishes nothing.
        desk.asked.store(OVER, Relaxed);
    });
    losses
}

/// Calls within a piece of work without which its time says nothing: if there
/// are fewer, caller and victim did not run at once.
const ENOUGH: u64 = 5;

/// What is called while the victim works, by name.
pub(crate) type Storm<'a> = (&'static str, Box<dyn Fn() + 'a>);

const OVER: u64 = u64::MAX;

/// Where the victim is asked for a piece of work, and answers how long it took.
#[derive(Default)]
struct Desk {
    asked: AtomicU64,
    /// The piece last begun.
    begun: AtomicU64,
    /// The piece last done, and its time in nanoseconds, or [`INTERRUPTED`]: two
    /// words, the second written first.
    done: AtomicU64,
    took_ns: AtomicU64,
}

impl Desk {
    fn work(&self) {
        for piece in 1.. {
            let asked = loop {
                // Acquire. PAIRS(asked): with the release in `ask`, whose caller has read the
                // time of the last piece, so that it may be overwritten.
                match self.asked.load(Acquire) {
                    asked if asked >= piece => break asked,
                    _ => std::hint::spin_loop(),
                }
            };
            if asked == OVER {
                return;
            }
            let switches = switches();
            // Relaxed: says when calls begin to count, and publishes nothing.
            self.begun.store(piece, Relaxed);
            let start = Instant::now();
            let mut sum = 0_u64;
            for turn in 0..1_000_000_u64 {
                sum = black_box(sum.wrapping_add(turn));
            }
            let took = start.elapsed().as_nanos() as u64;
            let alone = self::switches() == switches;
            self.took_ns.store(if alone { took } else { INTERRUPTED }, Relaxed);
            // Release. PAIRS(took): with the acquire in `ask`, which then reads the time.
            self.done.store(piece, Release);
        }
    }

    /// Has one piece done, calling `meanwhile` while it is; its time, if the CPU
    /// was the victim's throughout, and how often that was called.
    fn ask(&self, meanwhile: impl Fn()) -> (Option<f64>, u64) {
        let piece = self.done.load(Relaxed) + 1;
        // Release. PAIRS(asked): with the acquire in `work`.
        self.asked.store(piece, Release);
        while self.begun.load(Relaxed) < piece {
            std::hint::spin_loop();
        }
        let mut calls = 0;
        // Acquire. PAIRS(took): with the release in `work`, after the time was written.
        while self.done.load(Acquire) < piece {
            meanwhile();
            calls += 1;
        }
        let took = self.took_ns.load(Relaxed);
        ((took != INTERRUPTED).then_some(took as f64), calls)
    }
}

/// Another thread had the CPU meanwhile, so the time is not the fences'.
const INTERRUPTED: u64 = u64::MAX;

/// How often this thread had to give up its CPU so far.
pub(crate) fn switches() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/thread-self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("nonvoluntary_ctxt_switches:")?.trim().parse().ok())
}
