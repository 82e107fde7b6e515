//! New instructions on the model: the protocols of `bonfire-code-core`, run by the CPUs of the
//! explorer, with core serialisation that is a call of `membarrier` into the engine.
//!
//! A CPU here may execute an instruction as it was at any time since it last serialised. So
//! what is explored is the whole way from the publisher's store, over the system call, its
//! handler and the scheduler's hooks, to the instruction that another thread executes; and
//! for code that is freed, over a read section and a grace period of `bonfire-rcu-core`, too.
//!
//! Entry points: [`scenarios`] says what happens, [`explore`] tries everything that can,
//! [`judge`] takes each step out, and [`page`] tells what came of it.

mod matrix;
mod page;
mod scenario;
mod stage;
mod steps;

pub use matrix::{EXCUSES, Fate, Judged, excuse, judge, mutants};
pub use page::page;
pub use scenario::{Scenario, explore, scenarios};
pub use steps::{Change, Mutant, PLANTS, Plant, Site};
