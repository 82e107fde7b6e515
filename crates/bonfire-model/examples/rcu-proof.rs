//! Prints `docs/rcu-proof.md`.
//!
//! ```sh
//! cargo run --release -p bonfire-model --example rcu-proof > docs/rcu-proof.md
//! ```

use bonfire_model::explorer::Rules;
use bonfire_model::rcu::{Court, mutants, page, scenarios};

fn main() {
    let scenarios = scenarios();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let court = Court { scenarios: &scenarios, rules: Rules::WEAK, threads, limit_bytes: 1 << 30 };
    print!("{}", page(&scenarios, &court.judge(&mutants())));
}
