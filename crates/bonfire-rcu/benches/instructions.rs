//! How many instructions a read section takes, counted by callgrind: the same number on
//! every run, whatever else the machine does.
//!
//! ```sh
//! cargo bench -p bonfire-rcu --bench instructions
//! ```

#[path = "../../../benches/callgrind.rs"]
mod callgrind;

use std::hint::black_box;
use std::process::ExitCode;
use std::sync::atomic::{
    AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};

use bonfire_rcu::{Cache, Cell, Global, Handle, Solo};
use callgrind::{CALLS, Counted, count_all};

const COUNTED: [Counted; 7] = [
    ("a turn: load, add, count, branch", None, || _ = counted_turns(&AtomicU64::new(1))),
    ("with a bare section: two stores more", None, || {
        let words = [AtomicU64::new(0), AtomicU64::new(1)];
        _ = counted_bare(black_box(&words[0]), black_box(&words[1]));
    }),
    ("with a section, one at a time", Some(12), || {
        let (cell, mut handle) = ready();
        _ = counted_solo(black_box(&mut handle.solo().expect("fences are light")), black_box(&cell));
    }),
    ("with a section by handle", Some(15), || {
        let (cell, handle) = ready();
        _ = counted_handle(black_box(&handle), black_box(&cell));
    }),
    ("with a section by thread-local", Some(18), || {
        let (cell, _handle) = ready();
        _ = counted_local(black_box(&cell));
    }),
    ("with a load of a cell", Some(18), || {
        let (cell, _handle) = ready();
        _ = counted_load(black_box(&cell));
    }),
    ("with a cache", Some(9), || {
        let (cell, _handle) = ready();
        _ = counted_cache(black_box(&mut Cache::new(&cell)));
    }),
];

/// A cell, in a process whose light fences are light.
fn ready() -> (Cell<u64>, Handle) {
    bonfire_rcu::register(bonfire::Policy::Refuse).expect("the kernel has membarrier");
    let handle = Global::handle();
    // The first section notices.
    drop(handle.read());
    drop(Global::read());
    (Cell::from_pointee(1), handle)
}

/// [`CALLS`] turns, each of which looks and adds.
#[inline(always)]
fn turns(mut look: impl FnMut() -> u64) -> u64 {
    let mut sum = 0_u64;
    for _ in 0..CALLS {
        sum = sum.wrapping_add(look());
    }
    sum
}

#[inline(never)]
fn counted_turns(shared: &AtomicU64) -> u64 {
    turns(|| {
        bonfire::light(); // lest it be unrolled
        shared.load(Acquire)
    })
}

#[inline(never)]
fn counted_bare(word: &AtomicU64, shared: &AtomicU64) -> u64 {
    turns(|| {
        word.store(1, Relaxed);
        bonfire::light();
        let seen = shared.load(Acquire);
        word.store(0, Release);
        seen
    })
}

#[inline(never)]
fn counted_solo(solo: &mut Solo<'_>, cell: &Cell<u64>) -> u64 {
    turns(|| *cell.see(&solo.read()))
}

#[inline(never)]
fn counted_handle(handle: &Handle, cell: &Cell<u64>) -> u64 {
    turns(|| *cell.see(&handle.read()))
}

#[inline(never)]
fn counted_local(cell: &Cell<u64>) -> u64 {
    turns(|| *cell.see(&Global::read()))
}

#[inline(never)]
fn counted_load(cell: &Cell<u64>) -> u64 {
    turns(|| **cell.load())
}

#[inline(never)]
fn counted_cache(cache: &mut Cache<&Cell<u64>, std::sync::Arc<u64>>) -> u64 {
    let mut sum = 0_u64;
    for _ in 0..CALLS {
        sum = sum.wrapping_add(**cache.load());
    }
    sum
}

fn main() -> ExitCode {
    count_all(&COUNTED)
}
