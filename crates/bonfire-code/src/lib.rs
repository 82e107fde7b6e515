#![doc = include_str!("../README.md")]
#![deny(unsafe_code)]

mod memory;
pub use memory::{Arena, Options};

mod code;
pub use code::{Checked, Code, Draft, Drafts, Published, Stage};

mod publisher;
pub use publisher::Publisher;

mod announcer;
pub use announcer::{Announcer, Executor};

mod slot;
pub use slot::Slot;

mod patch;

mod fault;
pub use fault::Fault;

pub mod coherence;

mod arch;
mod program;
mod sys;

pub use sys::{DualMapping, Function, Memory, Patchable, Protection};
