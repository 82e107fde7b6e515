//! A map that is read much and written little: buckets are lists of shared nodes, which
//! writers replace from the front.
//!
//! ```sh
//! cargo run --release -p bonfire-rcu --example map
//! ```

use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread;

use bonfire_rcu::{Global, Guard, OptionCell};

/// A list that never changes: whoever has its first node can read it to the end.
struct Node<K: Send + Sync + 'static, V: Send + Sync + 'static> {
    key: K,
    value: V,
    next: Option<Arc<Self>>,
}

/// Readers take no lock. Writers take that of the map.
struct Map<K: Send + Sync + 'static, V: Send + Sync + 'static> {
    buckets: Vec<OptionCell<Node<K, V>>>,
    hasher: RandomState,
    writers: Mutex<()>,
}

impl<K: Hash + Eq + Clone + Send + Sync + 'static, V: Clone + Send + Sync + 'static> Map<K, V> {
    fn new(buckets: usize) -> Self {
        let buckets = (0..buckets).map(|_| OptionCell::new(None)).collect();
        Self { buckets, hasher: RandomState::new(), writers: Mutex::new(()) }
    }

    fn bucket(&self, key: &K) -> &OptionCell<Node<K, V>> {
        &self.buckets[self.hasher.hash_one(key) as usize % self.buckets.len()]
    }

    /// The value of `key`, for as long as the section lasts.
    fn get<'g>(&self, key: &K, guard: &'g Guard<'_>) -> Option<&'g V> {
        let mut node = self.bucket(key).see(guard);
        while let Some(here) = node {
            if here.key == *key {
                return Some(&here.value);
            }
            node = here.next.as_deref();
        }
        None
    }

    fn insert(&self, key: K, value: V) {
        let _writing = self.writers.lock().expect("no writer panics");
        let bucket = self.bucket(&key);
        let next = without(bucket.load_full().as_ref(), &key);
        bucket.store(Some(Arc::new(Node { key, value, next })));
    }

    fn remove(&self, key: &K) {
        let _writing = self.writers.lock().expect("no writer panics");
        let bucket = self.bucket(key);
        bucket.store(without(bucket.load_full().as_ref(), key));
    }
}

/// The list without `key`. What comes behind it is shared.
fn without<K, V>(list: Option<&Arc<Node<K, V>>>, key: &K) -> Option<Arc<Node<K, V>>>
where
    K: Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    let node = list?;
    if node.key == *key {
        return node.next.clone();
    }
    let next = without(node.next.as_ref(), key);
    Some(Arc::new(Node { key: node.key.clone(), value: node.value.clone(), next }))
}

const KEYS: u64 = 500;

fn main() {
    let map = Map::new(64);
    (0..KEYS).for_each(|key| map.insert(key, key));
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for round in 1..20 {
                // Even keys change, odd ones stay.
                (0..KEYS).step_by(2).for_each(|key| map.insert(key, key + round * KEYS));
            }
            (0..KEYS).step_by(2).for_each(|key| map.remove(&key));
            over.store(true, Relaxed);
        });
        for _ in 0..2 {
            scope.spawn(|| {
                let handle = Global::handle();
                while !over.load(Relaxed) {
                    for key in 0..KEYS {
                        let guard = handle.read();
                        match map.get(&key, &guard) {
                            Some(value) => assert_eq!(value % KEYS, key),
                            None => assert!(key % 2 == 0, "odd keys are not removed"),
                        }
                    }
                }
            });
        }
    });
    let left = (0..KEYS).filter(|key| map.get(key, &Global::read()).is_some()).count() as u64;
    assert_eq!(left, KEYS / 2);
    drop(map);
    Global.barrier();
    assert_eq!(Global.unreclaimed_bytes(), 0);
    println!("{left} keys are left, and every reader found what it looked for");
}
