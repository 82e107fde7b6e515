//! How many instructions the fences take, counted by callgrind: the same number
//! on every run, whatever else the machine does.
//!
//! A light fence must add none to the section it is in, and a heavy one next
//! to none to the system call, whose own work in the kernel is not counted.
//!
//! ```sh
//! cargo bench -p bonfire --bench instructions
//! ```

use std::env;
use std::hint::black_box;
use std::process::{Command as Process, ExitCode};
use std::sync::atomic::{
    AtomicUsize,
    Ordering::{Relaxed, SeqCst},
    fence,
};

use bonfire::{Call, Command, Memory, process, raw};

const CALLS: u64 = 1000;

/// What is counted: a name, the most instructions it may take, and the loop.
/// Only functions called `counted_…` are counted.
type Counted = (&'static str, u64, fn());

const COUNTED: [Counted; 6] = [
    ("section, no fence (wrong)", 3, || sections(counted_plain)),
    ("section, light", 3, || sections(counted_light)),
    ("section, process::light", 8, || sections(counted_process)),
    ("section, fence(SeqCst)", 4, || sections(counted_full)),
    ("the system call", 30, || (0..CALLS).for_each(|_| counted_call(black_box(Command::PrivateExpedited)))),
    ("heavy", 20, || {
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
    if let Some(number) = env::var("BONFIRE_COUNTED").ok().and_then(|number| number.parse::<usize>().ok()) {
        COUNTED[number].2();
        return ExitCode::SUCCESS;
    }
    if Process::new("valgrind").arg("--version").output().is_err() {
        println!("skipped: no valgrind; install it with: apt-get install valgrind");
        return ExitCode::SUCCESS;
    }
    let mut missed = false;
    println!("{:<30} {:>8} {:>6}", "instructions", "counted", "bar");
    for (number, (name, bar, _)) in COUNTED.iter().enumerate() {
        let instructions = count(number);
        missed |= instructions > *bar;
        println!("{name:<30} {instructions:>8} {bar:>6}");
    }
    ExitCode::from(u8::from(missed))
}

/// Runs one loop under callgrind; instructions of a turn.
fn count(number: usize) -> u64 {
    let output = Process::new("valgrind")
        .args(["--tool=callgrind", "--toggle-collect=*counted_*", "--callgrind-out-file=/dev/null"])
        .arg(env::current_exe().expect("this program has a path"))
        .env("BONFIRE_COUNTED", number.to_string())
        .output()
        .expect("valgrind runs");
    let report = String::from_utf8_lossy(&output.stderr);
    let collected = report.lines().find_map(|line| line.split_once("Collected :"));
    let total = collected.and_then(|(_, count)| count.trim().parse::<u64>().ok());
    total.unwrap_or_else(|| panic!("callgrind reports a count: {report}")).div_ceil(CALLS)
}
