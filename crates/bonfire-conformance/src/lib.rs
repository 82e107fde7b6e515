#![doc = include_str!("../README.md")]
#![no_std]
#![deny(unsafe_code)]

mod abilities;
mod answers;
#[expect(unsafe_code, reason = "the architecture's own instructions; each block is argued for")]
mod arch;
mod arena;
mod budget;
mod case;
mod duel;
mod filter;
mod interrupts;
mod judgement;
mod kind;
mod lifetime;
mod litmus;
mod load;
mod measure;
mod random;
mod rule;
mod run;
mod script;
mod simulation;
mod spec;
mod subject;
mod task;
mod verdict;

pub use abilities::Abilities;
pub use arch::{CodePage, RseqArea, light};
pub use arena::Arena;
pub use case::{Case, Diagram, Explanation, cases};
pub use kind::Group;
pub use litmus::{Page, shape};
pub use run::{Observer, Options, Summary, run};
pub use simulation::Memory;
pub use subject::{Ending, Fetch, MemoryOrder, Restartable, RseqKind, Start, Subject, World, enter};
pub use task::Task;
pub use verdict::{Evidence, Finding, Means, Outcome, Reason, Rounds, Verdict};
