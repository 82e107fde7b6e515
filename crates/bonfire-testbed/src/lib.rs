//! What the testbed's kernel, its user program and the host agree on.
//!
//! The kernel and the program are freestanding programs of this package
//! (`src/kernel`, `src/init`), built with the feature `image` by `cargo xtask
//! testbed`. This library is the rest: [`Options`] on the kernel's command line,
//! [`Exit`] statuses, the numbers of the system [`calls`], and the
//! words of the serial line ([`wire`]). It has no `unsafe` and is tested on the host.

#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod architecture;
pub mod calls;
#[cfg(any(test, feature = "image"))]
pub mod device_tree;
mod exit;
pub mod given;
mod hook;
pub mod names;
mod options;
mod selection;
pub mod stream;
pub mod wire;

pub use architecture::{Architecture, CORE_SYNC, NoSuchArchitecture};
pub use exit::Exit;
pub use hook::{Hook, Hooks};
pub use options::{BadOption, Options, Variant};
pub use selection::{Line, Selection};
