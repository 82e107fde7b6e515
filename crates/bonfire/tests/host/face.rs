//! What libraries build on: tokens that are there or not, fences for a `static`,
//! fences across processes, accesses in place of fences.

use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::mpsc;
use std::thread;

use bonfire::{
    Barrier, Chosen, Fences, Flavour, Lazy, Memory, Policy, Refusal, Rseq, SyncCore, process, shared,
};
use bonfire_skip::{Cause, skip};

use crate::common::{
    Counts, Length, Side, TWIN, assert_success, is_seen, play, rounds, scenario, store_buffering,
};
use crate::sys::filter::{Then, install};
use crate::sys::process as os;

const EPERM: u32 = 1;

scenario!(a_token_can_be_had_once_it_is_there, get, assert_success, || {
    assert_eq!((Memory::get(), SyncCore::get(), Rseq::get()), (None, None, None));
    let Ok(memory) = Memory::register() else {
        skip!(Cause::Kernel("lets nobody register for membarrier here"))
    };
    assert_eq!((Memory::get(), SyncCore::get(), Rseq::get()), (Some(memory), None, None));
});

scenario!(one_flavour_registers_in_the_background, one_flavour, assert_success, || {
    with_a_second_thread(|| {
        let core = SyncCore::register_in_background().wait();
        assert_eq!(core.ok(), SyncCore::get());
        assert!(!process::is_registered(), "nobody asked for memory fences");
        let memory = Memory::register_in_background().wait();
        assert_eq!(memory.ok(), Memory::get());
    });
});

scenario!(a_child_forked_meanwhile_registers_for_itself, forked_meanwhile, assert_success, || {
    with_a_second_thread(|| {
        let background = process::register_in_background();
        // Most likely under way. The child has no thread to wait for.
        let registers = os::fork(|| background.is_done() && background.wait().is_ok());
        assert!(registers || Memory::register().is_err());
    });
});

/// In a process of several threads, where registering waits.
fn with_a_second_thread(body: impl FnOnce()) {
    let (keep, wait) = mpsc::channel::<()>();
    let other = thread::spawn(move || wait.recv());
    body();
    drop(keep);
    let _ = other.join();
}

static FENCES: Lazy = Lazy::new(Policy::Fences);
static REFUSE: Lazy = Lazy::new(Policy::Refuse);

scenario!(a_static_registers_at_its_first_heavy_fence, lazy, assert_success, || {
    let light = || FENCES.light();
    let heavy = || FENCES.heavy();
    // From before anybody registered until after.
    FENCES.light();
    assert!(!process::is_registered());
    assert_eq!(store_buffering(rounds(500), 1, &light, &heavy).forbidden, 0);
    assert_eq!(FENCES.register(), Policy::Fences.register());
    assert_eq!(process::is_registered(), matches!(FENCES.register(), Ok(Chosen::Memory(_))));
    assert!(FENCES.heavy_since(FENCES.ticket()));
    // As a pair like any other.
    bonfire::Barrier::heavy(&FENCES);
});

scenario!(a_static_remembers_a_refusal, lazy_refused, assert_success, || {
    install(&[], Then::Return(EPERM));
    FENCES.heavy();
    REFUSE.heavy();
    assert_eq!(FENCES.register(), Ok(Chosen::Fences(Fences)));
    assert!(matches!(REFUSE.register(), Err(Refusal::Filtered(_))));
    assert_eq!(store_buffering(rounds(500), 1, &|| REFUSE.light(), &|| REFUSE.heavy()).forbidden, 0);
});

scenario!(a_static_registers_in_the_background, lazy_background, assert_success, || {
    if Memory::register().is_err() {
        skip!(Cause::Kernel("lets nobody register for membarrier here"));
    }
    with_a_second_thread(|| {
        FENCES.register_in_background();
        assert_eq!(store_buffering(rounds(500), 1, &|| FENCES.light(), &|| FENCES.heavy()).forbidden, 0);
    });
});

scenario!(a_process_becomes_a_target_of_others, target, assert_success, || {
    let Ok(caller) = shared::Caller::new() else {
        skip!(Cause::Kernel("has no fences across processes"));
    };
    caller.heavy_expedited();
    shared::light();
    assert!(shared::Target::register().is_ok());
    if let Ok(held) = bonfire::registrations() {
        assert!(held.contains(Flavour::Global));
    }
    assert!(os::fork(|| {
        caller.heavy_expedited();
        true
    }));
});

scenario!(fences_across_processes_are_refused_by_cause, no_target, assert_success, || {
    install(
        &[bonfire::Command::GlobalExpedited, bonfire::Command::RegisterGlobalExpedited],
        Then::Return(EPERM),
    );
    assert!(shared::Caller::new().is_err() && shared::Target::register().is_err());
});

/// Rounds, and those in which neither saw the other, with the accesses of `barrier` on the
/// light side or the twin's.
fn race<B: Barrier>(most: Length, barrier: B, is_twin: bool) -> Counts {
    let (store, load) =
        if is_twin { (Relaxed, Relaxed) } else { (barrier.light_store(), barrier.light_load()) };
    let fast: Side = &|[x, y, _]| {
        x.0.store(1, store);
        if !is_twin {
            // PAIRS(both): with the heavy fence of the other side.
            barrier.light_between();
        }
        y.0.load(load) == 0
    };
    let slow: Side = &|[x, y, _]| {
        y.0.store(1, Relaxed);
        barrier.heavy();
        x.0.load(Relaxed) == 0
    };
    play(most, 1, fast, slow)
}

#[test]
fn accesses_stand_in_for_a_full_fence() {
    assert_eq!((Fences.light_store(), Fences.light_load()), (SeqCst, SeqCst));
    assert_eq!(race(rounds(5_000), Fences, false).forbidden, 0);
    is_seen("the twin, whose accesses are relaxed", race(TWIN, Fences, true));
}

#[test]
fn accesses_stand_around_a_light_fence() {
    let Ok(memory) = Memory::register() else {
        skip!(Cause::Kernel("lets nobody register for membarrier here"))
    };
    assert_eq!(race(rounds(1_000), memory, false).forbidden, 0);
    assert_eq!(race(rounds(1_000), process::Process, false).forbidden, 0);
    assert_eq!(race(rounds(1_000), Chosen::Memory(memory), false).forbidden, 0);
}
