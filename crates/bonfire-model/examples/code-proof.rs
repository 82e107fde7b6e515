//! Prints `docs/code-proof.md`.
//!
//! ```sh
//! cargo run --release -p bonfire-model --example code-proof > docs/code-proof.md
//! ```

use bonfire_model::code::{judge, mutants, page, scenarios};

fn main() {
    let scenarios = scenarios();
    let judged: Vec<_> = mutants().into_iter().map(|mutant| judge(&scenarios, mutant, 1 << 30)).collect();
    eprintln!("{} states", judged.iter().map(|one| one.states).sum::<u64>());
    print!("{}", page(&scenarios, &judged));
}
