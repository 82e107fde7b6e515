//! Bad input: what does not compile is in the documentation of what refuses it; the rest
//! panics and names the rule.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use bonfire_rcu::{Cell, Domain, Global, Stall};

fn panics(body: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(body)).expect_err("it must panic");
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default()
}

#[test]
fn nobody_waits_for_himself() {
    let domain = Domain::new();
    let handle = domain.handle();
    let guard = handle.read();
    for wait in [Domain::synchronize, Domain::barrier] {
        assert!(panics(|| wait(&domain)).contains("inside a read section of its own thread"));
    }
    drop(guard);
    domain.synchronize();
    let _guard = Global::read();
    assert!(panics(|| Global.synchronize()).contains("inside a read section"));
}

#[test]
fn a_guard_of_another_domain_protects_nothing() {
    let (one, other) = (Domain::new(), Domain::new());
    let cell = Cell::new_in(Arc::new(1), &one);
    let handle = other.handle();
    let guard = handle.read();
    let see = || _ = cell.see(&guard);
    assert!(panics(see).contains("another domain"));
}

#[test]
fn a_destructor_does_not_wait_for_itself() {
    struct Waits(&'static Domain);
    impl Drop for Waits {
        fn drop(&mut self) {
            let domain = self.0;
            assert!(panics(|| domain.barrier()).contains("destructor"));
        }
    }
    static DOMAIN: Domain = Domain::new();
    DOMAIN.retire(Box::new(Waits(&DOMAIN)));
    DOMAIN.barrier();
}

#[test]
fn a_guard_that_was_forgotten_is_over_with_its_handle() {
    let domain = Domain::new();
    let handle = domain.handle();
    std::mem::forget(handle.read());
    drop(handle);
    domain.synchronize();
}

#[test]
fn a_reader_that_stays_is_reported() {
    static REPORTED: AtomicU64 = AtomicU64::new(0);
    static DOMAIN: Domain = Domain::new();
    DOMAIN.set_stall_report(Duration::from_millis(1), |stall: &Stall| {
        assert!(stall.to_string().contains(&format!("thread {}", stall.thread)));
        REPORTED.store(stall.thread, SeqCst);
    });
    let (inside, updater) = (std::sync::Barrier::new(2), std::sync::Barrier::new(2));
    thread::scope(|scope| {
        scope.spawn(|| {
            let handle = DOMAIN.handle();
            let guard = handle.read();
            inside.wait();
            updater.wait();
            while REPORTED.load(SeqCst) == 0 {
                thread::yield_now();
            }
            drop(guard);
        });
        inside.wait();
        updater.wait();
        DOMAIN.synchronize();
    });
    assert_ne!(REPORTED.load(SeqCst), 0);
}

/// As one that was killed there: what it forgot is open for ever. It is reported, again and
/// again, and nothing is freed under it.
#[test]
fn a_thread_that_ended_in_a_section_is_reported() {
    static REPORTS: AtomicU64 = AtomicU64::new(0);
    static DOMAIN: Domain = Domain::new();
    DOMAIN.set_stall_report(Duration::from_millis(1), |_| _ = REPORTS.fetch_add(1, SeqCst));
    let ended = thread::spawn(|| {
        let handle = DOMAIN.handle();
        std::mem::forget(handle.read());
        std::mem::forget(handle);
    });
    ended.join().unwrap();
    // It waits until this process ends.
    thread::spawn(|| DOMAIN.synchronize());
    while REPORTS.load(SeqCst) < 2 {
        thread::yield_now();
    }
    let dropped = Arc::new(());
    DOMAIN.retire_arc(Arc::clone(&dropped));
    DOMAIN.collect();
    assert_eq!(Arc::strong_count(&dropped), 2);
}

#[test]
fn a_report_does_not_wait_for_readers() {
    static REFUSED: AtomicU64 = AtomicU64::new(0);
    static DOMAIN: Domain = Domain::new();
    DOMAIN.set_stall_report(Duration::ZERO, |_| {
        let refused = panics(|| DOMAIN.synchronize()).contains("a report of a reader");
        REFUSED.fetch_add(u64::from(refused), SeqCst);
    });
    let inside = std::sync::Barrier::new(2);
    thread::scope(|scope| {
        scope.spawn(|| {
            let handle = DOMAIN.handle();
            let guard = handle.read();
            inside.wait();
            while REFUSED.load(SeqCst) == 0 {
                thread::yield_now();
            }
            drop(guard);
        });
        inside.wait();
        DOMAIN.synchronize();
    });
}
