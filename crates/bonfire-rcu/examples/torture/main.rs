//! Tortures read sections, cells and owned guards, and plants faults to be found.
//!
//! ```sh
//! cargo run --release -p bonfire-rcu --example torture            # 30 seconds
//! cargo run --release -p bonfire-rcu --example torture -- 600 7   # 10 minutes, seed 7
//! ```
//!
//! The first part is the crate as it ships: threads that come and go, nest their sections at
//! random, stay in them, are moved from CPU to CPU, fork; and updaters that retire, wait,
//! and write poison over what was freed. It fails if anybody reads poison, or if anything
//! retired is not dropped in the end.
//!
//! The second part is the algorithms with one thing taken out, each for up to ten seconds.
//! It fails if a fault is *not* found: then the first part proves nothing. One of them is
//! the processor's to show, and where it does not, that could not be told.

mod planted;
mod shipped;
mod sys;

use planted::Expected;
use std::process::ExitCode;
use std::time::{Duration, Instant};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<u64>());
    let seconds = arguments.next().unwrap_or(Ok(30)).expect("seconds are a number");
    let seed = arguments.next().unwrap_or(Ok(1)).expect("a seed is a number");

    let report = shipped::torture(Duration::from_secs(seconds), seed);
    println!("as it ships, {seconds} s, seed {seed}: {report}");
    let mut is_bad = report.violations > 0 || report.leaked != 0;
    for fault in planted::FAULTS {
        let start = Instant::now();
        let found = (fault.torture)(Duration::from_secs(10));
        let verdict = match (fault.expected, found) {
            (Expected::Holds, false) | (Expected::Breaks | Expected::BreaksIfStoresWait, true) => {
                "as it must be"
            }
            (Expected::BreaksIfStoresWait, false) => {
                "could not tell: no store waited for long enough; docs/rcu-proof.md shows what it breaks"
            }
            _ => "WRONG",
        };
        is_bad |= verdict == "WRONG";
        let what = if found { "violated" } else { "not violated" };
        println!("{}: {what} after {:.2} s: {verdict}", fault.name, start.elapsed().as_secs_f64());
    }
    ExitCode::from(u8::from(is_bad))
}

/// Numbers that look random, and are the same for the same seed.
struct Random(u64);

impl Random {
    /// A number below `end`.
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}
