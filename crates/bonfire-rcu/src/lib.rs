#![doc = include_str!("../README.md")]
#![no_std]
#![deny(unsafe_code)]

#[cfg(not(target_has_atomic = "64"))]
compile_error!("epochs are 64 bits, lest they come round: this target has no atomic words of that size");

#[cfg(feature = "std")]
extern crate std;

#[cfg(feature = "std")]
mod domain;
#[cfg(feature = "std")]
pub use domain::{Domain, Global, Reach};

#[cfg(feature = "std")]
mod guard;
#[cfg(feature = "std")]
pub use guard::{Guard, Handle, Solo};

#[cfg(feature = "std")]
mod cell;
#[cfg(feature = "std")]
pub use cell::{Cell, CellOf, Loaded, OptionCell};

#[cfg(feature = "std")]
mod cache;
#[cfg(feature = "std")]
pub use cache::Cache;

#[cfg(feature = "std")]
mod owned;
#[cfg(feature = "std")]
pub use owned::OwnedGuard;

#[cfg(feature = "std")]
mod stall;
#[cfg(feature = "std")]
pub use stall::Stall;

#[cfg(feature = "std")]
pub mod arc_swap;

pub mod lent;

mod fences;
pub use fences::register;

#[cfg(feature = "std")]
mod garbage;
mod sys;
mod word;

#[cfg(feature = "std")]
pub use sys::Pointer;
