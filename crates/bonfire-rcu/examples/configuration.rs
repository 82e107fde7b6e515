//! A configuration that is reloaded under load: readers look it up for each request, and
//! keep what a long request began with.
//!
//! ```sh
//! cargo run --release -p bonfire-rcu --example configuration
//! ```

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;

use bonfire_rcu::{Cache, Cell, Global, Handle};

/// What is read must be of one version, and not half of another.
struct Configuration {
    version: u64,
    limits: Vec<u64>,
}

impl Configuration {
    fn new(version: u64) -> Self {
        Self { version, limits: vec![version; 100] }
    }

    fn is_whole(&self) -> bool {
        self.limits.iter().all(|&limit| limit == self.version)
    }
}

const VERSIONS: u64 = 2000;

fn main() {
    let current = Cell::from_pointee(Configuration::new(0));
    let (over, requests) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let handle = Global::handle();
                let mut newest = 0;
                while !over.load(Relaxed) {
                    newest = request(&current, &handle, newest);
                    requests.fetch_add(1, Relaxed);
                }
            });
        }
        scope.spawn(|| {
            // A worker that is told of a new version when it looks.
            let mut cache = Cache::new(&current);
            while !over.load(Relaxed) {
                assert!(cache.load().is_whole());
            }
        });
        scope.spawn(|| {
            // A request that takes long keeps one version, and no other garbage.
            while !over.load(Relaxed) {
                let kept = current.load_owned();
                thread::yield_now();
                assert!(kept.is_whole());
            }
        });
        (1..=VERSIONS).for_each(|version| current.store(Configuration::new(version).into()));
        over.store(true, Relaxed);
    });
    assert_eq!(current.load().version, VERSIONS);
    Global.barrier();
    assert_eq!(Global.unreclaimed_bytes(), 0, "all old versions are dropped");
    println!("{} requests met {VERSIONS} versions", requests.into_inner());
}

/// Looks at the configuration; it never goes back.
fn request(current: &Cell<Configuration>, handle: &Handle, newest: u64) -> u64 {
    let guard = handle.read();
    let configuration = current.see(&guard);
    assert!(configuration.is_whole() && configuration.version >= newest);
    configuration.version
}
