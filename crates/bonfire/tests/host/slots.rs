//! Why each reader has a slot of its own: two readers that overlap, memory that is
//! poisoned when it is freed, and the twin, in which they share a slot.
//!
//! Nothing here is a matter of luck: who comes when is arranged.

use std::sync::atomic::{
    AtomicU32, AtomicUsize,
    Ordering::{AcqRel, Acquire, Relaxed, Release},
};
use std::sync::mpsc;
use std::thread;

use bonfire::{Barrier, process::Process};

/// What a freed object holds.
const POISON: u32 = u32::MAX;

/// No object.
const NONE: usize = usize::MAX;

/// What readers and the writer share: a slot holds what its reader looks at.
struct Shared {
    current: AtomicUsize,
    slots: [AtomicUsize; 2],
    objects: [AtomicU32; 2],
}

impl Shared {
    fn new() -> Self {
        let slots = [const { AtomicUsize::new(NONE) }; 2];
        Self { current: 0.into(), slots, objects: [const { AtomicU32::new(7) }; 2] }
    }

    fn enter(&self, slot: usize) -> usize {
        let current = self.current.load(Relaxed);
        self.slots[slot].store(current, Relaxed);
        Process.light();
        // Nobody replaces it while a reader enters here, so it need not look again.
        self.current.load(Acquire)
    }

    fn leave(&self, slot: usize) {
        self.slots[slot].store(NONE, Release);
    }

    /// Replaces object 0, and frees it if no slot says that it is in use.
    fn retire(&self) {
        let old = self.current.swap(1, AcqRel);
        Process.heavy();
        if !self.slots.iter().any(|slot| slot.load(Acquire) == old) {
            self.objects[old].store(POISON, Relaxed);
        }
    }
}

/// One reader enters; a second enters and leaves; the object is retired; what the first
/// reader, still in, holds then.
fn held_by_the_first(slots: [usize; 2]) -> u32 {
    let shared = Shared::new();
    let ((tell_entered, entered), (tell_retired, retired)) = (mpsc::channel(), mpsc::channel());
    let shared = &shared;
    thread::scope(|scope| {
        let first = scope.spawn(move || {
            let held = shared.enter(slots[0]);
            tell_entered.send(()).expect("somebody waits");
            retired.recv().expect("it is retired");
            let seen = shared.objects[held].load(Relaxed);
            shared.leave(slots[0]);
            seen
        });
        entered.recv().expect("the first has entered");
        let second = || {
            shared.enter(slots[1]);
            shared.leave(slots[1]);
        };
        scope.spawn(second).join().expect("the second comes and goes");
        shared.retire();
        tell_retired.send(()).expect("the first waits");
        first.join().expect("the first has looked")
    })
}

#[test]
fn a_slot_for_each_reader_keeps_what_the_first_one_holds() {
    assert_eq!(held_by_the_first([0, 1]), 7);
}

#[test]
fn in_a_slot_that_two_share_the_second_takes_away_what_the_first_holds() {
    assert_eq!(held_by_the_first([0, 0]), POISON);
}
