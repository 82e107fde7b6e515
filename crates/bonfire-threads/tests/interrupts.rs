//! Who is interrupted, and how often: counted, not timed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use bonfire_engine::abi::{Command, Cpu};
use bonfire_engine::{Design, Engine, for_design};
use bonfire_threads::{Memory, On, OnThreads, Options, Process, System, User};

const LIMIT: Duration = Duration::from_secs(60);
const CPUS: u32 = 8;
const THREADS: u32 = 64;
/// The CPU that a stranger takes over.
const STRANGERS: Cpu = Cpu(CPUS - 1);

/// How often each of the threads called, and whether they shall go on.
struct Hammering {
    calls: [AtomicU64; THREADS as usize],
    stop: AtomicBool,
    /// Whether the one on the stranger's CPU shall go to another, and whether it
    /// is there.
    make_room: AtomicBool,
    has_made_room: AtomicBool,
}

impl Hammering {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            calls: [const { AtomicU64::new(0) }; THREADS as usize],
            stop: AtomicBool::new(false),
            make_room: AtomicBool::new(false),
            has_made_room: AtomicBool::new(false),
        })
    }

    /// Starts the threads of one process on all CPUs but the stranger's, and one
    /// on that, which spins until it is to make room.
    fn start<K: OnThreads>(self: &Arc<Self>, system: &System<K>) -> Process {
        let hammering = Arc::clone(self);
        let process = system.process(Some(Cpu(0)), move |user: &User<K>| {
            assert_eq!(user.issue(Command::RegisterPrivateExpedited), Ok(0));
            let spins = Arc::clone(&hammering);
            let spinner = move |user: &User<K>| {
                while !spins.make_room.load(Relaxed) {
                    std::hint::spin_loop();
                }
                user.place(Some(Cpu(0)));
                spins.has_made_room.store(true, Relaxed);
            };
            user.start(Memory::Shared, Some(STRANGERS), spinner).expect("a thread starts");
            for thread in 0..THREADS {
                let hammering = Arc::clone(&hammering);
                let caller = move |user: &User<K>| {
                    while !hammering.stop.load(Relaxed) {
                        assert_eq!(user.issue(Command::PrivateExpedited), Ok(0));
                        hammering.calls[thread as usize].fetch_add(1, Relaxed);
                    }
                };
                user.start(Memory::Shared, Some(Cpu(thread % (CPUS - 1))), caller).expect("a thread starts");
            }
            user.join();
        });
        process.expect("a process starts")
    }

    /// Waits until every thread has called so many times more: then each call
    /// that was under way has returned.
    fn advance(&self, calls: u64) {
        let goals = self.calls.each_ref().map(|count| count.load(Relaxed) + calls);
        let reached = || self.calls.iter().zip(goals).all(|(count, goal)| count.load(Relaxed) >= goal);
        await_that(reached);
    }
}

/// Waits on a thread of the host.
fn await_that(holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < LIMIT, "hangs");
        std::thread::sleep(Duration::from_micros(200));
    }
}

/// 64 threads hammer on seven CPUs; an eighth ran one of their siblings, and
/// then goes over to another process.
fn only_earlier_scans_interrupt_a_stranger<K: OnThreads>() {
    let tick = Duration::from_micros(100);
    let system: System<K> = System::boot(Options { cpus: CPUS as usize, tick, ..Options::default() })
        .expect("the host starts threads");
    let hammering = Hammering::new();
    let hammerers = hammering.start(&system);
    hammering.advance(1);

    let counts = system.counts(STRANGERS);
    await_that(|| counts.pokes_sent() > 0);

    let stop = Arc::new(AtomicBool::new(false));
    let (running, halt) = (Arc::new(AtomicBool::new(false)), Arc::clone(&stop));
    let seen = Arc::clone(&running);
    hammering.make_room.store(true, Relaxed);
    let stranger = system.process(Some(STRANGERS), move |_: &User<K>| {
        seen.store(true, Relaxed);
        while !halt.load(Relaxed) {
            std::hint::spin_loop();
        }
    });
    await_that(|| running.load(Relaxed) && hammering.has_made_room.load(Relaxed));
    // Calls that were under way may have scanned before the switch.
    hammering.advance(2);
    let before = counts.pokes_sent();
    hammering.advance(5);
    assert_eq!(counts.pokes_sent(), before, "{}: a later scan interrupted a stranger", Engine::<K>::DESIGN);

    hammering.stop.store(true, Relaxed);
    stop.store(true, Relaxed);
    assert!(hammerers.wait(LIMIT) && stranger.expect("a process starts").wait(LIMIT), "hangs");
    for cpu in (0..CPUS).map(Cpu) {
        assert!(system.counts(cpu).most_pending() <= 1, "{}: {:?}", Engine::<K>::DESIGN, system.counts(cpu));
    }
    let sent: u64 = (0..CPUS).map(|cpu| system.counts(Cpu(cpu)).pokes_sent()).sum();
    assert!(sent > 0, "{}: nobody was ever poked", Engine::<K>::DESIGN);
}

#[test]
fn no_cpu_has_more_than_one_poke_pending_and_strangers_none() {
    for design in Design::ALL.into_iter().filter(|design| *design != Design::Everywhere) {
        for_design!(design, D => only_earlier_scans_interrupt_a_stranger::<On<D>>());
    }
}
