//! What many callers cost, and what a registration costs: ratios within one run.
//!
//! ```sh
//! cargo bench -p bonfire-threads --bench hammer
//! ```

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use bonfire_engine::abi::{Command, Cpu};
use bonfire_engine::{Design, Engine, Running, for_design};
use bonfire_threads::{Memory, On, OnThreads, Options, System, User};

const LIMIT: Duration = Duration::from_secs(120);
/// How long threads hammer, and how many runs of each kind take turns.
const HAMMERING: Duration = Duration::from_millis(400);
const RUNS: usize = 3;

fn main() {
    println!("64 threads of one process call PRIVATE_EXPEDITED on 8 virtual CPUs");
    for design in Design::ALL.into_iter().filter(|design| *design != Design::Everywhere) {
        for_design!(design, D => hammering::<On<D>>());
    }
    println!("a process of 32 threads registers; a sibling runs on every other CPU");
    registering(2);
    registering(8);
}

fn boot<K: OnThreads>(options: Options) -> System<K> {
    System::boot(options).expect("the host starts threads")
}

/// The shipped engine against one that differs by a lock around scan and wait.
fn hammering<K: OnThreads>() {
    let (mut free, mut locked) = ([0.0; RUNS], [0.0; RUNS]);
    let mut most_pending = 0;
    for (free, locked) in free.iter_mut().zip(&mut locked) {
        let (rate, pending) = hammer::<K>(false);
        most_pending = most_pending.max(pending);
        *free = rate;
        *locked = hammer::<K>(true).0;
    }
    let (free, locked) = (middle(free), middle(locked));
    println!(
        "  {:12} {free:9.0} calls/s; with one lock {locked:7.0}; ratio {:5.1}; at most {most_pending} poke on its way to a CPU",
        Engine::<K>::DESIGN,
        free / locked
    );
}

/// Calls per second, and the most pokes that were on their way to one CPU.
fn hammer<K: OnThreads>(one_lock: bool) -> (f64, u32) {
    // With priority, or a busy host's other work would be measured.
    let system = boot::<K>(Options { cpus: 8, one_lock, realtime: true, ..Options::default() });
    let (calls, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let (count, halt) = (Arc::clone(&calls), Arc::clone(&stop));
    let process = system.process(None, move |user: &User<K>| {
        let _ = user.issue(Command::RegisterPrivateExpedited);
        for thread in 0..64 {
            let (count, halt) = (Arc::clone(&count), Arc::clone(&halt));
            let caller = move |user: &User<K>| {
                while !halt.load(Relaxed) {
                    let _ = user.issue(Command::PrivateExpedited);
                    count.fetch_add(1, Relaxed);
                }
            };
            user.start(Memory::Shared, Some(Cpu(thread % 8)), caller).expect("the host has memory");
        }
        user.join();
    });
    let process = process.expect("the host has memory");
    let began = Instant::now();
    std::thread::sleep(HAMMERING);
    let (calls, took) = (calls.load(Relaxed), began.elapsed());
    stop.store(true, Relaxed);
    assert!(process.wait(LIMIT), "hangs");
    let pending = (0..8).map(|cpu| system.counts(Cpu(cpu)).most_pending()).max();
    (calls as f64 / took.as_secs_f64(), pending.unwrap_or(0))
}

/// The first registration of a process against a barrier of the same process.
fn registering(cpus: u32) {
    const PROCESSES: usize = 9;
    let (mut registrations, mut barriers) = ([0.0; PROCESSES], [0.0; PROCESSES]);
    for (registration, barrier) in registrations.iter_mut().zip(&mut barriers) {
        (*registration, *barrier) = register(cpus);
    }
    let (registration, barrier) = (middle(registrations), middle(barriers));
    println!(
        "  {cpus} CPUs: registration {registration:8.1} us, PRIVATE_EXPEDITED {barrier:8.1} us, ratio {:4.2}",
        registration / barrier
    );
}

/// Microseconds of one registration, and of a barrier after it.
fn register(cpus: u32) -> (f64, f64) {
    const CALLS: usize = 5;
    let system = boot::<On<Running>>(Options { cpus: cpus as usize, ..Options::default() });
    let times = Arc::new([const { AtomicU64::new(0) }; CALLS + 1]);
    let results = Arc::clone(&times);
    let (running, stop) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicBool::new(false)));
    let process = system.process(Some(Cpu(0)), move |user: &User<On<Running>>| {
        for sibling in 0..31 {
            let (running, stop) = (Arc::clone(&running), Arc::clone(&stop));
            let spin = move |_: &User<On<Running>>| {
                running.fetch_add(1, Relaxed);
                while !stop.load(Relaxed) {
                    std::hint::spin_loop();
                }
            };
            let place = Cpu(1 + sibling % (cpus - 1));
            user.start(Memory::Shared, Some(place), spin).expect("the host has memory");
        }
        while running.load(Relaxed) < 31 {
            user.nap(Duration::from_micros(100));
        }
        times[0].store(time(|| user.issue(Command::RegisterPrivateExpedited)), Relaxed);
        for slot in &times[1..] {
            slot.store(time(|| user.issue(Command::PrivateExpedited)), Relaxed);
        }
        stop.store(true, Relaxed);
        user.join();
    });
    assert!(process.expect("the host has memory").wait(LIMIT), "hangs");
    let all = results.each_ref().map(|ns| ns.load(Relaxed) as f64 / 1000.0);
    let mut barriers = [0.0; CALLS];
    barriers.copy_from_slice(&all[1..]);
    (all[0], middle(barriers))
}

fn time<R>(call: impl FnOnce() -> R) -> u64 {
    let began = Instant::now();
    call();
    u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// The median.
fn middle<const N: usize>(mut values: [f64; N]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[N / 2]
}
