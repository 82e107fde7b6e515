//! What was explored and what came of it, as a page.

use super::matrix::{Fate, Judged, excuse};
use super::scenario::Scenario;
use super::steps::{Change, Mutant, PLANTS};
use crate::proof::line;

const OPENING: &str = "\
# What shows that nobody executes what was there before

Publishing, checking for, patching and freeing instructions (`bonfire-code-core`), on a
machine whose CPUs may execute an instruction as it was at any time since they last
serialised; where stores leave late and in any order, loads are early, and interrupts come
anywhere. Core serialisation is a call of `membarrier` into the engine of this repository
(the design `running`, on a machine on which nothing serialises by itself, as on RISC-V),
with its interrupts, its handler and its scheduler's hooks; freeing is by a read section and a grace period of
`bonfire-rcu-core`, whose heavy fence is such a call, too.

`cargo run --release -p bonfire-model --example code-proof` makes this page; the test
`crates/bonfire-model/tests/code.rs` holds it.

";

const LIMITS: &str = "\
## What this does not show

- Caches that have to be maintained: the explorer has none between memory and instruction
  fetch.
- That an instruction is fetched whole, or in two parts that no interrupt comes between, is
  assumed of the processor.
- Two CPUs, one function or one instruction at a time: not every program.
- The handler in which threads wait that meet the trap is ordinary code of `bonfire-code`,
  and is tested on hardware.
";

/// The page, in Markdown.
#[must_use]
pub fn page(scenarios: &[Scenario], judged: &[Judged]) -> String {
    let mut page = OPENING.to_owned();
    page.push_str("## What happens\n\n| scenario | |\n|---|---|\n");
    for scenario in scenarios {
        line(&mut page, &[scenario.name, scenario.about]);
    }
    page.push_str("\nIn none of them does anybody execute what must not be executed.\n\n");
    page.push_str("## Each step, taken out\n\n| step | change | breaks |\n|---|---|---|\n");
    for one in judged {
        if let Mutant::Changed(site, change) = one.mutant {
            let breaks = match (&one.fate, excuse(one.mutant)) {
                (Fate::Lives, Some(why)) => format!("nothing: {why}"),
                (fate, _) => broken(fate),
            };
            line(&mut page, &[&format!("`{site:?}`"), told(change), &breaks]);
        }
    }
    page.push_str("\n## Faults that were planted\n\n| fault | breaks |\n|---|---|\n");
    for one in judged {
        if let Mutant::Planted(plant) = one.mutant {
            let what = PLANTS.iter().find(|(planted, _)| *planted == plant).map_or("", |(_, what)| what);
            line(&mut page, &[what, &broken(&one.fate)]);
        }
    }
    page.push('\n');
    page.push_str(LIMITS);
    page
}

fn told(change: Change) -> &'static str {
    match change {
        Change::Left => "left out",
        Change::Relaxed => "relaxed",
        Change::FenceOnly => "a fence in place of serialisation",
        Change::Own => "only the caller serialises",
    }
}

fn broken(fate: &Fate) -> String {
    fate.told("something else is executed")
}
