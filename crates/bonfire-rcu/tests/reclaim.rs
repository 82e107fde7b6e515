//! What is dropped, when, and on whose time.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier};
use std::thread;

use bonfire_rcu::{Cell, Domain, Global, Handle, OptionCell};

/// Counts itself when it is dropped.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

fn dropped() -> (Arc<AtomicUsize>, impl Fn() -> Counted) {
    let count = Arc::new(AtomicUsize::new(0));
    let of = Arc::clone(&count);
    (count, move || Counted(Arc::clone(&of)))
}

#[test]
fn what_a_section_can_see_is_dropped_after_it() {
    let domain = Arc::new(Domain::new());
    let (count, counted) = dropped();
    let cell = Cell::new_in(Arc::new(counted()), Arc::clone(&domain));
    let handle = domain.handle();
    let guard = handle.read();
    cell.store(Arc::new(counted()));
    let shared = Arc::clone(&domain);
    let updater = thread::spawn(move || shared.barrier());
    for _ in 0..300 {
        assert_eq!(count.load(SeqCst), 0, "dropped while a section was open that could see it");
        thread::yield_now();
    }
    drop(guard);
    updater.join().unwrap();
    assert_eq!(count.load(SeqCst), 1);
}

#[test]
fn sections_nest_and_end_in_any_order() {
    let domain = Arc::new(Domain::new());
    let (count, counted) = dropped();
    let handle = domain.handle();
    let (outer, inner) = (handle.read(), handle.read());
    let innermost = handle.read();
    domain.retire(Box::new(counted()));
    let shared = Arc::clone(&domain);
    let updater = thread::spawn(move || shared.barrier());
    for guard in [outer, innermost, inner] {
        (0..100).for_each(|_| thread::yield_now());
        assert_eq!(count.load(SeqCst), 0);
        drop(guard);
    }
    updater.join().unwrap();
    assert_eq!(count.load(SeqCst), 1);
}

#[test]
fn sections_one_at_a_time_hold_too() {
    bonfire_rcu::register(bonfire::Policy::Refuse).unwrap();
    let domain = Arc::new(Domain::new());
    let (count, counted) = dropped();
    let cell = Cell::new_in(Arc::new(counted()), Arc::clone(&domain));
    let mut handle = Handle::new(Arc::clone(&domain));
    // A section that was forgotten is over when nothing borrows the handle any more.
    std::mem::forget(handle.read());
    std::mem::forget(handle.read());
    let mut solo = handle.solo().expect("the process is registered");
    domain.synchronize();
    for round in 1..3 {
        let guard = solo.read();
        let seen = cell.see(&guard);
        cell.store(Arc::new(counted()));
        let updater = thread::spawn({
            let domain = Arc::clone(&domain);
            move || domain.barrier()
        });
        (0..100).for_each(|_| thread::yield_now());
        assert_eq!(seen.0.load(SeqCst), round - 1, "dropped in a section that sees it");
        drop(guard);
        updater.join().unwrap();
        assert_eq!(count.load(SeqCst), round);
    }
    // Back to sections that nest.
    let (outer, inner) = (handle.read(), handle.read());
    drop(outer);
    drop(inner);
    domain.synchronize();
}

#[test]
fn a_section_that_begins_again_and_again_holds_nobody_up() {
    let domain = Arc::new(Domain::new());
    let stop = Arc::new(AtomicUsize::new(0));
    let reader = {
        let (domain, stop) = (Arc::clone(&domain), Arc::clone(&stop));
        thread::spawn(move || {
            let handle = domain.handle();
            while stop.load(SeqCst) == 0 {
                drop(handle.read());
            }
        })
    };
    (0..200).for_each(|_| domain.synchronize());
    stop.store(1, SeqCst);
    reader.join().unwrap();
}

#[test]
fn an_owned_guard_keeps_one_value_and_no_other() {
    let domain = Arc::new(Domain::new());
    let (count, counted) = dropped();
    let cell = OptionCell::new_in(Some(Arc::new(counted())), Arc::clone(&domain));
    let kept = cell.load_owned();
    (0..10).for_each(|_| cell.store(Some(Arc::new(counted()))));
    domain.barrier();
    assert_eq!(count.load(SeqCst), 9, "all but what is kept and what is there");
    thread::spawn(move || drop(kept)).join().unwrap();
    domain.barrier();
    assert_eq!(count.load(SeqCst), 10);
    drop(cell);
    domain.barrier();
    assert_eq!(count.load(SeqCst), 11);
}

