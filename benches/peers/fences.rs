//! Fences of this crate and of its peers, in one run.
//!
//! ```sh
//! cargo bench --manifest-path benches/peers/Cargo.toml
//! ```
//!
//! `section` is a reader's: store, fence, load, store, a thousand times, with an
//! empty assembly at the end of each turn so that no loop is unrolled. `heavy` is
//! one call, in a process whose other thread sleeps or, in `heavy_running`, runs.
#![forbid(unsafe_code)]

use std::hint::black_box;
use std::sync::atomic::{
    AtomicBool, AtomicUsize,
    Ordering::{Relaxed, SeqCst},
};
use std::thread;

use divan::Bencher;
use rustix::thread::{MembarrierCommand, membarrier};

fn main() {
    // Each peer registers in its own way, before it is timed.
    bonfire::register().expect("the kernel has membarrier");
    membarrier::heavy();
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        // Single-threaded processes get a shortcut in the kernel.
        let sleeper = scope.spawn(|| {
            while !over.load(Relaxed) {
                thread::park();
            }
        });
        divan::main();
        over.store(true, Relaxed);
        sleeper.thread().unpark();
    });
}

#[divan::bench_group]
mod section {
    use super::*;

    #[inline(always)]
    fn section(bencher: Bencher, fence: impl Fn() + Sync) {
        let (flag, shared) = (AtomicUsize::new(0), AtomicUsize::new(1));
        bencher.counter(1000_usize).bench(|| {
            let (flag, shared) = (black_box(&flag), black_box(&shared));
            for _ in 0..1000 {
                flag.store(1, Relaxed);
                fence();
                black_box(shared.load(Relaxed));
                flag.store(0, Relaxed);
            }
        });
    }

    #[divan::bench]
    fn a_no_fence(bencher: Bencher) {
        section(bencher, || ());
    }

    #[divan::bench]
    fn bonfire_light(bencher: Bencher) {
        section(bencher, bonfire::light);
    }

    #[divan::bench]
    fn bonfire_process_light(bencher: Bencher) {
        section(bencher, bonfire::process::light);
    }

    #[divan::bench]
    fn membarrier_0_2(bencher: Bencher) {
        section(bencher, membarrier::light);
    }

    #[divan::bench]
    fn membarrier2_0_1(bencher: Bencher) {
        section(bencher, membarrier2::light);
    }

    #[divan::bench]
    fn swmr_barrier_0_1(bencher: Bencher) {
        section(bencher, swmr_barrier::light_barrier);
    }

    #[divan::bench]
    fn std_fence(bencher: Bencher) {
        section(bencher, || std::sync::atomic::fence(SeqCst));
    }

    /// A whole section of its own: enter, load, leave.
    #[divan::bench]
    fn seize_0_5_guard(bencher: Bencher) {
        use seize::Guard;
        let collector = seize::Collector::new();
        let shared = std::sync::atomic::AtomicPtr::new(&raw mut *Box::leak(Box::new(1)));
        bencher.counter(1000_usize).bench(|| {
            for _ in 0..1000 {
                let guard = collector.enter();
                black_box(guard.protect(&shared, std::sync::atomic::Ordering::Acquire));
            }
        });
    }
}

fn raw() {
    membarrier(MembarrierCommand::PrivateExpedited).expect("registered");
}

#[divan::bench_group]
mod heavy {
    use super::*;

    #[divan::bench]
    fn a_rustix_call() {
        raw();
    }

    #[divan::bench]
    fn bonfire_heavy(bencher: Bencher) {
        let memory = bonfire::register().expect("registered before").memory;
        bencher.bench(|| memory.heavy());
    }

    #[divan::bench]
    fn bonfire_process_heavy() {
        bonfire::process::heavy();
    }

    #[divan::bench]
    fn membarrier_0_2() {
        membarrier::heavy();
    }

    #[divan::bench]
    fn membarrier2_0_1() {
        membarrier2::heavy();
    }

    #[divan::bench]
    fn swmr_barrier_0_1() {
        swmr_barrier::heavy_barrier();
    }
}

#[divan::bench_group]
mod heavy_running {
    use super::*;
    use std::sync::atomic::AtomicU64;

    /// Each sample is one call, begun when the other thread has just been seen to
    /// run: on busy CPUs it often does not, and the call then costs what it costs
    /// beside a sleeper.
    fn beside_a_running_thread(bencher: Bencher, heavy: impl Fn() + Sync) {
        let (over, beat) = (AtomicBool::new(false), AtomicU64::new(0));
        thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(Relaxed) {
                    beat.fetch_add(1, Relaxed);
                }
            });
            bencher.with_inputs(|| wait_for_a_beat(&beat)).bench_local_values(|()| heavy());
            over.store(true, Relaxed);
        });
    }

    fn wait_for_a_beat(beat: &AtomicU64) {
        let seen = beat.load(Relaxed);
        while beat.load(Relaxed) < seen + 10 {
            std::hint::spin_loop();
        }
    }

    #[divan::bench(sample_size = 1, sample_count = 1000)]
    fn a_rustix_call(bencher: Bencher) {
        beside_a_running_thread(bencher, raw);
    }

    #[divan::bench(sample_size = 1, sample_count = 1000)]
    fn bonfire_heavy(bencher: Bencher) {
        let memory = bonfire::register().expect("registered before").memory;
        beside_a_running_thread(bencher, move || memory.heavy());
    }

    #[divan::bench(sample_size = 1, sample_count = 1000)]
    fn membarrier_0_2(bencher: Bencher) {
        beside_a_running_thread(bencher, membarrier::heavy);
    }

    #[divan::bench(sample_size = 1, sample_count = 1000)]
    fn membarrier2_0_1(bencher: Bencher) {
        beside_a_running_thread(bencher, membarrier2::heavy);
    }

    #[divan::bench(sample_size = 1, sample_count = 1000)]
    fn swmr_barrier_0_1(bencher: Bencher) {
        beside_a_running_thread(bencher, swmr_barrier::heavy_barrier);
    }
}
