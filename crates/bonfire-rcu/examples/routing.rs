//! A routing table: many look-ups by the longest prefix, few changes, each of which makes a
//! new table of one network and shares all others.
//!
//! ```sh
//! cargo run --release -p bonfire-rcu --example routing
//! ```

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;

use bonfire_rcu::{Global, Guard, OptionCell};

/// The routes of one network: by length of the prefix, then by prefix; each to a port.
type Routes = BTreeMap<u8, BTreeMap<u32, u16>>;

/// A cell for each of the 256 networks, so that a change copies little.
struct Table(Vec<OptionCell<Routes>>);

impl Table {
    fn new() -> Self {
        Self((0..256).map(|_| OptionCell::new(None)).collect())
    }

    /// The port of the longest prefix of `address`.
    fn look_up(&self, address: u32, guard: &Guard<'_>) -> Option<u16> {
        let routes = self.0[(address >> 24) as usize].see(guard)?;
        let port =
            |(&length, ports): (&u8, &BTreeMap<u32, u16>)| ports.get(&prefix(address, length)).copied();
        routes.iter().rev().find_map(port)
    }

    fn change(&self, network: u32, change: impl Fn(&mut Routes)) {
        self.0[(network >> 24) as usize].rcu(|routes| {
            let mut routes = routes.as_deref().cloned().unwrap_or_default();
            change(&mut routes);
            Some(routes.into())
        });
    }

    fn add(&self, network: u32, length: u8, port: u16) {
        self.change(network, |routes| {
            routes.entry(length).or_default().insert(prefix(network, length), port);
        });
    }

    fn remove(&self, network: u32, length: u8) {
        self.change(network, |routes| {
            routes.entry(length).or_default().remove(&prefix(network, length));
        });
    }
}

fn prefix(address: u32, length: u8) -> u32 {
    address & u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0)
}

const fn address(a: u8, b: u8, c: u8, d: u8) -> u32 {
    u32::from_be_bytes([a, b, c, d])
}

fn main() {
    let table = Table::new();
    table.add(address(10, 0, 0, 0), 8, 1);
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let handle = Global::handle();
                while !over.load(Relaxed) {
                    let guard = handle.read();
                    // The flapping route or the one behind it, and never none.
                    let port = table.look_up(address(10, 1, 2, 3), &guard);
                    assert!(matches!(port, Some(1 | 2)), "{port:?}");
                    assert_eq!(table.look_up(address(11, 1, 2, 3), &guard), None);
                }
            });
        }
        for _ in 0..2000 {
            table.add(address(10, 1, 0, 0), 16, 2);
            table.remove(address(10, 1, 0, 0), 16);
        }
        over.store(true, Relaxed);
    });
    table.add(address(10, 1, 2, 0), 24, 3);
    assert_eq!(table.look_up(address(10, 1, 2, 3), &Global::read()), Some(3));
    Global.barrier();
    assert_eq!(Global.unreclaimed_bytes(), 0);
    println!("4000 changes, and every packet found its way");
}
