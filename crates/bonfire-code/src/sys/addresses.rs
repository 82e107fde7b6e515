//! A set of addresses that grows, and that a signal handler may look at.

use std::sync::OnceLock;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

/// How many addresses the first table has; each has twice as many as the one before.
const FIRST: usize = 256;
const TABLES: usize = 32;

/// The addresses, in tables that never move and are never freed. 0 is none.
pub(super) struct Addresses([OnceLock<Box<[AtomicUsize]>>; TABLES]);

impl Addresses {
    /// No address.
    pub(super) const fn new() -> Self {
        Self([const { OnceLock::new() }; TABLES])
    }

    /// Keeps `address` for ever. One at a time.
    pub(super) fn add(&self, address: usize) {
        if self.has(address) {
            return;
        }
        let make = |index: usize| (0..FIRST << index).map(|_| AtomicUsize::new(0)).collect();
        let mut tables = self.0.iter().enumerate().map(|(index, table)| table.get_or_init(|| make(index)));
        // Relaxed, as all here: whoever publishes an address orders it.
        let free = tables.find_map(|table| table.iter().find(|place| place.load(Relaxed) == 0));
        free.expect("a program has not so many instructions").store(address, Relaxed);
    }

    /// Whether it was added. Takes no lock and no memory.
    pub(super) fn has(&self, address: usize) -> bool {
        let tables = self.0.iter().map_while(OnceLock::get);
        tables
            .flatten()
            .map(|place| place.load(Relaxed))
            .take_while(|&kept| kept != 0)
            .any(|kept| kept == address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_known_after_any_number() {
        let addresses = Addresses::new();
        assert!(!addresses.has(1));
        for address in 1..=FIRST * 7 {
            addresses.add(address);
            addresses.add(address);
        }
        assert!((1..=FIRST * 7).all(|address| addresses.has(address)));
        assert!(!addresses.has(FIRST * 7 + 1));
        let kept = addresses.0.iter().filter_map(OnceLock::get).flatten();
        assert_eq!(kept.filter(|place| place.load(Relaxed) != 0).count(), FIRST * 7, "each once");
    }
}
