#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

mod generation;
mod machine;
mod patch;
mod publish;
mod site;

pub use generation::{Generation, Seen};
pub use machine::{Machine, Word};
pub use patch::{Trapped, patch_by_trap};
pub use publish::publish;
pub use site::{Kind, Site};
