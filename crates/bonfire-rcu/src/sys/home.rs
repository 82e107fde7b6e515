//! In which process a domain is used, and the turn of who takes it over.
//!
//! | edge | one side | other side |
//! |------|----------|------------|
//! | taken over | a thread of a child has taken a domain over | another one uses it |

use core::sync::atomic::{
    AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};

use super::fork::{forks, take_over, watch};
use super::{give_way, local};
use crate::Domain;

/// The process in which a domain is used: its number by [`forks`], and [`BUSY`] while a thread of
/// it takes the domain over.
pub(crate) struct Home(AtomicU64);

const BUSY: u64 = 1 << 63;
const NOWHERE: u64 = u64::MAX;

impl Home {
    pub(crate) const fn new() -> Self {
        Self(AtomicU64::new(NOWHERE))
    }

    /// Makes this process the one in which `domain`, whose home this is, is used.
    #[inline]
    pub(crate) fn enter(&self, domain: &Domain) {
        // PAIRS(taken over): with `arrive`.
        if self.0.load(Acquire) != forks() {
            self.arrive(domain);
        }
    }

    #[cold]
    fn arrive(&self, domain: &Domain) {
        watch();
        let here = forks();
        if self.0.compare_exchange(NOWHERE, here, Relaxed, Relaxed).is_ok() {
            return;
        }
        assert!(!local().reports.get(), "a child that was forked by a report must not use the domain of it");
        loop {
            // PAIRS(taken over): as in `enter`.
            let home = self.0.load(Acquire);
            if home == here {
                return;
            }
            if home == here | BUSY {
                give_way();
            } else if self.0.compare_exchange(home, here | BUSY, Relaxed, Relaxed).is_ok() {
                break;
            }
        }
        // SAFETY: the home was another process, so this one was forked from there or from a
        // child of it. Whatever uses the domain comes by here first, and waits while it is
        // busy. No lock of a domain is held where code of others runs that might fork, but for
        // reports.
        unsafe { take_over(domain) };
        // PAIRS(taken over): with `enter`, of threads that come later.
        self.0.store(here, Release);
    }
}
