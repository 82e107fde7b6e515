//! Threads as Rust's library has them, on the C library musl: a lock, a condition, a channel,
//! variables of a thread, waits with a time, a panic that is caught. Says "ok" at the end.

use std::cell::Cell;
use std::panic;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Barrier, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

const THREADS: u64 = 8;

thread_local! {
    static OWN: Cell<u64> = const { Cell::new(0) };
}

fn main() {
    take_turns();
    hand_over();
    wait_in_vain();
    panic_alone();
    assert!(thread::available_parallelism().is_ok_and(|cpus| cpus.get() >= 1));
    println!("ok");
}

/// Each counts for itself and for all, and then all take turns in their order.
fn take_turns() {
    let shared = Arc::new((Mutex::new((0, 0)), Condvar::new(), Barrier::new(THREADS as usize)));
    let work = |number: u64| {
        let shared = Arc::clone(&shared);
        move || {
            let (state, turned, barrier) = &*shared;
            for _ in 0..1000 {
                state.lock().unwrap().0 += 1;
                OWN.set(OWN.get() + 1);
            }
            barrier.wait();
            let mut state = turned.wait_while(state.lock().unwrap(), |state| state.1 != number).unwrap();
            state.1 += 1;
            turned.notify_all();
            OWN.get()
        }
    };
    let threads: Vec<_> = (0..THREADS).map(|number| thread::spawn(work(number))).collect();
    assert!(threads.into_iter().all(|thread| thread.join().unwrap() == 1000));
    assert_eq!(*shared.0.lock().unwrap(), (THREADS * 1000, THREADS));
}

fn hand_over() {
    let (sender, receiver) = mpsc::sync_channel(2);
    let giver = thread::spawn(move || (0..1000u64).for_each(|number| sender.send(number).unwrap()));
    assert!(receiver.iter().eq(0..1000));
    giver.join().unwrap();
}

fn wait_in_vain() {
    let (sender, receiver) = mpsc::channel::<()>();
    let began = Instant::now();
    let got = receiver.recv_timeout(Duration::from_millis(20));
    assert_eq!(got, Err(RecvTimeoutError::Timeout));
    assert!(began.elapsed() >= Duration::from_millis(20));
    assert!(SystemTime::UNIX_EPOCH.elapsed().is_ok_and(|age| age.as_secs() > 1_700_000_000));
    drop(sender);
}

fn panic_alone() {
    panic::set_hook(Box::new(|_| {}));
    assert!(thread::spawn(|| panic!("alone")).join().is_err());
}
