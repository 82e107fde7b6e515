//! The crate on this machine: what it promises, and twins that must fail.
#![cfg(all(not(any(loom, feature = "loom", bonfire_fences)), target_os = "linux", feature = "std"))]

// Registered before `main`, a process meets every filter too late.
#[cfg(not(feature = "early"))]
mod asking;
#[cfg(not(feature = "early"))]
mod campaigns;
mod common;
mod examples;
#[cfg(not(feature = "early"))]
mod face;
#[cfg(not(feature = "early"))]
mod filters;
mod lifetimes;
mod plugin;
// The crate's own: how two threads are made to meet is told once.
#[path = "../../src/race.rs"]
mod race;
#[cfg(all(feature = "signal", not(feature = "early")))]
mod signals;
mod slots;
mod sys;
#[cfg(not(feature = "early"))]
mod table;
#[cfg(not(feature = "early"))]
mod verdicts;
