//! The generic timer: a clock that all CPUs share, an interrupt for each, and the time of day.

use super::DIRECT_MAP;
use super::virt::tree;
use core::arch::asm;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// How many ticks of a clock's are in a second, and how long one of the scheduler's takes.
static FREQUENCY: AtomicU64 = AtomicU64::new(0);
const TICK_MS: u64 = 5;

/// How far the time of day is ahead of the clock.
static AT_BOOT: AtomicU64 = AtomicU64::new(0);

const ENABLED: u64 = 1;

/// Lets programs read the clock.
pub(super) fn init() {
    const CLOCK_FOR_USER: u64 = 0b11;
    let frequency: u64;
    // SAFETY: reads a register that firmware has set.
    unsafe { asm!("mrs {}, cntfrq_el0", out(reg) frequency, options(nostack, preserves_flags, nomem)) };
    FREQUENCY.store(frequency, Relaxed);
    // SAFETY: only says what programs may read.
    unsafe { asm!("msr cntkctl_el1, {}", in(reg) CLOCK_FOR_USER, options(nostack, preserves_flags)) };
}

/// The clock of all CPUs, in ticks of [`clock_ticks_per_ms`].
pub(crate) fn clock() -> u64 {
    let now: u64;
    // SAFETY: reads the clock.
    unsafe { asm!("mrs {}, cntvct_el0", out(reg) now, options(nostack, preserves_flags)) };
    now
}

/// Ticks of [`clock`] in a millisecond.
pub(crate) fn clock_ticks_per_ms() -> u64 {
    FREQUENCY.load(Relaxed) / 1000
}

/// Makes the timer interrupt this CPU after a tick, or at `deadline` if that is
/// sooner; one that would come sooner still, stays.
pub(crate) fn set_timer(deadline: Option<u64>) {
    let after_tick = clock() + TICK_MS * clock_ticks_per_ms();
    let wanted = deadline.map_or(after_tick, |deadline| deadline.min(after_tick));
    if control() & ENABLED == 0 || compared() > wanted {
        // SAFETY: this CPU's timer, which `interrupts.rs` expects.
        unsafe { asm!("msr cntv_cval_el0, {}", in(reg) wanted, options(nostack, preserves_flags)) };
        set_control(ENABLED);
    }
}

/// Ends this CPU's ticks.
pub(crate) fn stop_timer() {
    set_control(0);
}

fn control() -> u64 {
    let control: u64;
    // SAFETY: reads this CPU's timer.
    unsafe { asm!("mrs {}, cntv_ctl_el0", out(reg) control, options(nostack, preserves_flags)) };
    control
}

fn compared() -> u64 {
    let at: u64;
    // SAFETY: reads this CPU's timer.
    unsafe { asm!("mrs {}, cntv_cval_el0", out(reg) at, options(nostack, preserves_flags)) };
    at
}

fn set_control(control: u64) {
    // SAFETY: this CPU's timer, which `interrupts.rs` expects.
    unsafe { asm!("msr cntv_ctl_el0, {}", "isb", in(reg) control, options(nostack, preserves_flags)) };
}

/// How far the time of day is ahead of [`clock`], in its ticks since 1970.
pub(crate) fn time_of_day_at_boot() -> u64 {
    AT_BOOT.load(Relaxed)
}

/// Reads it, from the machine's clock that runs on a battery (PL031).
pub(crate) fn read_time_of_day() {
    let device = tree().registers("arm,pl031", 0).expect("every virt machine has it");
    // SAFETY: the register that counts seconds since 1970.
    let seconds = unsafe { ((DIRECT_MAP + device.start) as *const u32).read_volatile() };
    AT_BOOT.store((u64::from(seconds) * 1000 * clock_ticks_per_ms()).saturating_sub(clock()), Relaxed);
}
