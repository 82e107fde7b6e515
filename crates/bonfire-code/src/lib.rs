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

#[cfg(any(target_os = "linux", target_os = "android"))]
pub use sys::DualMapping;
#[cfg(all(target_vendor = "apple", target_arch = "aarch64"))]
pub use sys::PerThread;
#[cfg(feature = "cranelift")]
pub use sys::Provider;
pub use sys::{Function, Memory, Patchable, Protection, Usual};
