//! Read sections and updates of `bonfire-rcu` and of its peers, side by side in one run.
//!
//! ```sh
//! bonfire bench --rcu --html rcu.html        # in a checkout: runs this, and shows what it found
//! cargo run --release --manifest-path benches/rcu/Cargo.toml --bin rcu > rcu.json
//! bonfire bench --rcu rcu.json               # the same from a file
//! ```
//!
//! What it prints is JSON (`docs/bench.md`). Rows that are compared are measured in turn, round
//! by round, so that a load that comes and goes meets all of them. Compare rows of one run only.

mod alone;
mod figure;
mod first_uses;
mod instructions;
mod loaded;
mod peers;
mod sys;
mod updates;

use figure::Report;

fn main() {
    if let Some(peer) = instructions::asked_for() {
        return instructions::run(&peer);
    }
    let mut report = Report::begin();
    first_uses::measure(&mut report);
    instructions::measure(&mut report);
    bonfire_rcu::register(bonfire::Policy::Refuse).expect("the kernel has membarrier");
    // Another thread, asleep, as every program has: some peers take a shortcut without.
    std::thread::spawn(std::thread::park);
    let peers = peers::all();
    alone::measure(&mut report, &peers);
    loaded::measure(&mut report, &peers);
    updates::measure(&mut report);
    report.end();
}
