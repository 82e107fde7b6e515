//! The `bonfire` command.

#![deny(unsafe_code)]

mod host;
#[expect(unsafe_code, reason = "the system's own face; each block is argued for")]
mod sys;

use bonfire_conformance::{Case, Observer, Options, Outcome, Verdict, run};

struct Print;
impl Observer for Print {
    fn ended(&mut self, case: &Case, outcome: &Outcome) {
        if outcome.verdict != Verdict::Conforms || std::env::var_os("V").is_some() {
            println!(
                "{case}: {} {} {:?} conf {:.6} {}us",
                outcome.verdict,
                outcome.reason.map(|r| r.to_string()).unwrap_or_default(),
                outcome.evidence,
                outcome.evidence.rounds.map_or(0.0, |r| r.confidence()),
                outcome.duration_ns / 1000
            );
        }
    }
}

fn main() {
    if host::resume() {
        return;
    }
    let filter = std::env::args().nth(1).unwrap_or_default();
    let budget = std::env::args().nth(2).map_or(30.0, |b| b.parse::<f64>().unwrap());
    let host = host::Host::new().unwrap();
    let t = std::time::Instant::now();
    let summary = run(
        &host,
        &|case| case.to_string().contains(&filter),
        Options { budget_ns: (budget * 1e9) as u64, seed: 1 },
        &mut Print,
    );
    println!("{summary:?} {:?} {:?}", summary.verdict(), t.elapsed());
}
