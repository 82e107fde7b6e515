#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

mod call;
mod command;
mod error;
mod number;
mod registrations;

pub use call::{Call, Cpu, Target};
pub use command::{Command, Commands, FLAG_CPU, Flavour};
pub use error::{Error, Result, from_return, to_return};
pub use number::SYSTEM_CALL;
pub use registrations::Registrations;
