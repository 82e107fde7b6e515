//! Time: one clock that counts ticks since boot, and what it showed then.

use super::{Answer, EINVAL};
use crate::arch;
use crate::restart::Restart;
use crate::signals::{ERESTART_BLOCK, ERESTART_NO_HANDLER};
use crate::space::Space;
use crate::thread::Thread;
use crate::user;
use crate::wait::{self, Event, Woken};
use bonfire_testbed::calls::Address;

pub(super) fn sleep(thread: &Thread, time: Address, left: Address) -> Answer {
    let deadline = arch::clock().saturating_add(ticks(thread.own_space(), time)?);
    sleep_until(thread, deadline, left)
}

/// For ever, or until a handler has run.
pub(super) fn pause(thread: &Thread) -> Answer {
    while wait::wait(thread, Event::Time, None, || true) != Woken::Interrupted {}
    Err(ERESTART_NO_HANDLER)
}

/// For a time, or until one, of which nothing is left to tell.
pub(super) fn clock_sleep(thread: &Thread, clock: u32, flags: u32, time: Address, left: Address) -> Answer {
    const UNTIL: u32 = 1;
    let clock = Clock::of(clock)?;
    if flags & UNTIL == 0 {
        return sleep(thread, time, left);
    }
    let deadline = clock.since_boot(ticks(thread.own_space(), time)?);
    match sleep_until(thread, deadline, Address(0)) {
        // The moment is the same when the call is made again.
        Err(ERESTART_BLOCK) => Err(ERESTART_NO_HANDLER),
        answer => answer,
    }
}

/// Until that moment, noting it for [`Restart`].
pub(super) fn sleep_until(thread: &Thread, deadline: u64, left: Address) -> Answer {
    while arch::clock() < deadline {
        let woken = wait::wait(thread, Event::Time, Some(deadline), || arch::clock() < deadline);
        if woken == Woken::Interrupted {
            if left.0 != 0 {
                let rest = deadline.saturating_sub(arch::clock());
                user::write(thread.own_space(), left.0, timespec(rest))?;
            }
            *thread.restart.lock() = Some(Restart::Sleep { deadline, left });
            return Err(ERESTART_BLOCK);
        }
    }
    Ok(0)
}

/// The end of a wait of that length; none, if there is no address.
pub(super) fn deadline(space: &Space, time: Address) -> Result<Option<u64>, isize> {
    Ok(moment(space, Clock::Boot, time)?.map(|time| arch::clock().saturating_add(time)))
}

/// A moment that this clock will show; none, if there is no address.
pub(super) fn moment(space: &Space, clock: Clock, time: Address) -> Result<Option<u64>, isize> {
    if time.0 == 0 { Ok(None) } else { Ok(Some(clock.since_boot(ticks(space, time)?))) }
}

/// A `timespec` in ticks of the clock.
pub(super) fn ticks(space: &Space, time: Address) -> Result<u64, isize> {
    let [seconds, nanoseconds]: [u64; 2] = user::read(space, time.0)?;
    if nanoseconds >= 1_000_000_000 || seconds > i64::MAX as u64 {
        return Err(EINVAL);
    }
    let per_ms = arch::clock_ticks_per_ms();
    Ok(seconds.saturating_mul(1000 * per_ms).saturating_add(nanoseconds / 1000 * per_ms / 1000))
}

/// A clock that programs may ask for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Clock {
    /// The time of day.
    Real,
    /// The time since boot, by each of its names.
    Boot,
}

impl Clock {
    pub(super) fn of(number: u32) -> Result<Self, isize> {
        match number {
            0 | 5 => Ok(Self::Real),
            1 | 4 | 6 | 7 => Ok(Self::Boot),
            _ => Err(EINVAL),
        }
    }

    /// How far it is ahead of the time since boot, in ticks.
    fn ahead(self) -> u64 {
        match self {
            Self::Real => arch::time_of_day_at_boot(),
            Self::Boot => 0,
        }
    }

    /// The moment since boot when it shows this; one before that is boot.
    pub(super) fn since_boot(self, shown: u64) -> u64 {
        shown.saturating_sub(self.ahead())
    }
}

pub(super) fn clock(space: &Space, clock: u32, time: Address) -> Answer {
    let shown = arch::clock() + Clock::of(clock)?.ahead();
    user::write(space, time.0, timespec(shown))?;
    Ok(0)
}

/// How long a tick is: less than what the numbers can say.
pub(super) fn resolution(space: &Space, clock: u32, time: Address) -> Answer {
    Clock::of(clock)?;
    if time.0 != 0 {
        user::write(space, time.0, [0u64, 1])?;
    }
    Ok(0)
}

/// Ticks of the clock as seconds and nanoseconds.
fn timespec(ticks: u64) -> [u64; 2] {
    let ns = u128::from(ticks) * 1_000_000 / u128::from(arch::clock_ticks_per_ms());
    [(ns / 1_000_000_000) as u64, (ns % 1_000_000_000) as u64]
}
