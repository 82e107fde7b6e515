//! Fences for those who hold no token: real ones until the process is
//! registered, asymmetric ones from then on.
//!
//! [`light`] reads one word that never changes after registration. Until it
//! says *registered*, both fences are full ones, so nobody waits and nothing is
//! unsound; and no call is made for which a filter might kill.
//!
//! Registration is what may take 5 to 15 milliseconds for a flavour, in a
//! process of several threads (Linux waits for a grace period). Three ways not
//! to pay for it in a reader:
//!
//! - *early*: with the feature `early`, before `main`, while there is one
//!   thread; some tens of microseconds;
//! - *explicitly*: [`register`](crate::register), where waiting is fine;
//! - *in the background*: [`register_in_background`].
//!
//! A process that never registers is slower, not wrong. So is one where a
//! filter stands before the call from the beginning: fences on both sides
//! remain. One whose filter comes *after* registration ends with a message at
//! its next heavy fence.
//!
//! # Why any interleaving with registration is sound
//!
//! | light fence saw | the heavy fence's call was | ordered because |
//! |---|---|---|
//! | not registered | made | full fence on one side, a heavy one on the other |
//! | not registered | not made | full fences on both sides |
//! | registered | made | light and heavy |
//! | registered | failed | does not return: the process ends |
//! | registered | not made, for it came before | the heavy fence *happens before* the light one: it left a note in the word before registration set its bit (`refused` in the source of the state word) |
//!
//! # dlopen, two versions, fork, exec
//!
//! A library that brings its own copy of this crate brings its own word. The
//! kernel's registration is common to all copies, so each is sound by itself,
//! and registering twice costs a system call. Fences of two copies pair once both
//! are registered. With `early`, a copy that is
//! loaded into a process of several threads does *not* register in its
//! initialiser, which would stall `dlopen`.
//! A forked child inherits word and registration; where the kernel does not hand
//! the registration on, its first heavy fence registers again. `execve` loses both.
//! In a signal handler [`light`] and [`heavy`] are safe; registering is not
//! meant for one.

use core::sync::atomic::Ordering::SeqCst;

use bonfire_abi::{Call, Command, Flavour};

use crate::barrier::{Sealed, fence_between};
use crate::issue::issue;
use crate::state::STATE;
use crate::{Barrier, sys};

/// A light fence for a process that may or may not be registered yet.
///
/// One load, and a branch that is not taken once the process is registered, dearer
/// than [`bonfire::light`](crate::light). Never registers, never waits.
///
/// ```
/// use bonfire::process;
/// use std::sync::atomic::{AtomicBool, Ordering::*};
///
/// static READING: AtomicBool = AtomicBool::new(false);
/// static CLOSED: AtomicBool = AtomicBool::new(false);
///
/// // Reader: either it sees that the door is closed …
/// READING.store(true, Relaxed);
/// process::light();
/// let may_enter = !CLOSED.load(Acquire);
///
/// // … or whoever closes it sees the reader.
/// CLOSED.store(true, Release);
/// process::heavy();
/// assert!(!may_enter || READING.load(Acquire));
/// ```
#[inline(always)]
pub fn light() {
    // PAIRS(upgrade): with `State::hold`, inside `holds`.
    if STATE.holds(Flavour::Private) {
        sys::light();
    } else {
        full_fence();
    }
}

/// A light fence that is not light yet. Out of line, so that code in which fences
/// are light passes one branch that is not taken, and no room is spent on the rest.
#[cold]
#[inline(never)]
pub(crate) fn full_fence() {
    // PAIRS(both): with the call or the fence in `heavy`.
    sys::fence(SeqCst);
}

/// A heavy fence for a process that may or may not be registered yet.
///
/// It pairs with [`process::light`](light) and, if the process is registered,
/// with [`bonfire::light`](crate::light). Before registration it makes no call, for
/// which a filter might kill: it is a full fence, which pairs with the full fences that
/// light ones are then. After registration it is [`Memory::heavy`](crate::Memory::heavy),
/// and fails as that does.
#[inline]
pub fn heavy() {
    let call = Call::new(Command::PrivateExpedited);
    // PAIRS(upgrade): with `State::hold`, inside `holds`.
    if STATE.holds(Flavour::Private) {
        // PAIRS(heavy): with `sys::light` in `light`.
        issue(call);
    } else {
        fence_instead(call);
    }
}

#[cold]
#[inline(never)]
fn fence_instead(call: Call) {
    // PAIRS(both): with the fence in `light` of threads that saw no
    // registration.
    sys::fence(SeqCst);
    // PAIRS(refused): with `State::hold`.
    if STATE.note_refused() {
        // Registered meanwhile, so the kernel owes us the call.
        issue(call);
    }
}

/// Whether light fences are light already.
#[must_use]
pub fn is_registered() -> bool {
    STATE.holds(Flavour::Private)
}

/// [`light`] and [`heavy`] of this module as a [`Barrier`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Process;

impl Sealed for Process {}

impl Barrier for Process {
    #[inline(always)]
    fn light(self) {
        light();
    }

    #[inline]
    fn heavy(self) {
        heavy();
    }

    // Whether fences are full may change between two accesses, so it is the
    // fence that decides.
    fence_between!();
}

/// Registers for all three flavours without making the caller wait.
///
/// In a process that never had a second thread it is done on return, in
/// some ten microseconds. In others a thread is started that waits for the
/// grace periods, while light fences of this module are full ones.
///
/// For one flavour: [`Memory::register_in_background`](crate::Memory::register_in_background)
/// and its like.
///
/// ```
/// let background = bonfire::process::register_in_background();
/// bonfire::process::light(); // a full fence, or already nothing
/// let tokens = background.wait();
/// assert_eq!(tokens.is_ok(), bonfire::process::is_registered());
/// ```
#[cfg(feature = "std")]
pub fn register_in_background() -> Background<crate::Tokens> {
    Background::start(crate::register)
}

#[cfg(feature = "std")]
pub use crate::background::Background;
