//! Forked children: what they take over of a domain.
//!
//! A child has one thread, and a copy of everything that the others were at: their records,
//! sections, slots and locks. [`take_over`] gives back what was theirs. A number that every
//! fork changes says in which process a domain was used last.
//!
//! | edge | one side | other side |
//! |------|----------|------------|
//! | watched | forks are counted | another thread relies on it |

use core::sync::atomic::{
    AtomicBool, AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};

use bonfire_rcu_core::{Machine, Site, Slot};

use crate::Domain;
use crate::fences::Program;
use crate::garbage::Queue;
use crate::stall::Patience;

/// A number that is greater in a child than in the process that it was forked from. Written
/// where a process has one thread.
static FORKS: AtomicU64 = AtomicU64::new(0);

/// What records call the thread that forked this process and goes on in it.
static SURVIVOR: AtomicU64 = AtomicU64::new(0);

/// A number of this process, other than those of the processes that it was forked from since
/// the first [`watch`].
#[inline]
pub(crate) fn forks() -> u64 {
    FORKS.load(Relaxed)
}

/// Has forks counted from here on.
///
/// By the library's `fork`: a child that was made by a bare system call is not noticed.
pub(crate) fn watch() {
    static IS_WATCHED: AtomicBool = AtomicBool::new(false);

    extern "C" fn in_child() {
        SURVIVOR.store(super::local().number(), Relaxed);
        FORKS.fetch_add(1, Relaxed);
    }
    // Threads that come at the same time each have forks counted: none may go on before that
    // is done, and none can wait for another, which a child might not have.
    // PAIRS(watched): with the store below.
    if !IS_WATCHED.load(Acquire) {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        // SAFETY: the handler writes two words, which it may in a child of many threads. If
        // there is no memory for it, children take nothing over.
        unsafe {
            libc::pthread_atfork(None, None, Some(in_child))
        };
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        let _ = in_child;
        // PAIRS(watched): with the load above.
        IS_WATCHED.store(true, Release);
    }
}

/// Takes `domain` over from the threads that this process does not have.
///
/// # Safety
/// This process was forked, and no other thread of it has used the domain or does meanwhile.
/// Nor is the calling thread's fork inside a lock of the domain.
pub(crate) unsafe fn take_over(domain: &Domain) {
    let survivor = SURVIVOR.load(Relaxed);
    let gone = domain.readers.iter().filter(|record| record.who() != survivor);
    gone.for_each(|record| record.give_back(&Program));
    // A thread that holds something in a slot may have sent it here; one that was loading
    // did not.
    domain.slots.iter().for_each(Slot::give_back_if_any);
    // SAFETY: the caller's promise.
    if unsafe { domain.grace.lock().0.renew(()) } {
        Program.heavy(Site::Heavy);
    }
    // SAFETY: the caller's promise.
    unsafe { domain.garbage.queue.renew(Queue::EMPTY) };
    domain.garbage.forget_hands();
    // SAFETY: the caller's promise.
    unsafe { domain.patience.0.renew(Patience::COMPLAINS) };
}
