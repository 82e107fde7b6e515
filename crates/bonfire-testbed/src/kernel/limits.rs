//! What bounds programs, so that the kernel stays: threads, and its own heap. What is refused
//! is told once, since a program may hide it.

use crate::{family, frames};
use bonfire_testbed::calls::Request;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

/// The threads of all programs, of which each takes a stack of the heap, and the children that
/// nobody has waited for.
const MOST_THREADS: usize = 1000;
/// The areas of a process's memory: Linux's usual limit.
const MOST_AREAS: usize = 65530;
/// What of the heap is kept for what must not fail.
const RESERVE: usize = 4 << 20;

/// Says it the first time.
macro_rules! tell_once {
    ($($message:tt)*) => {{
        static TOLD: AtomicBool = AtomicBool::new(false);
        if !TOLD.swap(true, Relaxed) {
            $crate::say!($($message)*);
        }
    }};
}

/// How many threads programs have.
static THREADS: AtomicUsize = AtomicUsize::new(0);

/// A thread has begun.
pub(crate) fn thread_begins() {
    THREADS.fetch_add(1, Relaxed);
}

/// A thread has gone.
pub(crate) fn thread_ends() {
    THREADS.fetch_sub(1, Relaxed);
}

/// Whether there may be one more.
pub(crate) fn allows_thread() -> bool {
    let allows = THREADS.load(Relaxed) + family::ended() < MOST_THREADS;
    if !allows {
        tell_once!("programs have {MOST_THREADS} threads and ended children, the most there may be: EAGAIN");
    }
    allows
}

/// Whether a process may have as many areas as that, and some more.
pub(crate) fn allows_areas(count: usize) -> bool {
    let allows = count < MOST_AREAS;
    if !allows {
        tell_once!("a process has {MOST_AREAS} areas of memory, the most there may be: ENOMEM");
    }
    allows
}

/// There is no page left for what a call wants.
pub(crate) fn tell_no_page() {
    tell_once!("the machine has no page left for a new process: ENOMEM; see --memory");
}

/// Whether the heap has room for what a call adds to it. To unmap may take some, and gives more.
pub(crate) fn allows(request: &Request) -> bool {
    match request {
        Request::Munmap { .. } => allows_heap(RESERVE / 2),
        Request::Mmap { .. }
        | Request::Mprotect { .. }
        | Request::Brk { .. }
        | Request::Clone { .. }
        | Request::Clone3 { .. }
        | Request::Fork {}
        | Request::Vfork {}
        | Request::Execve { .. }
        | Request::Open { .. }
        | Request::Openat { .. }
        | Request::Pipe { .. }
        | Request::Pipe2 { .. }
        | Request::Eventfd2 { .. }
        | Request::MemfdCreate { .. } => allows_heap(RESERVE),
        _ => true,
    }
}

/// Whether a pipe may take up more.
pub(crate) fn allows_bytes() -> bool {
    allows_heap(RESERVE)
}

fn allows_heap(reserve: usize) -> bool {
    let allows = frames::free_heap() >= reserve;
    if !allows {
        tell_once!("the kernel's heap is used up by what programs keep in it: ENOMEM");
    }
    allows
}
