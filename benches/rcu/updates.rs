//! What an update costs: waiting with a reader that runs, and retiring with two.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use bonfire_rcu::{Cell, Domain, Global, Handle};

use crate::median;
#[cfg(urcu)]
use crate::more::urcu;

const WAITS: usize = 2000;

/// How many microseconds `wait` takes, while a thread reads.
fn beside_a_reader(read: impl Fn(&AtomicBool) + Sync, wait: impl Fn()) -> (f64, f64) {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| read(&over));
        thread::sleep(Duration::from_millis(20));
        let sample = || {
            let start = Instant::now();
            wait();
            start.elapsed().as_nanos() as f64 / 1000.0
        };
        let samples: Vec<f64> = (0..WAITS).map(|_| sample()).collect();
        over.store(true, Relaxed);
        let mean = samples.iter().sum::<f64>() / samples.len() as f64;
        (median(samples), mean)
    })
}

fn ours() -> (f64, f64) {
    let read = |over: &AtomicBool| {
        let (handle, cell) = (Global::handle(), Cell::from_pointee(1));
        while !over.load(Relaxed) {
            (0..100).for_each(|_| assert_eq!(*cell.see(&handle.read()), 1));
        }
    };
    beside_a_reader(read, || Global.synchronize())
}

#[cfg(urcu)]
fn memb() -> (f64, f64) {
    let read = |over: &AtomicBool| {
        urcu::memb::registered(|| {
            while !over.load(Relaxed) {
                urcu::memb::sections(100);
            }
        });
    };
    beside_a_reader(read, crate::more::synchronize_memb)
}

/// Measures and prints.
pub(crate) fn table() {
    println!("{:<36} {:>8} {:>10}", "synchronize, one reader running", "median µs", "mean µs");
    for _ in 0..3 {
        let (median, mean) = ours();
        println!("{:<36} {median:>8.1} {mean:>10.1}", "bonfire-rcu");
        #[cfg(urcu)]
        {
            let (median, mean) = memb();
            println!("{:<36} {median:>8.1} {mean:>10.1}", "liburcu-memb");
        }
    }
    println!();
    retire();
}

/// Two readers run, one thread retires as fast as it can.
fn retire() {
    let domain = Arc::new(Domain::new());
    let cell = Cell::new_in(Arc::new([0_u64; 4]), Arc::clone(&domain));
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let handle = Handle::new(Arc::clone(&domain));
                while !over.load(Relaxed) {
                    (0..100).for_each(|_| _ = *cell.see(&handle.read()));
                }
            });
        }
        let heavy = || bonfire::statistics::Statistics::now().heavy;
        let (before, start) = (heavy(), Instant::now());
        let (mut retired, mut most) = (0_u64, 0);
        while start.elapsed() < Duration::from_secs(3) {
            for _ in 0..64 {
                cell.store(Arc::new([retired; 4]));
                retired += 1;
            }
            most = most.max(domain.unreclaimed_bytes());
        }
        let seconds = start.elapsed().as_secs_f64();
        over.store(true, Relaxed);
        println!(
            "two readers run, one thread retires: {:.2} million a second, at most {:.1} MB unreclaimed, {:.0} heavy \
             fences a second",
            retired as f64 / seconds / 1e6,
            most as f64 / 1e6,
            (heavy() - before) as f64 / seconds,
        );
    });
    domain.barrier();
    assert!(domain.unreclaimed_bytes() < 1000);
}
