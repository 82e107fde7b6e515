//! What was explored and what came of it, as a page.

use super::excuse::excuse;
use super::machine::{Change, Mutant};
use super::matrix::{Fate, Judged};
use super::plant::PLANTS;
use super::scenario::Scenario;
use crate::proof::line;

const OPENING: &str = "\
# What shows that readers need no fence

Read sections, grace periods and hazards (`bonfire-rcu-core`) on a machine on which
everything happens that can: stores leave late and in any order, loads are early, interrupts
come anywhere. A light fence is nothing there. A heavy fence is a call of `membarrier` into
the engine of this repository, with its interrupts, its handler and its scheduler's hooks. So
each line below is about the whole way from a reader's store to the updater that frees.

`cargo run --release -p bonfire-model --example rcu-proof` makes this page; the test
`crates/bonfire-model/tests/rcu.rs` holds it.

";

/// The page, in Markdown.
#[must_use]
pub fn page(scenarios: &[Scenario], judged: &[Judged]) -> String {
    let mut page = OPENING.to_owned();
    what_happens(&mut page, scenarios);
    matrix(&mut page, judged);
    survivors(&mut page, judged);
    plants(&mut page, judged);
    page.push_str(LIMITS);
    page
}

fn what_happens(page: &mut String, scenarios: &[Scenario]) {
    page.push_str("## What happens\n\n| scenario | CPUs | |\n|---|---|---|\n");
    for scenario in scenarios {
        line(page, &[scenario.name, &scenario.cpus().to_string(), scenario.about]);
    }
    page.push_str(
        "\nIn none of them does anybody read what was freed, and in none does anybody wait for ever.\n\n",
    );
}

fn matrix(page: &mut String, judged: &[Judged]) {
    page.push_str(
        "## Each order, fence and wake-up, taken out\n\nA light fence taken out means that the compiler moves \
         the next load before the last store.\n\n| site | change | breaks |\n|---|---|---|\n",
    );
    for one in judged {
        if let Mutant::Changed(site, change) = one.mutant {
            let breaks = match (&one.fate, excuse(site, change)) {
                (Fate::Lives, Some(excuse)) => format!("nothing: {}", excuse.kind()),
                (fate, _) => broken(fate),
            };
            line(page, &[&format!("`{site:?}`"), told(change), &breaks]);
        }
    }
    page.push('\n');
}

fn survivors(page: &mut String, judged: &[Judged]) {
    page.push_str(
        "## Why some break nothing\n\nThe machine keeps what every processor keeps: the order of writes to one \
         word, stores that depend on a load, and, but for POWER, one order of all writes. Rust's memory model \
         promises less, so the order stays.\n\n| site | kind | why | and so |\n|---|---|---|---|\n",
    );
    for one in judged {
        let Mutant::Changed(site, change) = one.mutant else { continue };
        let Some(excuse) = excuse(site, change).filter(|_| one.fate == Fate::Lives) else { continue };
        let checked =
            judged.iter().find(|pair| matches!(pair.mutant, Mutant::Both(first, _) if first == site));
        let checked = checked.map_or_else(
            || "stays".to_owned(),
            |pair| match pair.mutant {
                Mutant::Both(_, other) => format!("with `{other:?}` relaxed too: {}", broken(&pair.fate)),
                _ => String::new(),
            },
        );
        line(page, &[&format!("`{site:?}`"), excuse.kind(), excuse.why(), &checked]);
    }
    page.push('\n');
}

fn plants(page: &mut String, judged: &[Judged]) {
    page.push_str("## Faults that were planted\n\n| fault | breaks |\n|---|---|\n");
    for one in judged {
        if let Mutant::Planted(plant) = one.mutant {
            let what = PLANTS.iter().find(|(planted, _)| *planted == plant).map_or("", |(_, what)| what);
            line(page, &[what, &broken(&one.fate)]);
        }
    }
    page.push('\n');
}

const LIMITS: &str = "\
## What this does not show

- Two or three CPUs, one object replaced, a few sections: not every program.
- The machine agrees on one order of writes. `tests/sys/loom.rs` of `bonfire-rcu` is a second
  oracle, without that, and with Rust's orderings.
- The compiler is looked at separately: `cargo bench -p bonfire-rcu --bench instructions`.
- Batches, bounds and reports are ordinary code above the algorithms, and are tested and
  tortured (`examples/torture`), not explored.
";

fn told(change: Change) -> &'static str {
    match change {
        Change::Relaxed => "relaxed",
        Change::Left => "left out",
        Change::Own => "the caller's own fence only",
        Change::Asleep => "nobody is woken",
    }
}

fn broken(fate: &Fate) -> String {
    fate.told("what was freed is read")
}
