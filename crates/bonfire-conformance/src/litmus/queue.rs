//! What makes a store wait: the queue that a thread puts before its accesses.
//!
//! The time that any system call takes hides a reordering of plain accesses: by
//! the time the call is back, the other thread's store has left its store buffer.
//! So the store under test waits behind others that take long. Which others take
//! long depends on the machine:
//!
//! | queue | a store waits for | where |
//! |---|---|---|
//! | [`Pairs`](Queue::Pairs): throw a line out of the caches, store to it | one trip to memory after the other, since none can be fetched ahead | wherever an instruction throws lines out |
//! | [`Cold`](Queue::Cold): store to lines that were not used for long, one in each page at the same offset | trips to memory, several at a time | anywhere; in emulators, which ignore that instruction |
//! | [`Chain`](Queue::Chain): load what misses, and compute the stored value from it | trips to memory, one after the other | where loads may overtake each other, so that a load goes ahead while the value is not yet there |
//!
//! `docs/litmus.md` has the rates. Too many are as bad as too few: when the store
//! buffer is full, the load under test waits, too.

use core::hint::black_box;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::table::Line;
use crate::arch;
use crate::random::Random;

/// A page of memory, as words.
pub type Page = [AtomicU64; 512];

/// A queue of so many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Queue {
    Pairs(usize),
    Cold(usize),
    Chain(usize),
}

use Queue::{Chain, Cold, Pairs};

/// Every queue that is tried. A number that is not here has a compiled form of
/// none.
pub(crate) const QUEUES: [Queue; 14] = [
    Pairs(8),
    Pairs(10),
    Pairs(12),
    Pairs(14),
    Pairs(16),
    Cold(12),
    Cold(16),
    Cold(20),
    Cold(24),
    Cold(32),
    Cold(48),
    Chain(8),
    Chain(12),
    Chain(16),
];

/// The most lines that a queue of pairs or a chain takes.
pub(super) const LINES: usize = 16;

/// The memory of a thread's queues.
#[derive(Clone, Copy)]
pub(super) struct Slow<'a> {
    /// Lines in one page, for pairs and chains.
    pub(super) lines: &'a [Line; LINES],
    /// This thread's part of the pages that were not used for long.
    pub(super) pages: &'a [Page],
}

/// Which kinds of queues are of use on a machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Useful {
    pub(crate) pairs: bool,
    pub(crate) cold: bool,
    pub(crate) chain: bool,
}

impl Useful {
    fn has(self, queue: Queue) -> bool {
        match queue {
            Pairs(_) => self.pairs,
            Cold(_) => self.cold,
            Chain(_) => self.chain,
        }
    }

    /// The place in [`QUEUES`] of one that is of use, at random; of the first if
    /// none is.
    pub(super) fn draw(self, random: &mut Random) -> usize {
        let useful = || (0..QUEUES.len()).filter(|&place| self.has(QUEUES[place]));
        let count = useful().count().max(1) as u32;
        useful().nth(random.below(count) as usize).unwrap_or(0)
    }
}

impl Queue {
    /// How many.
    pub(super) const fn count(self) -> usize {
        match self {
            Pairs(count) | Cold(count) | Chain(count) => count,
        }
    }

    /// Makes ready, before the threads meet, what can be: translations and the
    /// right to write, so that nothing but a trip to memory is in a store's way.
    pub(super) fn prepare(self, slow: Slow, round: u64) {
        match self {
            Pairs(_) => {}
            Cold(count) => {
                let Some((pages, at)) = window(slow.pages, round) else { return };
                let other = (at + 264) % 512;
                pages[..count].iter().for_each(|page| page[other].store(round, Relaxed));
            }
            Chain(count) => slow.lines[..count].iter().for_each(|line| arch::evict(&line.0)),
        }
    }
}

impl Slow<'_> {
    /// Throws each of so many lines out of the caches, and stores to it.
    #[inline(always)]
    pub(super) fn fill_pairs(&self, count: usize, round: u64) {
        for line in &self.lines[..count] {
            arch::evict(&line.0);
            line.0.store(round, Relaxed);
        }
    }

    /// Stores to `N` cold lines.
    #[inline(always)]
    pub(super) fn fill_cold<const N: usize>(&self, round: u64) {
        if let Some((pages, at)) = window(self.pages, round) {
            arch::store_to_pages::<N>(pages, at, round);
        }
    }

    /// Loads so many lines, each from an address that hangs on what the one before
    /// returned. The result is 0, and there only when all of them are.
    #[inline(always)]
    pub(super) fn chain(&self, count: usize) -> u64 {
        let nothing = black_box(0);
        (0..count).fold(0, |before, index| {
            let line = self.lines.get(index.wrapping_add(before as usize));
            line.map_or(0, |line| line.0.load(Relaxed)) & nothing
        })
    }
}

/// The pages of a round and the place in them: 32 rounds in 64 pages, each at an
/// offset of its own, and then the next 64 pages.
#[inline(always)]
fn window(pages: &[Page], round: u64) -> Option<(&[Page; 64], usize)> {
    let groups = pages.len() / 64;
    let first = (round as usize / 32).checked_rem(groups)? * 64;
    Some((pages[first..].first_chunk()?, round as usize * 13 % 32 * 16))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_drawn_is_of_use() {
        let mut random = Random::new(1);
        for useful in [
            Useful { pairs: true, ..Useful::default() },
            Useful { cold: true, ..Useful::default() },
            Useful { cold: true, chain: true, ..Useful::default() },
        ] {
            let drawn = core::iter::repeat_with(|| QUEUES[useful.draw(&mut random)]).take(100);
            assert!(drawn.into_iter().all(|queue| useful.has(queue)), "{useful:?}");
        }
    }

    #[test]
    fn a_round_has_a_window_of_its_own() {
        extern crate std;
        let pages: std::boxed::Box<[Page]> =
            (0..128).map(|_| core::array::from_fn(|_| AtomicU64::new(0))).collect();
        let mut seen = std::collections::BTreeSet::new();
        for round in 0..64 {
            let (window, at) = window(&pages, round).unwrap();
            assert!(seen.insert(core::ptr::from_ref(&window[0][at])), "round {round}");
        }
        assert!(window(&pages[..10], 0).is_none(), "too few pages");
    }
}
