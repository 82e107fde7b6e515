//! Time, of which there is one clock: ticks since boot.

use super::Answer;
use crate::arch;
use crate::space::Space;
use crate::thread::Thread;
use crate::user;
use crate::wait::{self, Event};
use bonfire_testbed::calls::Address;

pub(super) fn sleep(thread: &Thread, time: Address) -> Answer {
    let deadline = arch::clock() + ticks(thread.own_space(), time)?;
    while arch::clock() < deadline && !thread.is_killed() {
        wait::wait(thread, Event::Time, Some(deadline), || arch::clock() < deadline);
    }
    Ok(0)
}

/// The end of a wait of that length; none, if there is no address.
pub(super) fn deadline(space: &Space, time: Address) -> Result<Option<u64>, isize> {
    if time.0 == 0 { Ok(None) } else { Ok(Some(arch::clock() + ticks(space, time)?)) }
}

/// A `timespec` in ticks of the clock.
fn ticks(space: &Space, time: Address) -> Result<u64, isize> {
    let [seconds, nanoseconds]: [u64; 2] = user::read(space, time.0)?;
    let per_ms = arch::clock_ticks_per_ms();
    Ok(seconds.saturating_mul(1000 * per_ms).saturating_add(nanoseconds / 1000 * per_ms / 1000))
}

pub(super) fn clock(space: &Space, time: Address) -> Answer {
    let ns = u128::from(arch::clock()) * 1_000_000 / u128::from(arch::clock_ticks_per_ms());
    user::write(space, time.0, [(ns / 1_000_000_000) as u64, (ns % 1_000_000_000) as u64])?;
    Ok(0)
}
