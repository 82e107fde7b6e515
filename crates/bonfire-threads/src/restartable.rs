//! Restartable sequences: a section that commits only if its thread was on one
//! CPU, without a switch and without a restart, from its begin to its commit.
//!
//! On Linux the kernel moves the instruction pointer of an interrupted section
//! to its abort handler. Here the section finds out at its commit, which is one
//! instruction of this machine: nothing interrupts it.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::Faults;

/// How often sections were restarted on a CPU.
///
/// Written by the CPU itself only, with interrupts off.
#[derive(Default)]
pub(crate) struct Section {
    restarts: AtomicU64,
    /// How often a poke wanted a restart.
    wanted: AtomicU64,
}

/// A section that began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Begun {
    pub(crate) cpu: u32,
    pub(crate) restarts: u64,
}

impl Section {
    /// Whoever is in a section on this CPU will not commit it.
    pub(crate) fn restart(&self) {
        self.restarts.store(self.restarts() + 1, Relaxed);
    }

    /// As above, in the handler of a poke, whose note may be lost.
    pub(crate) fn restart_by_poke(&self, faults: Faults) {
        let wanted = self.wanted.load(Relaxed) + 1;
        self.wanted.store(wanted, Relaxed);
        if !faults.loses_aborts() || !wanted.is_multiple_of(4) {
            self.restart();
        }
    }

    pub(crate) fn restarts(&self) -> u64 {
        self.restarts.load(Relaxed)
    }
}
