//! The crate on this machine: what it promises, and twins that must fail.
#![cfg(all(not(loom), target_os = "linux"))]

mod common;
mod examples;
mod filters;
mod lifetimes;
#[cfg(feature = "signal")]
mod signals;
mod sys;
