//! A list from which nodes are removed while readers walk over them.
//!
//! A node that is removed still leads on, so whoever stands on it finds the way; it is
//! dropped when nobody can stand on it any more.
//!
//! ```sh
//! cargo run --release -p bonfire-rcu --example list
//! ```

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread;

use bonfire_rcu::{Global, Guard, OptionCell};

struct Node {
    value: u64,
    next: OptionCell<Node>,
}

/// A list in order. Readers take no lock, writers one.
struct List {
    first: OptionCell<Node>,
    writers: Mutex<()>,
}

impl List {
    const fn new(first: OptionCell<Node>) -> Self {
        Self { first, writers: Mutex::new(()) }
    }

    /// The values, as they are met in one section.
    fn values<'g>(&self, guard: &'g Guard<'_>) -> impl Iterator<Item = u64> + 'g {
        std::iter::successors(self.first.see(guard), |node| node.next.see(guard)).map(|node| node.value)
    }

    fn insert(&self, value: u64) {
        let _writing = self.writers.lock().expect("no writer panics");
        let guard = Global::read();
        let place = self.place_before(value, &guard);
        let next = OptionCell::new(place.load_full());
        place.store(Some(Arc::new(Node { value, next })));
    }

    fn remove(&self, value: u64) {
        let _writing = self.writers.lock().expect("no writer panics");
        let guard = Global::read();
        let place = self.place_before(value, &guard);
        if let Some(node) = place.see(&guard).filter(|node| node.value == value) {
            place.store(node.next.load_full());
        }
    }

    /// The cell that holds the first node of at least `value`.
    fn place_before<'g>(&'g self, value: u64, guard: &'g Guard<'_>) -> &'g OptionCell<Node> {
        let mut place = &self.first;
        while let Some(node) = place.see(guard).filter(|node| node.value < value) {
            place = &node.next;
        }
        place
    }
}

const VALUES: u64 = 60;

fn main() {
    let list = List::new(OptionCell::new(None));
    (0..VALUES).for_each(|value| list.insert(value));
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..200 {
                // Those that three divides stay.
                (0..VALUES).filter(|value| value % 3 != 0).for_each(|value| list.remove(value));
                (0..VALUES).filter(|value| value % 3 != 0).for_each(|value| list.insert(value));
            }
            over.store(true, Relaxed);
        });
        for _ in 0..2 {
            scope.spawn(|| {
                let handle = Global::handle();
                while !over.load(Relaxed) {
                    let guard = handle.read();
                    let met: Vec<u64> = list.values(&guard).collect();
                    assert!(met.is_sorted());
                    let stayed = met.iter().filter(|&&value| value % 3 == 0).count() as u64;
                    assert_eq!(stayed, VALUES / 3);
                }
            });
        }
    });
    assert!(list.values(&Global::read()).eq(0..VALUES));
    drop(list);
    // A node that is dropped retires the next.
    while Global.unreclaimed_bytes() > 0 {
        Global.barrier();
    }
    println!("{} removals, and no reader lost its way", 200 * VALUES / 3 * 2);
}
