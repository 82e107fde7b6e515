//! What a read section costs a reader that nobody disturbs.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering::*};
use std::sync::{Arc, RwLock};
use std::time::Instant;

use bonfire_rcu::{Cache, Cell, Global};

use crate::{median, more, sys};

const SECTIONS: u64 = 20_000;
const ROUNDS: usize = 101;

type Row = (&'static str, Box<dyn FnMut() -> u64>);

/// Runs `section` so often; inlined, as a program would.
#[inline(always)]
fn repeat(mut section: impl FnMut() -> u64) -> u64 {
    let mut sum = 0_u64;
    for _ in 0..SECTIONS {
        sum = sum.wrapping_add(section());
    }
    sum
}

fn rows() -> Vec<Row> {
    let (word, shared) = (AtomicU64::new(0), sys::leaked());
    let (by_solo, by_handle, by_local, by_load, by_owned) =
        (Cell::from_pointee(1), Cell::from_pointee(1), Cell::from_pointee(1), Cell::from_pointee(1), Cell::from_pointee(1));
    let mut cache = Cache::new(Arc::new(Cell::from_pointee(1)));
    let (std_lock, parking_lock) = (RwLock::new(1), parking_lot::RwLock::new(1));
    let swap = arc_swap::ArcSwap::from_pointee(1);
    let mut swap_cache = arc_swap::Cache::new(Arc::new(arc_swap::ArcSwap::from_pointee(1)));
    let epoch = crossbeam_epoch::Atomic::new(1);
    let (collector, of_seize) = (seize::Collector::new(), sys::leaked());
    let mut hazard = haphazard::HazardPointer::new();
    let of_haphazard = haphazard::AtomicPtr::from(Box::new(1));
    let of_sdd = sdd::AtomicShared::new(1);
    let of_kovan = kovan::Atom::new(1_u64);
    let mut rows: Vec<Row> = vec![
        ("bare: store, light, load, store", Box::new(move || repeat(|| sys::bare(&word, &shared)))),
        (
            "bonfire-rcu, one at a time",
            Box::new(move || {
                let (mut handle, cell) = (Global::handle(), &by_solo);
                let mut solo = handle.solo().expect("fences are light");
                repeat(|| *cell.see(&solo.read()))
            }),
        ),
        (
            "bonfire-rcu, by handle",
            Box::new(move || {
                let (handle, cell) = (Global::handle(), &by_handle);
                repeat(|| *cell.see(&handle.read()))
            }),
        ),
        ("bonfire-rcu, by thread-local", Box::new(move || repeat(|| *by_local.see(&Global::read())))),
        ("bonfire-rcu, load", Box::new(move || repeat(|| **by_load.load()))),
        ("bonfire-rcu, load_owned", Box::new(move || repeat(|| **by_owned.load_owned()))),
        ("bonfire-rcu, Cache", Box::new(move || repeat(|| **cache.load()))),
        ("arc-swap, load", Box::new(move || repeat(|| **swap.load()))),
        ("arc-swap, Cache", Box::new(move || repeat(|| **swap_cache.load()))),
        ("crossbeam-epoch", Box::new(move || repeat(|| sys::crossbeam(&epoch)))),
        ("seize", Box::new(move || repeat(|| sys::seize(&collector, &of_seize)))),
        ("haphazard, slot kept", Box::new(move || repeat(|| sys::haphazard(&mut hazard, &of_haphazard)))),
        ("sdd", Box::new(move || repeat(|| more::sdd(&of_sdd)))),
        ("kovan, peek", Box::new(move || repeat(|| of_kovan.peek(|value| *value)))),
        ("std RwLock", Box::new(move || repeat(|| *std_lock.read().expect("nobody panics")))),
        ("parking_lot RwLock", Box::new(move || repeat(|| *parking_lock.read()))),
    ];
    #[cfg(urcu)]
    {
        use more::urcu;
        rows.push((
            "liburcu-memb, inlined",
            Box::new(|| urcu::memb::registered(|| urcu::memb::sections(SECTIONS))),
        ));
        rows.push((
            "liburcu-bp, inlined",
            Box::new(|| urcu::bp::registered(|| urcu::bp::sections(SECTIONS))),
        ));
        rows.push((
            "liburcu-qsbr, inlined",
            Box::new(|| urcu::qsbr::registered(|| urcu::qsbr::sections(SECTIONS))),
        ));
    }
    rows
}

/// Measures all rows in turn, and prints them.
pub(crate) fn table() {
    // Another thread, asleep, as every program has: some peers take a shortcut without.
    std::thread::spawn(std::thread::park);
    let mut rows = rows();
    let mut samples = vec![Vec::new(); rows.len()];
    for _ in 0..ROUNDS {
        for ((_, row), samples) in rows.iter_mut().zip(&mut samples) {
            let start = Instant::now();
            black_box(row());
            samples.push(start.elapsed().as_nanos() as f64 / SECTIONS as f64);
        }
    }
    let medians: Vec<f64> = samples.into_iter().map(median).collect();
    println!("{:<36} {:>8} {:>10}", "a read section, one reader", "ns", "to bare");
    for ((name, _), ns) in rows.iter().zip(&medians) {
        println!("{name:<36} {ns:>8.2} {:>10.2}", ns / medians[0]);
    }
    println!();
}
