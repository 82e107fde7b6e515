//! The interrupts that CPUs send each other. A hart has one such interrupt, so a word per CPU
//! says what is meant by it.

use super::boot::MAX_CPUS;
use super::{cpu_index, interrupts, sbi};
use crate::{membarrier, sched, shootdown};
use core::arch::asm;
use core::sync::atomic::{
    AtomicU32, AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};

/// What is asked of the other CPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Ipi {
    /// The engine asks this CPU to look at its request word.
    Poke = 1,
    /// Something changed that the scheduler should look at.
    Reschedule = 2,
    /// Pages of a space that this CPU has loaded have gone.
    Forget = 4,
    /// The machine is about to end.
    Stop = 8,
}

/// What each CPU has been asked and has not looked at: one bit each.
static ASKED: [AtomicU32; MAX_CPUS] = [const { AtomicU32::new(0) }; MAX_CPUS];
/// The numbers of the harts by CPU index: a hart that starts finds its own there.
pub(super) static HARTS: [AtomicU64; MAX_CPUS] = [const { AtomicU64::new(0) }; MAX_CPUS];

/// Notes which hart the CPU of that index is.
pub(super) fn note_hart(cpu: usize, hart: u64) {
    HARTS[cpu].store(hart, Relaxed);
}

/// Interrupts the CPU of that index, which then sees every store that is before this.
pub(crate) fn send_ipi(cpu: usize, ipi: Ipi) {
    // Release. PAIRS(ipi): with the Acquire in `arrived`.
    ASKED[cpu].fetch_or(ipi as u32, Release);
    sbi::send_ipi(HARTS[cpu].load(Relaxed));
}

/// The interrupt's handler.
pub(super) fn arrived() {
    const SOFTWARE: u64 = 1 << 1;
    // The fence: whoever finds the interrupt pending still, and so brings no new one, has its
    // bit seen below.
    // SAFETY: says that this CPU is about to look.
    unsafe { asm!("csrc sip, {}", "fence iorw, iorw", in(reg) SOFTWARE, options(nostack)) };
    // Acquire. PAIRS(ipi): with the Release in `send_ipi`.
    let asked = ASKED[cpu_index()].swap(0, Acquire);
    let is_asked = |ipi: Ipi| asked & ipi as u32 != 0;
    if is_asked(Ipi::Stop) {
        interrupts::halt_for_good();
    }
    if is_asked(Ipi::Forget) {
        shootdown::asked();
    }
    if is_asked(Ipi::Poke) {
        membarrier::poked();
    }
    if is_asked(Ipi::Reschedule) {
        sched::due();
    }
}

/// Halts every other CPU for good, as soon as it takes interrupts.
pub(crate) fn stop_others() {
    let me = cpu_index();
    (0..sched::cpu_count()).filter(|&cpu| cpu != me).for_each(|cpu| send_ipi(cpu, Ipi::Stop));
}
