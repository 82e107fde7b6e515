//! The first use in a process that has 32 other threads: each peer in a process of its own,
//! and in a program of its own: some peers that are linked register before `main`.

#[path = "sys/once.rs"]
mod once;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

fn main() {
    use_once(&std::env::args().nth(1).expect("the name of a peer"));
}

/// Constructs, reads and retires once; prints how many microseconds that took.
fn use_once(peer: &str) {
    let over = Arc::new(AtomicBool::new(false));
    let threads: Vec<_> = (0..32)
        .map(|_| {
            let over = Arc::clone(&over);
            thread::spawn(move || {
                while !over.load(Relaxed) {
                    thread::sleep(Duration::from_millis(1));
                }
            })
        })
        .collect();
    let start = Instant::now();
    match peer {
        "bonfire-rcu" => {
            let cell = bonfire_rcu::Cell::from_pointee(1);
            assert_eq!(**cell.load(), 1);
            cell.store(Arc::new(2));
        }
        "seize" => once::seize_once(),
        "haphazard" => once::haphazard_once(),
        _ => once::crossbeam_once(),
    }
    println!("{}", start.elapsed().as_nanos() as f64 / 1000.0);
    over.store(true, Relaxed);
    threads.into_iter().for_each(|thread| thread.join().expect("it sleeps"));
}
