//! Every interleaving of the worked examples, and the twins that must fail.
//!
//! `cargo test -p bonfire --features loom --test loom --release`, or with
//! `RUSTFLAGS="--cfg loom"`.
#![cfg(any(loom, feature = "loom"))]

use std::sync::LazyLock;
use std::sync::atomic::AtomicBool;

use bonfire::process;
use loom::sync::Arc;
use loom::sync::atomic::{
    AtomicUsize,
    Ordering::{Acquire, Relaxed, Release, SeqCst},
    fence,
};
use loom::thread;

type Fence = fn();

fn light() {
    bonfire::light();
}

fn heavy() {
    bonfire::Memory::register().unwrap().heavy();
}

fn full() {
    fence(SeqCst);
}

fn none() {}

/// Store buffering: whether two threads with these fences can both read 0.
fn can_both_read_zero(ours: Fence, theirs: Fence) -> bool {
    forbidden_is_reached(move || {
        let cells = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
        let shared = Arc::clone(&cells);
        let other = thread::spawn(move || {
            shared[0].store(1, Relaxed);
            theirs();
            shared[1].load(Relaxed)
        });
        cells[1].store(1, Relaxed);
        ours();
        let read = cells[0].load(Relaxed);
        other.join().unwrap() == 0 && read == 0
    })
}

/// Whether any interleaving of `body` ends in the forbidden outcome.
///
/// Noted in a cell that the model does not know of: a panic would end the
/// model in the middle.
fn forbidden_is_reached(body: impl Fn() -> bool + Send + Sync + 'static) -> bool {
    let reached = std::sync::Arc::new(AtomicBool::new(false));
    let note = std::sync::Arc::clone(&reached);
    loom::model(move || {
        if body() {
            note.store(true, std::sync::atomic::Ordering::Relaxed);
        }
    });
    reached.load(std::sync::atomic::Ordering::Relaxed)
}

#[test]
fn the_table_of_the_contract_holds_both_ways() {
    LazyLock::force(&BEFORE_REGISTRATION);
    let ordered: [(Fence, Fence); 4] = [(heavy, light), (heavy, heavy), (heavy, full), (full, full)];
    for (ours, theirs) in ordered {
        assert!(!can_both_read_zero(ours, theirs));
        assert!(!can_both_read_zero(theirs, ours));
    }
    let not_ordered: [(Fence, Fence); 5] =
        [(light, light), (light, full), (heavy, none), (light, none), (full, none)];
    for (ours, theirs) in not_ordered {
        assert!(can_both_read_zero(ours, theirs));
        assert!(can_both_read_zero(theirs, ours));
    }
}

/// A hazard pointer: 0 is the object in use, and whoever retires it marks it.
fn can_use_what_was_freed(protect: Fence, scan: Fence) -> bool {
    forbidden_is_reached(move || {
        let shared = Arc::new([AtomicUsize::new(1), AtomicUsize::new(0), AtomicUsize::new(0)]);
        let reader = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                let [current, hazard, freed] = &*shared;
                hazard.store(1, Relaxed);
                protect();
                let used_freed = current.load(Acquire) == 1 && freed.load(Relaxed) == 1;
                hazard.store(0, Release);
                used_freed
            })
        };
        let [current, hazard, freed] = &*shared;
        current.store(2, Release);
        scan();
        if hazard.load(Acquire) == 0 {
            freed.store(1, Relaxed);
        }
        reader.join().unwrap()
    })
}

#[test]
fn a_hazard_pointer_protects_with_the_pair_and_with_nothing_less() {
    LazyLock::force(&BEFORE_REGISTRATION);
    assert!(!can_use_what_was_freed(light, heavy));
    assert!(can_use_what_was_freed(none, heavy));
    assert!(can_use_what_was_freed(light, full));
    assert!(can_use_what_was_freed(light, none));
}

/// A reclaimer that frees because its ticket is covered by a heavy fence of
/// another: whether what it freed can be in use.
///
/// In the twin it takes the ticket before it retires, and the fence is its own,
/// in between: that of another comes there too rarely for loom to find.
fn can_free_what_is_used(is_twin: bool) -> bool {
    forbidden_is_reached(move || {
        let memory = bonfire::Memory::register().expect("the model refuses nothing");
        // Makes what tickets count, before there are threads: that alone would order them.
        let _ = memory.ticket();
        let shared = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
        let other = (!is_twin).then(|| thread::spawn(move || memory.heavy_since(memory.ticket())));
        let reader = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                let [hazard, retired] = &*shared;
                hazard.store(1, Relaxed);
                bonfire::light();
                retired.load(Acquire) == 0
            })
        };
        let [hazard, retired] = &*shared;
        let before = memory.ticket();
        if is_twin {
            memory.heavy_since(before);
        }
        retired.store(1, Release);
        let ticket = if is_twin { before } else { memory.ticket() };
        let frees = memory.is_covered(ticket) && hazard.load(Acquire) == 0;
        let uses = reader.join().unwrap();
        other.map(|other| other.join().unwrap());
        frees && uses
    })
}

#[test]
fn a_ticket_is_covered_by_the_fence_of_another() {
    LazyLock::force(&BEFORE_REGISTRATION);
    assert!(!can_free_what_is_used(false));
    assert!(can_free_what_is_used(true), "a ticket of before the store says nothing");
}

/// A process registers once and for all, so what holds before is tried first.
static BEFORE_REGISTRATION: LazyLock<()> = LazyLock::new(|| {
    assert!(!can_both_read_zero(process::heavy, process::light));
    assert!(!can_both_read_zero(process::light, process::light), "not registered: full fences");
    bonfire::register().expect("the model refuses nothing");
});

#[test]
fn fences_of_a_process_pair_once_it_is_registered_too() {
    LazyLock::force(&BEFORE_REGISTRATION);
    assert!(!can_both_read_zero(process::heavy, process::light));
    assert!(can_both_read_zero(process::light, process::light), "registered: light fences");
}
