//! How many instructions the fences take, counted by callgrind: the same number
//! on every run, whatever else the machine does.
//!
//! A light fence must add none to the section it is in, and a heavy one next
//! to none to the system call, whose own work in the kernel is not counted. (A few
//! of either are a call and a return: the instruction that traps is in a function that
//! is never inlined, so that no vector register lives across it.)
//!
//! ```sh
//! cargo bench -p bonfire --bench instructions
//! ```

#[path = "../../../benches/callgrind.rs"]
mod callgrind;

use std::hint::black_box;
use std::process::ExitCode;
use std::sync::atomic::{
    AtomicUsize,
    Ordering::{Relaxed, SeqCst},
    fence,
};

use bonfire::{Call, Command, Memory, process, raw};
use callgrind::{CALLS, Counted, count_all};

const COUNTED: [Counted; 6] = [
    ("section, no fence (wrong)", Some(3), || sections(counted_plain)),
    ("section, light", Some(3), || sections(counted_light)),
    // Once registered: the branch to the full fence is not taken.
    ("section, process::light", Some(7), || {
        if Memory::register().is_ok() {
            sections(counted_process);
        }
    }),
    ("section, fence(SeqCst)", Some(4), || sections(counted_full)),
    ("the system call", Some(31), || {
        (0..CALLS).for_each(|_| counted_call(black_box(Command::PrivateExpedited)))
    }),
    ("heavy", Some(21), || {
        // Registered or not, what is counted is the way to the kernel and back.
        if let Ok(memory) = Memory::register() {
            (0..CALLS).for_each(|_| counted_heavy(memory));
        }
    }),
];

fn sections(section: fn(&AtomicUsize, &AtomicUsize) -> usize) {
    let cells = [AtomicUsize::new(0), AtomicUsize::new(0)];
    for _ in 0..CALLS {
        black_box(section(black_box(&cells[0]), black_box(&cells[1])));
    }
}

#[inline(never)]
fn counted_plain(flag: &AtomicUsize, shared: &AtomicUsize) -> usize {
    flag.store(1, Relaxed);
    shared.load(Relaxed)
}

#[inline(never)]
fn counted_light(flag: &AtomicUsize, shared: &AtomicUsize) -> usize {
    flag.store(1, Relaxed);
    bonfire::light();
    shared.load(Relaxed)
}

#[inline(never)]
fn counted_process(flag: &AtomicUsize, shared: &AtomicUsize) -> usize {
    flag.store(1, Relaxed);
    process::light();
    shared.load(Relaxed)
}

#[inline(never)]
fn counted_full(flag: &AtomicUsize, shared: &AtomicUsize) -> usize {
    flag.store(1, Relaxed);
    fence(SeqCst);
    shared.load(Relaxed)
}

#[inline(never)]
fn counted_call(command: Command) {
    let _ = black_box(raw::membarrier(Call::new(command)));
}

#[inline(never)]
fn counted_heavy(memory: Memory) {
    memory.heavy();
}

fn main() -> ExitCode {
    count_all(&COUNTED)
}
