//! What only some have: waiting for readers; and retiring without waiting, with the bars that
//! are held to.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use bonfire_rcu::{Cell, Domain, Global, Handle};

use crate::figure::{About, Report, tell};
#[cfg(urcu)]
use crate::sys::urcu;

const WAITS: usize = 2000;

/// Measures both.
pub(crate) fn measure(report: &mut Report) {
    tell("waiting for a reader");
    let about = About { group: "synchronize beside a reader", readers: 1, updates: "saturated", unit: "µs" };
    report.add(about, "bonfire-rcu", ours());
    #[cfg(urcu)]
    report.add(about, "liburcu-memb", memb());
    tell("retiring");
    retire(report);
    asleep(report);
}

/// How many microseconds `wait` takes, each time, while a thread reads.
fn beside_a_reader(read: impl Fn(&AtomicBool) + Sync, wait: impl Fn()) -> Vec<f64> {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| read(&over));
        thread::sleep(Duration::from_millis(20));
        let sample = || {
            let start = Instant::now();
            wait();
            start.elapsed().as_nanos() as f64 / 1000.0
        };
        let samples = (0..WAITS).map(|_| sample()).collect();
        over.store(true, Relaxed);
        samples
    })
}

fn ours() -> Vec<f64> {
    let read = |over: &AtomicBool| {
        let (handle, cell) = (Global::handle(), Cell::from_pointee(1));
        while !over.load(Relaxed) {
            (0..100).for_each(|_| assert_eq!(*cell.see(&handle.read()), 1));
        }
    };
    beside_a_reader(read, || Global.synchronize())
}

#[cfg(urcu)]
fn memb() -> Vec<f64> {
    use crate::peers::Peer;
    let memb = urcu::memb::Flavour::new();
    let read = |over: &AtomicBool| {
        while !over.load(Relaxed) {
            memb.sections(2000);
        }
    };
    beside_a_reader(read, urcu::synchronize_memb)
}

/// Two readers run, one thread retires as fast as it can for three seconds.
fn retire(report: &mut Report) {
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
        let mut add = |name, unit, value| {
            report.add(
                About { group: "retiring", readers: 2, updates: "saturated", unit },
                name,
                vec![value],
            );
        };
        add("retired", "a second", retired as f64 / seconds);
        add("not reclaimed, at most", "kB", most as f64 / 1000.0);
        add("heavy fences", "a second", (heavy() - before) as f64 / seconds);
    });
    domain.barrier();
    assert!(domain.unreclaimed_bytes() < 1000);
}

/// Ten threads that have read sleep, while one updates: how many heavy fences it takes, and
/// how long one is, which tells that nobody was interrupted.
fn asleep(report: &mut Report) {
    tell("updates beside sleeping threads");
    let cell = Cell::from_pointee(0);
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let sleepers: Vec<_> = (0..10)
            .map(|_| {
                scope.spawn(|| {
                    assert!(*cell.see(&Global::read()) < u64::MAX);
                    while !over.load(Relaxed) {
                        thread::park();
                    }
                })
            })
            .collect();
        thread::sleep(Duration::from_millis(50));
        let wait = || {
            let start = Instant::now();
            Global.synchronize();
            start.elapsed().as_nanos() as f64 / 1000.0
        };
        let about = About {
            group: "synchronize beside ten that sleep",
            readers: 0,
            updates: "saturated",
            unit: "µs",
        };
        report.add(about, "bonfire-rcu", (0..WAITS).map(|_| wait()).collect());
        over.store(true, Relaxed);
        sleepers.iter().for_each(|sleeper| sleeper.thread().unpark());
    });
}

fn heavy() -> u64 {
    bonfire::statistics::Statistics::now().heavy
}
