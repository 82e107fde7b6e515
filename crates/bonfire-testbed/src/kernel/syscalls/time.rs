//! Time, of which there is one clock: ticks since boot.

use super::{Answer, EINTR, EINVAL};
use crate::arch;
use crate::space::Space;
use crate::thread::Thread;
use crate::user;
use crate::wait::{self, Event, Woken};
use bonfire_testbed::calls::Address;

pub(super) fn sleep(thread: &Thread, time: Address, left: Address) -> Answer {
    let deadline = arch::clock().saturating_add(ticks(thread.own_space(), time)?);
    sleep_until(thread, deadline, left)
}

pub(super) fn clock_sleep(thread: &Thread, flags: u32, time: Address, left: Address) -> Answer {
    const UNTIL: u32 = 1;
    if flags & UNTIL == 0 {
        return sleep(thread, time, left);
    }
    let deadline = ticks(thread.own_space(), time)?;
    sleep_until(thread, deadline, Address(0))
}

fn sleep_until(thread: &Thread, deadline: u64, left: Address) -> Answer {
    while arch::clock() < deadline {
        let woken = wait::wait(thread, Event::Time, Some(deadline), || arch::clock() < deadline);
        if woken == Woken::Interrupted {
            if left.0 != 0 {
                let rest = deadline.saturating_sub(arch::clock());
                user::write(thread.own_space(), left.0, timespec(rest))?;
            }
            return Err(EINTR);
        }
    }
    Ok(0)
}

/// The end of a wait of that length; none, if there is no address.
pub(super) fn deadline(space: &Space, time: Address) -> Result<Option<u64>, isize> {
    Ok(moment(space, time)?.map(|time| arch::clock().saturating_add(time)))
}

/// A moment of the clock; none, if there is no address.
pub(super) fn moment(space: &Space, time: Address) -> Result<Option<u64>, isize> {
    if time.0 == 0 { Ok(None) } else { ticks(space, time).map(Some) }
}

/// A `timespec` in ticks of the clock.
fn ticks(space: &Space, time: Address) -> Result<u64, isize> {
    let [seconds, nanoseconds]: [u64; 2] = user::read(space, time.0)?;
    if nanoseconds >= 1_000_000_000 || seconds > i64::MAX as u64 {
        return Err(EINVAL);
    }
    let per_ms = arch::clock_ticks_per_ms();
    Ok(seconds.saturating_mul(1000 * per_ms).saturating_add(nanoseconds / 1000 * per_ms / 1000))
}

pub(super) fn clock(space: &Space, time: Address) -> Answer {
    user::write(space, time.0, timespec(arch::clock()))?;
    Ok(0)
}

/// Ticks of the clock as seconds and nanoseconds.
fn timespec(ticks: u64) -> [u64; 2] {
    let ns = u128::from(ticks) * 1_000_000 / u128::from(arch::clock_ticks_per_ms());
    [(ns / 1_000_000_000) as u64, (ns % 1_000_000_000) as u64]
}
