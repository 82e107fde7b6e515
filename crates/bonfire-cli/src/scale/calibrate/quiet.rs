//! What one thread sees that has a CPU for itself, as far as others let it.

use std::hint::black_box;
use std::sync::Barrier;
use std::sync::atomic::{
    AtomicU64,
    Ordering::{Relaxed, SeqCst},
    fence,
};
use std::thread;
use std::time::{Duration, Instant};

use super::pairs::{lower_quartile, pin};
use crate::bench::stall;
use crate::sys;

/// Nanoseconds of one of `count` of what `work` does.
fn each(count: usize, mut work: impl FnMut()) -> f64 {
    let mut windows = Vec::new();
    for _ in 0..101 {
        let start = Instant::now();
        (0..count).for_each(|_| work());
        windows.push(start.elapsed().as_nanos() as f64 / count as f64);
    }
    lower_quartile(windows)
}

/// A load from memory that the second-level cache holds, others under way.
pub(super) fn hit() -> f64 {
    const LINES: usize = 8192;
    let memory = vec![[1_u64; 8]; LINES];
    let mut sum = 0_u64;
    each(1, || {
        let memory = black_box(&memory);
        for line in 0..LINES {
            // In an order that is not foreseen, and known ahead.
            sum = sum.wrapping_add(memory[line * 5_003 % LINES][0]);
        }
        black_box(sum);
    }) / LINES as f64
}

/// An atomic operation on a line that is here.
pub(super) fn atomic() -> f64 {
    let word = AtomicU64::new(0);
    each(1_000, || {
        black_box(&word).fetch_or(1, Relaxed);
    })
}

/// A full barrier.
pub(super) fn full_fence() -> f64 {
    let word = AtomicU64::new(0);
    each(1_000, || {
        // Or the compiler would make one of many.
        black_box(&word).store(1, Relaxed);
        // SeqCst: UNPAIRED; it is here to be timed.
        fence(SeqCst);
    })
}

/// A switch from one thread to another on one CPU, without the system call: the two
/// give way to each other, ahead of everybody else where the system lets them.
pub(super) fn switch(call_ns: f64) -> Option<f64> {
    const TURNS: usize = 2_000;
    let (last, start) = (AtomicU64::new(0), Barrier::new(2));
    let turns = |me: u64| {
        pin(0);
        sys::prioritise();
        start.wait();
        let began = Instant::now();
        let mut handed = 0_u32;
        for _ in 0..TURNS {
            // Relaxed: both are on one CPU, and it only counts.
            handed += u32::from(last.swap(me, Relaxed) != me);
            thread::yield_now();
        }
        (began.elapsed().as_nanos() as f64, handed)
    };
    let (time, handed) = thread::scope(|scope| {
        scope.spawn(|| turns(1));
        scope.spawn(|| turns(2)).join().ok()
    })?;
    // Each time that one found the other, the CPU was handed over twice.
    (handed > TURNS as u32 / 4).then(|| (time / f64::from(2 * handed) - call_ns).max(1.0))
}

/// What takes the CPU away from a thread that does nothing but look at the clock.
pub(super) struct Gaps {
    /// Switches to others, a second.
    pub(super) switches: f64,
    /// Interrupts and the like: how many a second, half of them shorter than, and
    /// all but one in a hundred.
    pub(super) off: Option<(f64, f64, f64)>,
}

/// Looks at the clock for a while. What lies between two looks and is longer than
/// a microsecond was taken by somebody; where that was another thread, it does not
/// count as time with interrupts off.
pub(super) fn gaps() -> Gaps {
    const WINDOW: Duration = Duration::from_millis(4);
    let (began, mut kept, mut gaps) = (Instant::now(), Duration::ZERO, Vec::new());
    let before = stall::switches();
    while began.elapsed() < Duration::from_millis(1_500) {
        let (switches, window, mut found) = (stall::switches(), Instant::now(), Vec::new());
        let mut last = window;
        while last - window < WINDOW {
            let now = Instant::now();
            if now - last > Duration::from_micros(1) {
                found.push((now - last).as_nanos() as f64);
            }
            last = now;
        }
        if stall::switches() == switches {
            kept += last - window;
            gaps.append(&mut found);
        }
    }
    let switched = stall::switches().zip(before).map_or(0, |(after, before)| after.saturating_sub(before));
    gaps.sort_by(f64::total_cmp);
    let at = |share: f64| gaps.get((gaps.len().checked_sub(1)? as f64 * share) as usize).copied();
    let rate = gaps.len() as f64 / kept.as_secs_f64().max(1e-3);
    let off = at(0.5).zip(at(0.99)).map(|(median, p99)| (rate, median, p99));
    Gaps { switches: switched as f64 / began.elapsed().as_secs_f64(), off }
}
