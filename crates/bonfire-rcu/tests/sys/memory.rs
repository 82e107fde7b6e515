//! What of reading and retiring takes memory, and what becomes of it if there is none.
#![cfg(target_os = "linux")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell as Plain;
use std::ptr;
use std::sync::Arc;

use bonfire_rcu::{Cell, Domain, Global};

/// The system's allocator, which counts, and can be told to have nothing left.
struct Counting;

thread_local! {
    static ALLOCATIONS: Plain<u64> = const { Plain::new(0) };
    static IS_EMPTY: Plain<bool> = const { Plain::new(false) };
}

// SAFETY: it does what the system's allocator does, or says that there is no memory.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        if IS_EMPTY.get() {
            return ptr::null_mut();
        }
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise; it came from there.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// How often the calling thread asks for memory in `body`.
fn allocations(body: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.get();
    body();
    ALLOCATIONS.get() - before
}

#[test]
fn only_the_first_of_many_records_takes_memory() {
    let domain = Domain::new();
    let cell = Cell::new_in(Arc::new(1), &domain);
    let global = Cell::from_pointee(1);
    assert!(allocations(|| drop(cell.load())) > 0, "the twin: the first takes some");
    drop((global.load(), global.load_owned()));
    let reads = || {
        let handle = domain.handle();
        let (outer, inner) = (handle.read(), handle.read());
        assert_eq!((cell.see(&outer), cell.see(&inner)), (&1, &1));
        drop((cell.load(), global.load(), global.load_full(), global.load_owned()));
    };
    assert_eq!(allocations(|| (0..100).for_each(|_| reads())), 0);
    assert_eq!(allocations(|| Global.synchronize()), 0, "waiting takes none");
}

/// As every `Box`: the process is aborted, and nothing has been freed too early.
#[test]
fn without_memory_for_a_record_the_process_is_aborted() {
    let domain = Domain::new();
    // SAFETY: the child takes a record and is ended.
    let child = unsafe { libc::fork() };
    if child == 0 {
        IS_EMPTY.set(true);
        let handle = domain.handle();
        std::mem::forget(handle);
        // SAFETY: ends the child at once.
        unsafe { libc::_exit(0) };
    }
    let mut status = 0;
    // SAFETY: waits for the child from above and writes its status.
    unsafe { libc::waitpid(child, &raw mut status, 0) };
    assert!(libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGABRT, "status {status}");
}
