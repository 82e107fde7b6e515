//! A forked child takes a domain over from threads that it does not have: it never waits for
//! them, and drops nothing that its own sections see.
#![cfg(target_os = "linux")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use bonfire_rcu::{Cell, Domain, Global};

/// Longer than this a child does not live: it hangs.
const HANGS_S: u32 = 60;

/// Runs `body` in a forked child; what became of it if it did not come to its end.
fn in_a_child(body: impl FnOnce()) -> Result<(), String> {
    // SAFETY: the child uses memory and threads of its own, which glibc and musl allow after a
    // fork of a process of several threads, and ends without the destructors of this program.
    let child = unsafe { libc::fork() };
    if child == 0 {
        // SAFETY: takes nothing but seconds.
        unsafe { libc::alarm(HANGS_S) };
        let panicked = catch_unwind(AssertUnwindSafe(body)).is_err();
        // SAFETY: ends the child at once.
        unsafe { libc::_exit(i32::from(panicked)) };
    }
    let mut status = 0;
    // SAFETY: waits for the child from above and writes its status.
    let ended = unsafe { libc::waitpid(child, &raw mut status, 0) };
    assert!(child > 0 && ended == child, "the child is there");
    match (libc::WIFSIGNALED(status), libc::WEXITSTATUS(status)) {
        (true, _) => Err(format!("the child was ended by signal {}", libc::WTERMSIG(status))),
        (false, 0) => Ok(()),
        (false, _) => Err("the child panicked".into()),
    }
}

/// Counts itself when it is dropped.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

fn counted() -> (Arc<AtomicUsize>, Box<Counted>) {
    let count = Arc::new(AtomicUsize::new(0));
    (Arc::clone(&count), Box::new(Counted(count)))
}

/// Retires, and waits until it is dropped.
fn update(domain: &Domain) {
    let (count, thing) = counted();
    domain.retire(thing);
    domain.synchronize();
    domain.barrier();
    assert_eq!(count.load(SeqCst), 1);
}

/// Runs `body` while another thread is in `inside`, until that is called back.
fn beside<R>(inside: impl FnOnce(&Barrier, &Barrier) + Send, body: impl FnOnce() -> R) -> R {
    let (come, go) = (Barrier::new(2), Barrier::new(2));
    thread::scope(|scope| {
        scope.spawn(|| inside(&come, &go));
        come.wait();
        let result = body();
        go.wait();
        result
    })
}

#[test]
fn a_section_of_a_thread_that_is_not_in_the_child_is_not_waited_for() {
    let domain = Domain::new();
    let cell = Cell::from_pointee(1);
    let child = beside(
        |come, go| {
            let handle = domain.handle();
            let _guards = (handle.read(), Global::read(), cell.load_owned());
            come.wait();
            go.wait();
        },
        || {
            in_a_child(|| {
                update(&domain);
                update(&Global);
                // A grandchild, in which nobody has used the domain since.
                in_a_child(|| update(&domain)).unwrap();
                thread::scope(|scope| _ = scope.spawn(|| update(&domain)));
            })
        },
    );
    child.unwrap();
    update(&domain);
}

#[test]
fn a_section_of_the_thread_that_forks_is_one_of_the_child() {
    let domain = Domain::new();
    let cell = Cell::new_in(Arc::new(7), &domain);
    let handle = domain.handle();
    let guard = handle.read();
    assert_eq!(cell.see(&guard), &7);
    in_a_child(|| {
        let (count, thing) = counted();
        let domain = &domain;
        thread::scope(|scope| {
            let retires = scope.spawn(move || {
                domain.retire(thing);
                (0..100).for_each(|_| domain.collect());
            });
            retires.join().unwrap();
        });
        assert_eq!((count.load(SeqCst), cell.see(&guard)), (0, &7), "dropped in a section");
        drop(guard);
        domain.barrier();
        assert_eq!(count.load(SeqCst), 1);
    })
    .unwrap();
}

#[test]
fn a_lock_of_a_thread_that_is_not_in_the_child_is_free() {
    static DOMAIN: Domain = Domain::new();
    static IS_REPORTED: AtomicBool = AtomicBool::new(false);
    static MAY_GO: AtomicBool = AtomicBool::new(false);
    // An updater that reports has the lock of the domain.
    DOMAIN.set_stall_report(Duration::from_millis(1), |_| {
        IS_REPORTED.store(true, SeqCst);
        while !MAY_GO.load(SeqCst) {
            thread::yield_now();
        }
    });
    let handle = DOMAIN.handle();
    let guard = handle.read();
    thread::scope(|scope| {
        scope.spawn(|| DOMAIN.synchronize());
        while !IS_REPORTED.load(SeqCst) {
            thread::yield_now();
        }
        let child = in_a_child(|| {
            drop(guard);
            update(&DOMAIN);
        });
        // The parent's own guard is gone, with the closure that its child called.
        MAY_GO.store(true, SeqCst);
        child.unwrap();
    });
    update(&DOMAIN);
}

#[test]
fn what_another_thread_was_dropping_is_kept() {
    struct Slow(Arc<Barrier>, Arc<Barrier>);
    impl Drop for Slow {
        fn drop(&mut self) {
            self.0.wait();
            self.1.wait();
        }
    }
    let domain = Domain::new();
    let (come, go) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
    domain.retire(Box::new(Slow(Arc::clone(&come), Arc::clone(&go))));
    thread::scope(|scope| {
        scope.spawn(|| domain.barrier());
        come.wait();
        let child = in_a_child(|| {
            update(&domain);
            assert_eq!(domain.unreclaimed_bytes(), 0);
        });
        go.wait();
        child.unwrap();
    });
    update(&domain);
}

#[test]
fn a_child_of_a_busy_process_goes_on() {
    let domain = Domain::new();
    let cell = Cell::new_in(Arc::new([1_u64; 4]), &domain);
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let handle = domain.handle();
                while !over.load(SeqCst) {
                    let (_outer, inner) = (handle.read(), handle.read());
                    let seen = cell.see(&inner);
                    assert!(seen.iter().all(|&one| one == seen[0]));
                }
            });
        }
        let child = || {
            in_a_child(|| {
                let handle = domain.handle();
                (1..100).for_each(|number| {
                    cell.store(Arc::new([number; 4]));
                    assert_eq!(*cell.see(&handle.read()), [number; 4]);
                });
                drop(handle);
                domain.barrier();
            })
        };
        let children: Result<(), String> = (0..30).try_for_each(|_| child());
        over.store(true, SeqCst);
        children.unwrap();
    });
}
