//! Hooks that the kernel forgets, each in turn, in every design: every call still
//! reaches the CPU that runs a thread of its process, and the engine counts.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bonfire_engine::abi::{Command, Cpu, Error};
use bonfire_engine::{Design, Engine, for_design};
use bonfire_threads::{Faults, Hook, Memory, On, OnThreads, Options, SpaceHandle, System, User};

const LIMIT: Duration = Duration::from_secs(60);
const CALLS: u64 = 100;
/// The CPU that must be reached.
const TARGET: Cpu = Cpu(1);

fn boot<K: OnThreads>(hook: Hook) -> System<K> {
    let faults = Faults::NONE.forgetting(hook);
    System::boot(Options { cpus: 3, seed: 1, faults, ..Options::default() }).expect("the host starts threads")
}

/// A process of which one thread spins on the target's CPU, where others came and
/// went, and one calls. Returns how many calls did not reach that CPU.
fn unreached<K: OnThreads>(system: &System<K>, execs: bool) -> u64 {
    let reached = Arc::new(AtomicU64::new(0));
    let reports = Arc::clone(&reached);
    let served = || system.counts(TARGET).pokes_served();
    let before = served();
    let process = system.process(Some(Cpu(0)), move |user: &User<K>| {
        if execs {
            user.exec();
        }
        let (turns, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        for _ in 0..3 {
            user.start(Memory::Shared, Some(TARGET), |_: &User<K>| ()).expect("a thread starts");
        }
        user.join();
        let (seen, halt) = (Arc::clone(&turns), Arc::clone(&stop));
        let spinner = move |_: &User<K>| {
            while !halt.load(Relaxed) {
                seen.fetch_add(1, Relaxed);
            }
        };
        user.start(Memory::Shared, Some(TARGET), spinner).expect("a thread starts");
        while turns.load(Relaxed) < 1000 {}
        assert_eq!(user.issue(Command::RegisterPrivateExpedited), Ok(0));
        for _ in 0..CALLS {
            assert_eq!(user.issue(Command::PrivateExpedited), Ok(0));
        }
        reports.store(1, Relaxed);
        stop.store(true, Relaxed);
        user.join();
    });
    assert!(process.expect("the host has memory").wait(LIMIT), "{}: hangs", Engine::<K>::DESIGN);
    assert_eq!(reached.load(Relaxed), 1, "{}: not every call returned", Engine::<K>::DESIGN);
    CALLS.saturating_sub(served() - before)
}

fn check<K: OnThreads>(hook: Hook, is_counted: bool) {
    let system = boot::<K>(hook);
    let missed = unreached(&system, hook == Hook::Exec);
    assert_eq!(missed, 0, "{} without {hook:?}: calls reached nobody", Engine::<K>::DESIGN);
    let counted = system.mismatches();
    assert_eq!(counted != 0, is_counted, "{} without {hook:?}: {counted}", Engine::<K>::DESIGN);
}

fn on_every_design(hook: Hook, is_counted: fn(Design) -> bool) {
    for design in Design::ALL {
        for_design!(design, D => check::<On<D>>(hook, is_counted(design)));
    }
}

fn is_told(design: Design) -> bool {
    design != Design::Everywhere
}

/// A mask keeps a CPU that goes on in the kernel on the same page tables.
fn minds_who_accesses(design: Design) -> bool {
    is_told(design) && design != Design::Mask
}

#[test]
fn without_the_switch() {
    on_every_design(Hook::Switch, is_told);
}

#[test]
fn without_the_exit() {
    on_every_design(Hook::Exit, minds_who_accesses);
}

#[test]
fn without_the_exec() {
    on_every_design(Hook::Exec, is_told);
}

/// Where no hook is listened to, a CPU that runs threads, never said that it is
/// online and never calls is not to be found: `docs/porting.md` says so.
#[test]
fn without_the_online() {
    for design in Design::ALL.into_iter().filter(|&design| is_told(design)) {
        for_design!(design, D => check::<On<D>>(Hook::Online, true));
    }
}

/// What a forked child is told that calls as its parent may.
fn told_to_a_child<K: OnThreads>(system: &System<K>) -> Result<u32, Error> {
    let answer = Arc::new(OnceLock::new());
    let told = Arc::clone(&answer);
    let process = system.process(None, move |user: &User<K>| {
        assert_eq!(user.issue(Command::RegisterPrivateExpedited), Ok(0));
        let answer = Arc::clone(&told);
        let calls = move |child: &User<K>| {
            let _ = answer.set(child.issue(Command::PrivateExpedited));
        };
        user.start(Memory::Copied, None, calls).expect("a process starts");
        user.join();
    });
    assert!(process.expect("the host has memory").wait(LIMIT), "{}: hangs", Engine::<K>::DESIGN);
    *answer.get().expect("the child called")
}

/// A child that inherits nothing is refused, and not served without a barrier.
#[test]
fn without_the_fork() {
    fn check<K: OnThreads>() {
        assert_eq!(
            told_to_a_child(&boot::<K>(Hook::Fork)),
            Err(Error::NotRegistered),
            "{}",
            Engine::<K>::DESIGN
        );
        let system = System::<K>::boot(Options { cpus: 3, seed: 1, ..Options::default() });
        assert_eq!(
            told_to_a_child(&system.expect("the host starts threads")),
            Ok(0),
            "{}",
            Engine::<K>::DESIGN
        );
    }
    for design in Design::ALL {
        for_design!(design, D => check::<On<D>>());
    }
}

/// A kernel thread uses the address space on the target's CPU while a thread
/// calls; of the two hooks around that, one is forgotten.
fn borrows<K: OnThreads>(hook: Hook) {
    let system = boot::<K>(hook);
    let space = SpaceHandle::new();
    let (using, stop) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (uses, halt, handle) = (Arc::clone(&using), Arc::clone(&stop), space.clone());
    let borrower = system.kernel_thread(Some(TARGET), move |this| {
        // The first time is the one that is missed without the hook before it.
        for round in 0..2 {
            this.use_space(&handle);
            uses.store(round == 1, Relaxed);
            while round == 1 && !halt.load(Relaxed) {
                this.yield_now();
            }
            this.return_space();
        }
    });
    let counts = system.counts(TARGET);
    let served = counts.pokes_served();
    let caller = system.process_in(&space, Some(Cpu(0)), move |user: &User<K>| {
        assert_eq!(user.issue(Command::RegisterPrivateExpedited), Ok(0));
        while !using.load(Relaxed) {
            user.yield_now();
        }
        for _ in 0..CALLS {
            assert_eq!(user.issue(Command::PrivateExpedited), Ok(0));
        }
        stop.store(true, Relaxed);
    });
    assert!(caller.expect("the host has memory").wait(LIMIT), "{}: hangs", Engine::<K>::DESIGN);
    assert!(borrower.expect("the host has memory").wait(LIMIT), "{}: hangs", Engine::<K>::DESIGN);
    let served = counts.pokes_served() - served;
    assert!(served >= CALLS, "{} without {hook:?}: {served}", Engine::<K>::DESIGN);
    if minds_who_accesses(Engine::<K>::DESIGN) {
        assert_ne!(system.mismatches(), 0, "{} without {hook:?}", Engine::<K>::DESIGN);
    }
}

#[test]
fn without_the_hooks_around_a_kernel_thread_s_use() {
    for design in Design::ALL {
        for hook in [Hook::BorrowSpace, Hook::ReturnSpace] {
            for_design!(design, D => borrows::<On<D>>(hook));
        }
    }
}

/// What nobody answers hangs, and never returns as if it had reached everybody: of
/// these waits each is in vain, where this machine gives up and counts.
fn waits_in_vain<K: OnThreads>(hook: Option<Hook>) {
    let faults = hook.map_or(Faults::NONE, |hook| Faults::NONE.forgetting(hook));
    let system = System::<K>::boot(Options { cpus: 2, seed: 1, faults, ..Options::default() });
    let system = system.expect("the host starts threads");
    if hook == Some(Hook::Offline) {
        system.want_online(TARGET, false);
        while system.is_online(TARGET) {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    // Every CPU that is online is asked, in each design.
    let process = system.process(Some(Cpu(0)), |user: &User<K>| {
        for _ in 0..3 {
            assert_eq!(user.issue(Command::Global), Ok(0));
        }
    });
    assert!(process.expect("the host has memory").wait(LIMIT), "{}: hangs", Engine::<K>::DESIGN);
    let expected = if hook.is_some() { 3 } else { 0 };
    assert_eq!(system.counts(Cpu(0)).unanswered(), expected, "{} without {hook:?}", Engine::<K>::DESIGN);
}

#[test]
fn without_an_answer() {
    for design in Design::ALL {
        for hook in [Some(Hook::HandlePoke), Some(Hook::Offline), None] {
            for_design!(design, D => waits_in_vain::<On<D>>(hook));
        }
    }
}