#[test]
fn a_domain_that_goes_drops_what_is_left() {
    let (count, counted) = dropped();
    let domain = Domain::new();
    domain.retire(Box::new(counted()));
    let again = counted();
    domain.defer(move || drop(again));
    drop(domain);
    assert_eq!(count.load(SeqCst), 2);
}

#[test]
fn a_cell_may_go_before_its_readers() {
    let (count, counted) = dropped();
    let cell = Cell::from_pointee(counted());
    let loaded = cell.load();
    drop(cell);
    Global.collect();
    assert_eq!(count.load(SeqCst), 0);
    assert_eq!(loaded.0.load(SeqCst), 0, "it can still be read");
    drop(loaded);
    Global.barrier();
    assert_eq!(count.load(SeqCst), 1);
}

#[test]
fn more_than_the_bound_waits_for_readers() {
    const BOUND: usize = 1 << 20;
    let domain = Arc::new(Domain::new());
    domain.set_bound(BOUND);
    let inside = Barrier::new(2);
    let most = thread::scope(|scope| {
        scope.spawn(|| {
            let handle = domain.handle();
            let guard = handle.read();
            inside.wait();
            // Leaves when the updater cannot go on.
            while domain.unreclaimed_bytes() <= BOUND {
                thread::yield_now();
            }
            drop(guard);
        });
        inside.wait();
        let retire_one = || {
            domain.retire(Box::new([0_u8; 1000]));
            domain.unreclaimed_bytes()
        };
        (0..20_000).map(|_| retire_one()).max()
    });
    assert!(most.is_some_and(|most| most < BOUND + (1 << 12)), "{most:?} bytes were unreclaimed");
}

#[test]
fn destructors_may_retire_and_read() {
    struct Chain(u32, Arc<Domain>);
    impl Drop for Chain {
        fn drop(&mut self) {
            drop(self.1.handle().read());
            if self.0 > 0 {
                self.1.retire(Box::new(Self(self.0 - 1, Arc::clone(&self.1))));
            }
        }
    }
    let domain = Arc::new(Domain::new());
    domain.retire(Box::new(Chain(50, Arc::clone(&domain))));
    (0..51).for_each(|_| domain.barrier());
    assert_eq!((domain.unreclaimed_bytes(), Arc::strong_count(&domain)), (0, 1));
}

#[test]
fn a_destructor_that_panics_stops_no_other() {
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            panic!("as it must");
        }
    }
    let domain = Arc::new(Domain::new());
    let (count, counted) = dropped();
    domain.retire(Box::new(counted()));
    domain.retire(Box::new(Panics));
    domain.retire(Box::new(counted()));
    let shared = Arc::clone(&domain);
    assert!(thread::spawn(move || shared.barrier()).join().is_err(), "whoever dropped it hears of it");
    assert_eq!(count.load(SeqCst), 2);
    domain.barrier();
    assert_eq!(domain.unreclaimed_bytes(), 0);
}

#[test]
fn threads_come_and_go_and_leave_their_records_to_others() {
    let domain = Arc::new(Domain::new());
    for _ in 0..20 {
        let threads = (0..20).map(|_| {
            let domain = Arc::clone(&domain);
            thread::spawn(move || drop(domain.handle().read()))
        });
        threads.collect::<Vec<_>>().into_iter().for_each(|thread| thread.join().unwrap());
    }
    let printed = format!("{domain:?}");
    assert!(printed.contains("readers_ever"), "{printed}");
    let ever: usize =
        printed.split("readers_ever: ").nth(1).unwrap().split([',', ' ']).next().unwrap().parse().unwrap();
    assert!(ever <= 20, "{ever} records for 20 threads at a time");
}

#[test]
fn a_destructor_of_a_thread_may_read() {
    struct Last(Cell<u32>);
    impl Drop for Last {
        fn drop(&mut self) {
            assert_eq!(**self.0.load(), 7);
        }
    }
    thread_local!(static LAST: Last = Last(Cell::from_pointee(7)));
    for touch_first in [true, false] {
        let thread = thread::spawn(move || {
            if touch_first {
                drop(Global::read());
            }
            LAST.with(|last| drop(last.0.load()));
        });
        thread.join().unwrap();
    }
}
