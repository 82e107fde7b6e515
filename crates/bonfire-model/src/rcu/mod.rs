//! Read sections and hazards on the model: the algorithms of `bonfire-rcu-core`, run by the
//! CPUs of the explorer, with heavy fences that are calls of `membarrier` into the engine.
//!
//! So what is explored is the whole way: a reader, an updater, the system call, its
//! handler, and the scheduler. A light fence is nothing here; what can go wrong without it
//! is the compiler's, and is modelled as such ([`Change::Left`]).
//!
//! Entry points: [`scenarios`] says what happens, [`explore`] tries everything that can,
//! [`Court::judge`] takes each order and fence out,
//! and [`page`] tells what came of it.

mod excuse;
mod hazards;
pub(crate) mod machine;
mod matrix;
mod page;
mod plant;
mod scenario;
mod sharing;
mod stage;

pub use excuse::{EXCUSES, Excuse, excuse};
pub use machine::{Change, Mutant, Site};
pub use matrix::{Court, Fate, Judged, changes, mutants};
pub use page::page;
pub use plant::{PLANTS, Plant};
pub use scenario::{Explored, Scenario, explore, scenarios};
