//! Read sides as a compiler sees them, for `cargo xtask asm` to look at.
//!
//! Each section stands with the light fence and without. What the fence may
//! not do is add an instruction; what it must do is keep the store first.
#![no_std]
#![forbid(unsafe_code)]

use core::sync::atomic::{
    AtomicUsize,
    Ordering::{Acquire, Relaxed, Release},
};

/// Announces, light fence, looks.
#[inline(never)]
pub fn section_light(flag: &AtomicUsize, shared: &AtomicUsize) -> usize {
    flag.store(1, Relaxed);
    bonfire::light();
    shared.load(Relaxed)
}

/// The same without the fence.
#[inline(never)]
pub fn section_plain(flag: &AtomicUsize, shared: &AtomicUsize) -> usize {
    flag.store(1, Relaxed);
    shared.load(Relaxed)
}

/// Announces, light fence of a process that may or may not be registered, looks.
#[inline(never)]
pub fn section_process(flag: &AtomicUsize, shared: &AtomicUsize) -> usize {
    flag.store(1, Relaxed);
    bonfire::process::light();
    shared.load(Relaxed)
}

/// A pair that somebody else may change: one that nobody can is compiled away.
pub static FENCES: bonfire::Lazy = bonfire::Lazy::new(bonfire::Policy::Fences);

/// The same with a pair for a `static`.
#[inline(never)]
pub fn section_lazy(flag: &AtomicUsize, shared: &AtomicUsize) -> usize {
    flag.store(1, Relaxed);
    FENCES.light();
    shared.load(Relaxed)
}

/// Announces, light fence, looks at what was published.
#[inline(never)]
pub fn acquire_light(flag: &AtomicUsize, shared: &AtomicUsize) -> usize {
    flag.store(1, Relaxed);
    bonfire::light();
    shared.load(Acquire)
}

/// The same without the fence.
#[inline(never)]
pub fn acquire_plain(flag: &AtomicUsize, shared: &AtomicUsize) -> usize {
    flag.store(1, Relaxed);
    shared.load(Acquire)
}

/// Enters and leaves `count` times; the sum of what was seen.
#[inline(never)]
pub fn loop_light(flag: &AtomicUsize, shared: &AtomicUsize, count: usize) -> usize {
    let mut sum = 0_usize;
    for _ in 0..count {
        flag.store(1, Relaxed);
        bonfire::light();
        sum = sum.wrapping_add(shared.load(Relaxed));
        flag.store(0, Relaxed);
    }
    sum
}

/// A full fence in the light one's place: what there must be a difference to.
#[inline(never)]
pub fn section_full(flag: &AtomicUsize, shared: &AtomicUsize) -> usize {
    flag.store(1, Relaxed);
    core::sync::atomic::fence(core::sync::atomic::Ordering::SeqCst);
    shared.load(Relaxed)
}

/// Leaves.
#[inline(never)]
pub fn leave(flag: &AtomicUsize) {
    flag.store(0, Release);
}
