#![doc = include_str!("../README.md")]
#![cfg_attr(
    all(doc, not(feature = "std")),
    expect(rustdoc::broken_intra_doc_links, reason = "what needs `std` is named, and linked where it is")
)]
#![no_std]
#![deny(unsafe_code)]

#[cfg(any(feature = "std", test))]
extern crate std;

pub mod porting;
pub mod soundness;

#[doc = include_str!("../docs/filters.md")]
pub mod filters {}

#[doc = include_str!("../docs/places.md")]
pub mod places {}

mod registration;
pub use registration::{Memory, NotNow, Rseq, SyncCore, Tokens, register, register_allowed, registrations};

mod barrier;
pub use barrier::{Barrier, Fences};

mod fallback;
pub use fallback::{Chosen, Policy};

#[cfg(feature = "signal")]
mod signal;
#[cfg(feature = "signal")]
pub use signal::{Signal, SignalFault, Silence};

mod lazy;
pub use lazy::Lazy;

pub mod process;

#[cfg(feature = "std")]
mod background;

mod since;
pub use since::Ticket;

pub mod shared;

mod refusal;
pub use refusal::{Filter, Refusal};

#[cfg(feature = "std")]
mod race;
#[cfg(feature = "std")]
mod verify;
#[cfg(feature = "std")]
pub use verify::{Evidence, Obstacle, Trust, Verdict, verify};

#[cfg(feature = "statistics")]
pub mod statistics;

pub mod raw;

mod issue;
mod late;
mod remembered;
mod state;
mod sys;
#[cfg(all(feature = "signal", target_os = "linux", not(any(loom, feature = "loom", miri, bonfire_fences))))]
mod turn;

pub use bonfire_abi::{Call, Command, Commands, Cpu, Error, Flavour, Registrations};

/// A light fence: no instruction on any architecture, where the system has a
/// process-wide barrier; a full fence where it has none.
///
/// It orders the accesses before it with those after it as a
/// `fence(SeqCst)` would, but only as seen by a thread that issues a *heavy*
/// fence on a token ([`Memory::heavy`], or [`Barrier::heavy`] of a [`Signal`]
/// or of [`Process`](process::Process) in a process that holds a token). Two light fences order
/// nothing between them, nor does a light fence and a `fence(SeqCst)`:
/// [`soundness`] has the table and the argument.
///
/// No token is asked for, since there is nothing to be done with one. It is the
/// heavy side that cannot be reached without. A program that may have to run
/// without a token uses [`process::light`], or [`Barrier::light`] of what its
/// [`Policy`] chose.
///
/// Safe in a signal handler and in a forked child.
///
/// ```
/// use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering::*};
///
/// fn enter<T>(reading: &AtomicBool, shared: &AtomicPtr<T>) -> *mut T {
///     reading.store(true, Relaxed);
///     bonfire::light(); // pairs with `heavy` in whoever retires what we load
///     shared.load(Acquire)
/// }
/// # let mut value = 1;
/// # assert!(!enter(&AtomicBool::new(false), &AtomicPtr::new(&mut value)).is_null());
/// ```
///
/// [`Signal`]: crate#features
#[inline(always)]
pub fn light() {
    // PAIRS(heavy): with the call in `issue`, of any thread of this process.
    sys::light();
}
