//! The fences themselves: light ones in a reader, heavy ones by what the other
//! threads do, and what stands in for them.

use std::hint::black_box;
use std::sync::atomic::{
    AtomicUsize,
    Ordering::{Relaxed, SeqCst},
    fence,
};
use std::time::Instant;

use bonfire::{Barrier, Call, Command, Fences, Lazy, Policy, Signal, Tokens, process, raw};

use super::Bench;
use super::crowd::Crowd;
use super::sample::{Variant, interleaved};

/// A reader's section with each kind of fence in it.
pub(super) fn light(bench: &mut Bench, rounds: usize) {
    static LAZY: Lazy = Lazy::new(Policy::Fences);
    LAZY.heavy();
    let variants: Vec<Variant> = vec![
        // Twice: code that differs in its place alone.
        ("no fence (wrong)", Box::new(|| Some(section::<0>(|| ())))),
        ("no fence (wrong)", Box::new(|| Some(section::<1>(|| ())))),
        ("light", Box::new(|| Some(section::<0>(bonfire::light)))),
        ("light", Box::new(|| Some(section::<1>(bonfire::light)))),
        ("process::light", Box::new(|| Some(section::<0>(process::light)))),
        ("Lazy::light", Box::new(|| Some(section::<0>(|| LAZY.light())))),
        // SeqCst: UNPAIRED; it is here to be timed.
        ("fence(SeqCst)", Box::new(|| Some(section::<0>(|| fence(SeqCst))))),
    ];
    bench.costs.extend(interleaved("reader section", None, rounds, variants));
}

/// Nanoseconds of a section: store, fence, load, store. A light fence at the
/// end of each turn keeps the compiler from unrolling any of the loops, so
/// that they differ in nothing but `fence`, and in where they are in memory: a
/// section of another `PLACE` is the same code once more.
#[inline(never)]
fn section<const PLACE: usize>(fence: impl Fn()) -> f64 {
    const TURNS: usize = 100_000;
    let (flag, shared) = (AtomicUsize::new(0), AtomicUsize::new(1));
    let (flag, shared) = (black_box(&flag), black_box(&shared));
    let mut sum = 0_usize;
    let start = Instant::now();
    for _ in 0..TURNS {
        flag.store(1, Relaxed);
        fence();
        sum = sum.wrapping_add(shared.load(Relaxed));
        flag.store(0, Relaxed);
        bonfire::light();
    }
    let elapsed = start.elapsed();
    // Sections that are the same to the letter would be made one.
    black_box((sum, PLACE));
    elapsed.as_nanos() as f64 / TURNS as f64
}

/// Heavy fences, with other threads asleep or running, and without.
pub(super) fn heavy(bench: &mut Bench, rounds: usize, most: usize, tokens: &Tokens) {
    with_crowd(bench, "alone", 0, false, rounds, tokens);
    for asleep in [1, 10, 100, 1_000, 10_000].into_iter().filter(|&asleep| asleep <= most) {
        with_crowd(bench, "others asleep", asleep, false, rounds, tokens);
    }
    if super::machine::cpus() > 1 {
        with_crowd(bench, "one other running", 0, true, rounds, tokens);
        with_crowd(bench, "one running, others asleep", most, true, rounds, tokens);
    } else {
        bench.not_measured.push("heavy fences against a running thread: there is one CPU".into());
    }
}

fn with_crowd(
    bench: &mut Bench,
    group: &'static str,
    asleep: usize,
    running: bool,
    rounds: usize,
    tokens: &Tokens,
) {
    let crowd = match Crowd::start(asleep, running) {
        Ok(crowd) => crowd,
        Err(error) => return bench.not_measured.push(format!("{group}, {asleep} threads: {error:#}")),
    };
    let &Tokens { memory, sync_core, rseq, .. } = tokens;
    let crowd = &crowd;
    let mut variants: Vec<Variant> = vec![
        ("the system call", timed(crowd, || drop_result(Command::PrivateExpedited))),
        ("the system call", timed(crowd, || drop_result(Command::PrivateExpedited))),
        ("QUERY (no fence)", timed(crowd, || drop_result(Command::Query))),
        ("heavy", timed(crowd, move || memory.heavy())),
        ("try_heavy", timed(crowd, move || _ = memory.try_heavy())),
        ("heavy_since, nobody's", timed(crowd, move || _ = memory.heavy_since(memory.ticket()))),
        ("process::heavy", timed(crowd, process::heavy)),
    ];
    variants
        .extend(sync_core.ok().map(|core| ("SyncCore::serialise", timed(crowd, move || core.serialise()))));
    variants.extend(rseq.ok().map(|rseq| ("Rseq::restart", timed(crowd, move || rseq.restart()))));
    let threads = asleep + usize::from(running);
    let costs = interleaved(group, Some(threads), rounds, variants);
    if costs.is_empty() {
        bench.not_measured.push(format!("heavy fences with {group}: others kept the CPUs busy"));
    }
    bench.costs.extend(costs);
}

fn drop_result(command: Command) {
    // It succeeded before, or there would be no token.
    let _ = raw::membarrier(Call::new(command));
}

/// A sample of `work`: the median of calls that the running thread, if there
/// is one, ran before and after.
fn timed<'a>(crowd: &'a Crowd, work: impl Fn() + 'a) -> Box<dyn FnMut() -> Option<f64> + 'a> {
    Box::new(move || median_of_calls(crowd, &work))
}

/// Everything that is compared is called and timed here, in this one place of the
/// program: where the instructions of a loop lie moves a call by more than what
/// is looked for. (The instruction that traps is in one place as well.)
#[inline(never)]
fn median_of_calls(crowd: &Crowd, work: &dyn Fn()) -> Option<f64> {
    const CALLS: usize = 31;
    let call = || {
        let start = Instant::now();
        work();
        start.elapsed().as_nanos() as f64
    };
    let mut times: Vec<f64> = (0..CALLS).filter_map(|_| crowd.observed(call)).collect();
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied()
}

/// What a program may choose where the kernel has no barrier.
pub(super) fn fallbacks(bench: &mut Bench, rounds: usize, most: usize) {
    let Some(signal) = free_signal() else {
        return bench.not_measured.push("signals to every thread: no real-time signal is free".into());
    };
    for asleep in [1, 10, 100, 1_000].into_iter().filter(|&asleep| asleep <= most) {
        let crowd = match Crowd::start(asleep, false) {
            Ok(crowd) => crowd,
            Err(error) => return bench.not_measured.push(format!("signals to {asleep} threads: {error:#}")),
        };
        let mut once = || {
            let start = Instant::now();
            signal.heavy();
            Some(start.elapsed().as_nanos() as f64)
        };
        // A thousand threads take tens of milliseconds.
        let fewer = (rounds * 10 / asleep).clamp(3, rounds);
        let variants: Vec<Variant> = vec![("signal to every thread", Box::new(&mut once))];
        bench.costs.extend(interleaved("fallback", Some(asleep), fewer, variants));
        drop(crowd);
    }
    let fences: Vec<Variant> =
        vec![("fences on both sides", Box::new(|| Some(section::<0>(|| Fences.heavy()))))];
    bench.costs.extend(interleaved("fallback", None, rounds, fences));
}

fn free_signal() -> Option<Signal> {
    (libc::SIGRTMIN()..=libc::SIGRTMAX()).find_map(|number| Signal::install(number).ok())
}
