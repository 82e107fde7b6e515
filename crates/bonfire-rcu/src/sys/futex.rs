//! Sleeping and waking where the system has a futex.

use core::ptr;
use core::sync::atomic::AtomicU64;

/// The longest sleep, so that a reader that never leaves is reported.
const LONGEST_MS: i64 = 100;

/// Sleeps while `word` is 0, and not longer than [`LONGEST_MS`].
///
/// The kernel compares before it sleeps, behind a full barrier and under a lock that
/// [`wake`] takes, too: what was written before that call is seen or the sleep ends.
pub(crate) fn sleep(word: &AtomicU64) {
    let longest = libc::timespec { tv_sec: 0, tv_nsec: (LONGEST_MS * 1_000_000) as _ };
    // SAFETY: 1. the address is that of a word that lives through the call; 2. so does the
    // time. That the call fails means that there is nothing to wait for.
    unsafe {
        libc::syscall(
            libc::SYS_futex,
            half(word),
            libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG,
            0,
            ptr::from_ref(&longest),
        )
    };
}

/// Ends the sleep of whoever sleeps on `word`.
///
/// Safe in a signal handler.
pub(crate) fn wake(word: &AtomicU64) {
    // SAFETY: the address is only compared with those that are slept on.
    unsafe {
        libc::syscall(libc::SYS_futex, half(word), libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG, i32::MAX)
    };
}

/// Lets other threads run first.
pub(crate) fn give_way() {
    std::thread::yield_now();
}

/// The half of the word that a futex looks at. The word is 0 or all ones, so either
/// half tells.
fn half(word: &AtomicU64) -> *mut u32 {
    word.as_ptr().cast()
}
