//! Read sections and updates of `bonfire-rcu` and of its peers, side by side in one run.
//!
//! ```sh
//! cargo build --release --manifest-path benches/rcu/Cargo.toml --bins
//! cargo run --release --manifest-path benches/rcu/Cargo.toml --bin rcu
//! ```
//!
//! Rows are measured in turn, round by round, and a row is the median of its rounds: a load
//! that comes and goes meets all of them. Compare rows of one run only.

mod first_uses;
#[path = "sys/more.rs"]
mod more;
mod sections;
mod sys;
mod updates;

fn main() {
    println!("processor: {}; load: {}\n", processor(), load());
    first_uses::table();
    bonfire_rcu::register(bonfire::Policy::Refuse).expect("the kernel has membarrier");
    sections::table();
    updates::table();
    println!("load at the end: {}", load());
}

fn processor() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text.lines().find_map(|line| line.strip_prefix("model name")?.split(':').nth(1));
    model.unwrap_or("unknown").trim().to_owned()
}

fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or("unknown").to_owned()
}

/// The median of what was measured.
fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}
