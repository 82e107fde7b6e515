//! A function that can be rewritten, of instructions that have one size.
//!
//! It is a branch to one of sixteen landings, each of which returns its number. A
//! branch is what arm64 lets others execute while it is replaced by another (Arm
//! ARM, B2.2.5), and one aligned store replaces it on every such architecture. What
//! the landing does not tell of the number stands in a word of data beside it: the
//! number is the one nearest to that word that ends in this landing, so a landing
//! that is old shows as a number that is old.

use core::ptr::NonNull;
use core::sync::atomic::AtomicU32;
use core::sync::atomic::Ordering::Relaxed;

use super::code;

const LANDINGS: u32 = 16;
/// Words: the branch, then (from here) two for each landing.
const FIRST: usize = 16;
/// The word of data, on a line of its own: a store to it must not bring the
/// instructions up to date.
const LATEST: usize = 128;

/// # Safety
/// `CodePage::SIZE` bytes at `memory` are aligned and can be written.
pub(super) unsafe fn write_function(memory: NonNull<u32>) -> bool {
    for landing in 0..LANDINGS {
        for (place, instruction) in (first_of(landing)..).zip(code::returns(landing)) {
            // SAFETY: the landings end at word 48, well within the memory.
            let word = unsafe { memory.add(place) };
            // SAFETY: the caller's promise.
            unsafe { word.write_volatile(instruction) };
        }
        // SAFETY: as above.
        let written = unsafe { memory.add(first_of(landing)) };
        code::publish(written);
    }
    // SAFETY: the landings were written just now.
    unsafe { patch(memory, 0) };
    true
}

/// # Safety
/// `write_function` wrote to `memory`.
pub(super) unsafe fn patch(memory: NonNull<u32>, value: u32) {
    let branch = code::branch(first_of(value % LANDINGS) as u32 * 4);
    // SAFETY: the word is aligned and alive, and changed only here.
    unsafe { AtomicU32::from_ptr(memory.as_ptr()) }.store(branch, Relaxed);
    code::publish(memory);
    // SAFETY: the word lies within the memory.
    let latest = unsafe { memory.add(LATEST) };
    // SAFETY: as above.
    unsafe { AtomicU32::from_ptr(latest.as_ptr()) }.store(value, Relaxed);
}

/// # Safety
/// `write_function` wrote to `memory`, which can be executed.
pub(super) unsafe fn execute(memory: NonNull<u32>) -> u32 {
    // SAFETY: the caller's promise.
    let landing = unsafe { code::call(memory) };
    // SAFETY: the word lies within the memory.
    let latest = unsafe { memory.add(LATEST) };
    // SAFETY: the word is aligned and alive, and used only so.
    let latest = unsafe { AtomicU32::from_ptr(latest.as_ptr()) }.load(Relaxed);
    nearest(latest, landing)
}

const fn first_of(landing: u32) -> usize {
    FIRST + 2 * landing as usize
}

/// The number nearest to `latest` that ends in `landing`.
const fn nearest(latest: u32, landing: u32) -> u32 {
    let ahead = landing.wrapping_sub(latest) % LANDINGS;
    let behind = if ahead < LANDINGS / 2 { 0 } else { LANDINGS };
    latest.wrapping_add(ahead).wrapping_sub(behind)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_landing_is_taken_for_the_nearest_number() {
        for (latest, landing, number) in
            [(0, 0, 0), (33, 1, 33), (33, 0, 32), (33, 2, 34), (32, 15, 31), (15, 0, 16)]
        {
            assert_eq!(nearest(latest, landing), number, "{latest} {landing}");
        }
        assert_eq!(nearest(0, 15), u32::MAX);
    }
}
