//! The machine by itself: interrupts at any instruction, switches, migration,
//! hotplug, lives of address spaces.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use bonfire_engine::abi::{Command, Cpu, Error};
use bonfire_engine::{Design, Engine, Running, Site, for_design};
use bonfire_threads::{Memory, On, OnThreads, Options, Process, SpaceHandle, System, User};

const LIMIT: Duration = Duration::from_secs(60);

fn boot<K: OnThreads>(cpus: usize) -> System<K> {
    let tick = Duration::from_micros(200);
    System::boot(Options { cpus, seed: 1, tick, ..Options::default() }).expect("the host starts threads")
}

fn finishes(process: std::io::Result<Process>) {
    assert!(process.expect("the host has memory").wait(LIMIT), "hangs");
}

/// Waits on a thread of the host.
fn await_that(holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < LIMIT, "hangs");
        std::thread::sleep(Duration::from_micros(100));
    }
}

/// Runs one check on each design.
macro_rules! on_every_design {
    ($check:ident) => {
        #[test]
        fn $check() {
            for design in Design::ALL {
                for_design!(design, D => checks::$check::<On<D>>());
            }
        }
    };
}

on_every_design!(a_call_reaches_a_loop_that_makes_no_calls);
on_every_design!(registrations_live_in_the_address_space);
on_every_design!(cpus_come_and_go_while_threads_call);
on_every_design!(a_cpu_that_was_offline_runs_no_stale_code);
on_every_design!(a_kernel_thread_that_uses_an_address_space_is_poked);

mod checks {
    use super::*;

    pub(crate) fn a_call_reaches_a_loop_that_makes_no_calls<K: OnThreads>() {
        let system = boot::<K>(2);
        let turns = Arc::new(AtomicU64::new(0));
        let stop = Arc::new(AtomicU32::new(0));
        finishes(system.process(Some(Cpu(0)), move |user: &User<K>| {
            let (seen, halt) = (Arc::clone(&turns), Arc::clone(&stop));
            let spinner = move |_: &User<K>| {
                while halt.load(Relaxed) == 0 {
                    seen.fetch_add(1, Relaxed);
                }
            };
            user.start(Memory::Shared, Some(Cpu(1)), spinner).expect("a thread starts");
            while turns.load(Relaxed) < 1000 {}
            assert_eq!(user.issue(Command::PrivateExpedited), Err(Error::NotRegistered));
            assert_eq!(user.issue(Command::RegisterPrivateExpedited), Ok(0));
            for _ in 0..100 {
                assert_eq!(user.issue(Command::PrivateExpedited), Ok(0));
            }
            stop.store(1, Relaxed);
            user.join();
        }));
        let counts = system.counts(Cpu(1));
        assert!(counts.pokes_served() >= 100, "{}: {counts:?}", Engine::<K>::DESIGN);
        assert_eq!(counts.most_pending(), 1, "{}", Engine::<K>::DESIGN);
        assert!(counts.site(Site::IpiMb) >= 100, "{}: {counts:?}", Engine::<K>::DESIGN);
    }

    pub(crate) fn registrations_live_in_the_address_space<K: OnThreads>() {
        let system = boot::<K>(2);
        finishes(system.process(None, |user: &User<K>| {
            let private = Command::RegisterPrivateExpedited.number() as u32;
            assert_eq!(user.issue(Command::RegisterPrivateExpedited), Ok(0));
            for memory in [Memory::Shared, Memory::Copied] {
                let child = move |child: &User<K>| {
                    assert_eq!(child.issue(Command::GetRegistrations), Ok(private));
                    assert_eq!(child.issue(Command::PrivateExpedited), Ok(0));
                    child.exec();
                    assert_eq!(child.issue(Command::GetRegistrations), Ok(0));
                    assert_eq!(child.issue(Command::PrivateExpedited), Err(Error::NotRegistered));
                };
                user.start(memory, None, child).expect("a thread starts");
                user.join();
            }
            assert_eq!(user.issue(Command::PrivateExpedited), Ok(0));
        }));
    }

