//! Counts instructions with callgrind, for the benches of several crates, which
//! take this file as a module: there are no crates but those somebody uses.

use std::env;
use std::process::{Command, ExitCode};

/// How often a loop does what is counted.
pub(crate) const CALLS: u64 = 1000;

/// What is counted: a name, the most instructions it may take if there is a bar,
/// and a loop of [`CALLS`] turns. Only functions called `counted_…` are counted.
pub(crate) type Counted = (&'static str, Option<u64>, fn());

/// Counts each in a process of its own under callgrind, and compares with the
/// bars. In such a process, runs the loop.
pub(crate) fn count_all(all: &[Counted]) -> ExitCode {
    if let Some(number) = env::var("BONFIRE_COUNTED").ok().and_then(|number| number.parse::<usize>().ok()) {
        all[number].2();
        return ExitCode::SUCCESS;
    }
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("skipped: no valgrind; install it with: apt-get install valgrind");
        return ExitCode::SUCCESS;
    }
    let mut missed = false;
    println!("{:<42} {:>12} {:>6}", "instructions", "counted", "bar");
    for (number, (name, bar, _)) in all.iter().enumerate() {
        let instructions = count(number);
        missed |= bar.is_some_and(|bar| instructions > bar);
        println!("{name:<42} {instructions:>12} {:>6}", bar.map_or(String::new(), |bar| bar.to_string()));
    }
    ExitCode::from(u8::from(missed))
}

/// Runs one loop under callgrind; instructions of a turn.
fn count(number: usize) -> u64 {
    let output = Command::new("valgrind")
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
