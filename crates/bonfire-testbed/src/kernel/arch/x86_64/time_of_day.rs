//! The time of day, from the machine's battery-backed clock (MC146818), which QEMU sets to UTC.

use super::{clock, clock_ticks_per_ms};
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use x86_64::instructions::port::Port;

const SECONDS: u8 = 0;
const MINUTES: u8 = 2;
const HOURS: u8 = 4;
const DAY: u8 = 7;
const MONTH: u8 = 8;
const YEAR: u8 = 9;
const STATUS_A: u8 = 0xa;
const STATUS_B: u8 = 0xb;
const CENTURY: u8 = 0x32;

/// Of status A: the registers are about to change.
const CHANGES: u8 = 0x80;
/// Of status B: numbers are binary, and not a digit in each half; hours go to 23.
const BINARY: u8 = 4;
const HOURS_TO_23: u8 = 2;

static AT_BOOT: AtomicU64 = AtomicU64::new(0);

/// How far the time of day is ahead of [`clock`], in its ticks since 1970.
pub(crate) fn time_of_day_at_boot() -> u64 {
    AT_BOOT.load(Relaxed)
}

/// Reads it, once the clock's rate is known.
pub(crate) fn read_time_of_day() {
    let seconds = loop {
        while register(STATUS_A) & CHANGES != 0 {}
        let read = seconds();
        if register(STATUS_A) & CHANGES == 0 && seconds() == read {
            break read;
        }
    };
    AT_BOOT.store((seconds * 1000 * clock_ticks_per_ms()).saturating_sub(clock()), Relaxed);
}

/// The registers as seconds since 1970.
fn seconds() -> u64 {
    let mode = register(STATUS_B);
    let number = |index| {
        let value = u64::from(register(index));
        if mode & BINARY != 0 { value } else { value / 16 * 10 + value % 16 }
    };
    assert!(mode & HOURS_TO_23 != 0, "QEMU counts hours to 23");
    let year = number(CENTURY) * 100 + number(YEAR);
    let days = days_since_1970(year, number(MONTH), number(DAY));
    ((days * 24 + number(HOURS)) * 60 + number(MINUTES)) * 60 + number(SECONDS)
}

/// Years that begin in March have their day more, if they have it, at their end.
fn days_since_1970(year: u64, month: u64, day: u64) -> u64 {
    const TO_1970: u64 = 719_468;
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1 - TO_1970
}

fn register(index: u8) -> u8 {
    // SAFETY: selects a register of the clock; the first CPU alone does so, at boot.
    unsafe { Port::new(0x70).write(index) };
    // SAFETY: reads it; none of those named above changes by that.
    unsafe { Port::new(0x71).read() }
}
