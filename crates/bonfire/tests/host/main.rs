//! The crate on this machine: what it promises, and twins that must fail.
#![cfg(all(not(loom), target_os = "linux"))]

mod common;
mod examples;
// Registered before `main`, a process meets every filter too late.
#[cfg(not(feature = "early"))]
mod filters;
mod lifetimes;
mod plugin;
#[cfg(all(feature = "signal", not(feature = "early")))]
mod signals;
mod sys;