    pub(crate) fn cpus_come_and_go_while_threads_call<K: OnThreads>() {
        let system = boot::<K>(4);
        let calls = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&calls);
        let process = system.process(None, move |user: &User<K>| {
            assert_eq!(user.issue(Command::RegisterPrivateExpedited), Ok(0));
            for _ in 0..6 {
                let count = Arc::clone(&count);
                let caller = move |thread: &User<K>| {
                    for _ in 0..200 {
                        assert_eq!(thread.issue(Command::PrivateExpedited), Ok(0));
                        assert_eq!(thread.issue(Command::Global), Ok(0));
                        count.fetch_add(2, Relaxed);
                    }
                };
                user.start(Memory::Shared, None, caller).expect("a thread starts");
            }
            user.join();
        });
        let process = process.expect("the host has memory");
        let mut off = 0_u32;
        while !process.wait(Duration::from_millis(3)) {
            off += 1;
            assert!(off < 20_000, "{}: hangs after {calls:?} calls", Engine::<K>::DESIGN);
            for cpu in (1..4).map(Cpu) {
                system.want_online(cpu, (off >> (cpu.0 - 1)) & 1 == 0);
            }
        }
        assert_eq!(calls.load(Relaxed), 2400);
    }

    /// The thread runs its code on CPU 1, and on CPU 0 while the other is off.
    pub(crate) fn a_cpu_that_was_offline_runs_no_stale_code<K: OnThreads>() {
        let system = boot::<K>(2);
        let stage = Arc::new(AtomicU32::new(0));
        let shared = Arc::clone(&stage);
        let until = |stage: &AtomicU32, number, user: &User<K>| {
            while stage.load(Relaxed) != number {
                user.yield_now();
            }
        };
        let process = system.process(Some(Cpu(0)), move |user: &User<K>| {
            assert_eq!(user.issue(Command::RegisterSyncCore), Ok(0));
            user.place(Some(Cpu(1)));
            assert_eq!(user.execute(), 0, "not yet patched");
            user.place(Some(Cpu(0)));
            shared.store(1, Relaxed);
            until(&shared, 2, user);
            user.patch(7);
            assert_eq!(user.issue(Command::SyncCore), Ok(0));
            shared.store(3, Relaxed);
            until(&shared, 4, user);
            user.place(Some(Cpu(1)));
            assert_eq!(user.execute(), 7, "{}", Engine::<K>::DESIGN);
        });
        for (online, at) in [(false, 1), (true, 3)] {
            await_that(|| stage.load(Relaxed) == at);
            system.want_online(Cpu(1), online);
            await_that(|| system.is_online(Cpu(1)) == online);
            stage.store(at + 1, Relaxed);
        }
        finishes(process);
    }

    pub(crate) fn a_kernel_thread_that_uses_an_address_space_is_poked<K: OnThreads>() {
        let system = boot::<K>(2);
        let shared = Arc::new(AtomicU32::new(0));
        let stage = Arc::clone(&shared);
        let space = SpaceHandle::new();
        let caller = system.process_in(&space, Some(Cpu(0)), move |user: &User<K>| {
            assert_eq!(user.issue(Command::RegisterPrivateExpedited), Ok(0));
            while stage.load(Relaxed) != 1 {
                user.yield_now();
            }
            for _ in 0..10 {
                assert_eq!(user.issue(Command::PrivateExpedited), Ok(0));
            }
            stage.store(2, Relaxed);
        });
        let borrower = system.kernel_thread(Some(Cpu(1)), move |this| {
            this.use_space(&space);
            shared.store(1, Relaxed);
            while shared.load(Relaxed) != 2 {
                std::hint::spin_loop();
            }
            this.return_space();
        });
        finishes(caller);
        finishes(borrower);
        assert!(system.counts(Cpu(1)).pokes_served() >= 10, "{}", Engine::<K>::DESIGN);
    }
}

/// What a thread computes does not depend on how often it was suspended, on
/// which CPU it goes on, or who used its registers meanwhile.
#[test]
fn registers_survive_preemption_and_migration() {
    fn digest(seed: u64, turns: u32) -> (u64, u64) {
        let (mut mixed, mut sum, mut vector) = (seed, seed as f64, [seed as u32; 8]);
        for turn in 0..turns {
            mixed = mixed.rotate_left(7).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ u64::from(turn);
            sum = sum.mul_add(0.5, f64::from(turn));
            vector = vector.map(|lane| lane.wrapping_mul(3).wrapping_add(turn));
        }
        (mixed ^ sum.to_bits(), u64::from(vector.iter().fold(0, |all, lane| all ^ lane)))
    }
    const TURNS: u32 = 20_000;
    let system = boot::<On<Running>>(3);
    let (wrong, enough) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicBool::new(false)));
    let processes: Vec<_> = (0..8)
        .map(|seed| {
            let (wrong, enough, expected) = (Arc::clone(&wrong), Arc::clone(&enough), digest(seed, TURNS));
            system.process(None, move |_: &User<On<Running>>| {
                while !enough.load(Relaxed) {
                    if digest(seed, TURNS) != expected {
                        wrong.fetch_add(1, Relaxed);
                    }
                }
            })
        })
        .collect();
    await_that(|| (0..3).map(|cpu| system.counts(Cpu(cpu)).switches()).sum::<u64>() > 1000);
    enough.store(true, Relaxed);
    processes.into_iter().for_each(finishes);
    assert_eq!(wrong.load(Relaxed), 0);
}

#[test]
fn a_process_that_never_ends_can_be_stopped() {
    let system = boot::<On<Running>>(2);
    let process = system.process(None, |_| {
        loop {
            std::hint::spin_loop();
        }
    });
    let process = process.expect("the host has memory");
    assert!(!process.wait(Duration::from_millis(20)));
    assert!(process.stop(), "it is still there");
}
