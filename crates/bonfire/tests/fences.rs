//! `--cfg bonfire_fences`: full fences on both sides, for tools that see neither an
//! empty `asm!` nor what a system call does to others.
//!
//! `RUSTFLAGS="--cfg bonfire_fences" cargo test -p bonfire --test fences`
#![cfg(all(bonfire_fences, feature = "std"))]

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;

use bonfire::{Barrier, Lazy, Memory, Policy, Refusal, SyncCore, process};

static FENCES: Lazy = Lazy::new(Policy::Refuse);

/// Store buffering, two threads in step; whether neither saw the other, ever.
fn neither_sees_the_other(ours: fn(), theirs: fn()) -> bool {
    let cells: Vec<[AtomicUsize; 2]> = (0..20_000).map(|_| Default::default()).collect();
    let sides = [AtomicUsize::new(0), AtomicUsize::new(0)];
    let play = |side: usize, fence: fn()| {
        let rounds = cells.iter().enumerate().map(|(round, cells)| {
            sides[side].store(round, Relaxed);
            while sides[1 - side].load(Relaxed) < round {
                thread::yield_now();
            }
            cells[side].store(1, Relaxed);
            fence();
            cells[1 - side].load(Relaxed) == 0
        });
        rounds.collect::<Vec<bool>>()
    };
    let (ours, theirs) = thread::scope(|scope| {
        let other = scope.spawn(|| play(1, theirs));
        (play(0, ours), other.join().expect("the other side plays to the end"))
    });
    ours.into_iter().zip(theirs).any(|both| both == (true, true))
}

#[test]
fn two_light_fences_are_ordered_which_they_are_nowhere_else() {
    let lights: [fn(); 3] = [bonfire::light, process::light, || FENCES.light()];
    for light in lights {
        assert!(!neither_sees_the_other(light, light));
        assert!(!neither_sees_the_other(light, process::heavy));
    }
}

#[test]
fn nothing_is_asked_of_the_kernel_and_nothing_is_refused_that_fences_can_do() {
    let memory = Memory::register().expect("full fences need nobody's help");
    memory.heavy();
    assert!(memory.heavy_since(memory.ticket()) && process::is_registered());
    assert!(FENCES.register().is_ok_and(|chosen| {
        chosen.heavy();
        true
    }));
    assert!(matches!(SyncCore::register(), Err(Refusal::NoSuchCommand(_))), "no fence serialises");
}
