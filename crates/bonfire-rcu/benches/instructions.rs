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

use bonfire_rcu::{Cache, Cell, Global, Handle};
use callgrind::{CALLS, Counted, count_all};

const COUNTED: [Counted; 5] = [
    ("section, bare: store, light, load, store", None, || {
        let words = [AtomicU64::new(0), AtomicU64::new(0)];
        (0..CALLS).for_each(|_| _ = black_box(counted_floor(black_box(&words[0]), black_box(&words[1]))));
    }),
    ("section by handle", Some(14), || {
        let (cell, handle) = ready();
        (0..CALLS).for_each(|_| _ = black_box(counted_handle(black_box(&handle), black_box(&cell))));
    }),
    ("section by thread-local", Some(18), || {
        let (cell, _handle) = ready();
        (0..CALLS).for_each(|_| _ = black_box(counted_local(black_box(&cell))));
    }),
    ("load and deref", Some(20), || {
        let (cell, _handle) = ready();
        (0..CALLS).for_each(|_| _ = black_box(counted_load(black_box(&cell))));
    }),
    ("cache", Some(12), || {
        let (cell, _handle) = ready();
        let mut cache = Cache::new(&cell);
        (0..CALLS).for_each(|_| _ = black_box(counted_cache(black_box(&mut cache))));
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

#[inline(never)]
fn counted_floor(word: &AtomicU64, shared: &AtomicU64) -> u64 {
    word.store(1, Relaxed);
    bonfire::light();
    let seen = shared.load(Acquire);
    word.store(0, Release);
    seen
}

#[inline(never)]
fn counted_handle(handle: &Handle, cell: &Cell<u64>) -> u64 {
    let guard = handle.read();
    *cell.see(&guard)
}

#[inline(never)]
fn counted_local(cell: &Cell<u64>) -> u64 {
    let guard = Global::read();
    *cell.see(&guard)
}

#[inline(never)]
fn counted_load(cell: &Cell<u64>) -> u64 {
    **cell.load()
}

#[inline(never)]
fn counted_cache(cache: &mut Cache<&Cell<u64>, std::sync::Arc<u64>>) -> u64 {
    **cache.load()
}

fn main() -> ExitCode {
    count_all(&COUNTED)
}
