//! Telling other CPUs that pages have gone.
//!
//! A CPU remembers translations of the space that it has loaded. Whoever takes pages
//! away changes the tables first, then asks each such CPU to forget, and waits for
//! all of them; only then are the frames anybody else's.
//!
//! Whoever asks has interrupts on and holds no lock, so CPUs that ask each other
//! answer each other.

use crate::arch::{self, Ipi, MAX_CPUS};
use crate::sched;
use crate::space::Space;
use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};

/// How often each CPU was asked to forget.
static ASKED: [AtomicU64; MAX_CPUS] = [const { AtomicU64::new(0) }; MAX_CPUS];
/// The last request that it has answered.
static ANSWERED: [AtomicU64; MAX_CPUS] = [const { AtomicU64::new(0) }; MAX_CPUS];

/// Makes every CPU forget what it knows of the space's pages.
///
/// A CPU that loads the space after we looked finds the changed tables: it and we
/// take turns at the lock of what it has loaded.
pub(crate) fn forget(space: &Space) {
    let here = arch::cpu_index();
    let asked = |cpu: &usize| *cpu != here && sched::has_loaded(*cpu, space);
    let tickets = (0..sched::cpu_count()).filter(asked).fold(0u64, |cpus, cpu| {
        // Release. PAIRS(forget): with the Acquire of the handler, which then finds
        // the tables changed.
        ASKED[cpu].fetch_add(1, Release);
        arch::send_ipi(cpu, Ipi::Forget);
        cpus | 1 << cpu
    });
    arch::flush();
    for cpu in (0..sched::cpu_count()).filter(|cpu| tickets & 1 << cpu != 0) {
        let ticket = ASKED[cpu].load(Relaxed);
        // Acquire. PAIRS(forgotten): with the Release of the handler, behind which
        // that CPU uses none of the frames.
        while ANSWERED[cpu].load(Acquire) < ticket {
            arch::relax();
        }
    }
}

/// The interrupt's handler.
pub(crate) fn asked() {
    let cpu = arch::cpu_index();
    // Acquire. PAIRS(forget): with the Release of whoever asks.
    let ticket = ASKED[cpu].load(Acquire);
    arch::flush();
    // Release. PAIRS(forgotten): with the Acquire of whoever waits.
    ANSWERED[cpu].store(ticket, Release);
}
