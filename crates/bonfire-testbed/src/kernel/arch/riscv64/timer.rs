//! Clock and timer: every hart reads one counter, and is interrupted when that comes to a number.
//! And the time of day, from the machine's goldfish clock.

use super::{DIRECT_MAP, cpu, sbi};
use crate::arch::{virt, without_interrupts};
use crate::sched;
use core::arch::asm;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// No verdict depends on the length of a tick.
const TICK_MS: u64 = 5;
/// When a timer that is off would interrupt.
const NEVER: u64 = u64::MAX;

static CLOCK_TICKS_PER_MS: AtomicU64 = AtomicU64::new(0);
static AHEAD_AT_BOOT: AtomicU64 = AtomicU64::new(0);

/// The clock of all CPUs, in ticks of [`clock_ticks_per_ms`].
pub(crate) fn clock() -> u64 {
    let time;
    // SAFETY: reads a register.
    unsafe { asm!("rdtime {}", out(reg) time, options(nostack, nomem)) };
    time
}

/// Ticks of [`clock`] in a millisecond.
pub(crate) fn clock_ticks_per_ms() -> u64 {
    CLOCK_TICKS_PER_MS.load(Relaxed)
}

/// Makes the timer interrupt this CPU after a tick, or at `deadline` if that is
/// sooner; one that would come sooner still, stays.
pub(crate) fn set_timer(deadline: Option<u64>) {
    let latest = clock() + TICK_MS * clock_ticks_per_ms();
    let at = deadline.unwrap_or(latest).min(latest);
    without_interrupts(|| {
        if at < cpu::block().timer.get() {
            set(at);
        }
    });
}

/// Ends this CPU's ticks.
pub(crate) fn stop_timer() {
    without_interrupts(|| set(NEVER));
}

fn set(at: u64) {
    cpu::block().timer.set(at);
    sbi::set_timer(at);
}

/// The interrupt's handler; a tick sets the timer anew.
pub(super) fn expired() {
    cpu::block().timer.set(NEVER);
    sched::tick();
}

/// How far the time of day is ahead of [`clock`], in its ticks since 1970.
pub(crate) fn time_of_day_at_boot() -> u64 {
    AHEAD_AT_BOOT.load(Relaxed)
}

/// Reads the time of day, and before that, what it is counted in.
pub(crate) fn read_time_of_day() {
    const NS_PER_MS: u64 = 1_000_000;
    let per_s = virt::tree().clock_ticks_per_s().expect("the device tree of a RISC-V machine says it");
    CLOCK_TICKS_PER_MS.store(u64::from(per_s) / 1000, Relaxed);
    let ticks = u128::from(ns_since_1970()) * u128::from(clock_ticks_per_ms()) / u128::from(NS_PER_MS);
    AHEAD_AT_BOOT.store((ticks as u64).saturating_sub(clock()), Relaxed);
}

/// To read the lower half keeps the upper one for the next read.
fn ns_since_1970() -> u64 {
    const DEVICE: u64 = 0x10_1000;
    let register = |offset| (DIRECT_MAP + DEVICE + offset) as *const u32;
    // SAFETY: a register of the device.
    let low = unsafe { register(0).read_volatile() };
    // SAFETY: as above.
    let high = unsafe { register(4).read_volatile() };
    u64::from(high) << 32 | u64::from(low)
}
