//! `poll(2)`: threads that wait for one of several descriptors.

use super::{Answer, EINVAL, ENOSYS, time};
use crate::arch;
use crate::descriptors::{self, File, Open};
use crate::restart::Restart;
use crate::signals::ERESTART_BLOCK;
use crate::space::Space;
use crate::thread::Thread;
use crate::user;
use crate::wait::{self, Event, Woken};
use bonfire_testbed::calls::{Address, Descriptor};

const IN: u32 = 1 | 0x40;
const OUT: u32 = 4 | 0x100;
const ERROR: u32 = 8;
const HUNG_UP: u32 = 0x10;
const NOT_OPEN: u32 = 0x20;

/// With a time in milliseconds; for ever, if that is negative.
pub(super) fn poll(thread: &Thread, list: Address, count: u64, timeout: i32) -> Answer {
    let ticks = u64::try_from(timeout).ok().map(|ms| ms * arch::clock_ticks_per_ms());
    until(thread, list, count, ticks.map(|ticks| arch::clock().saturating_add(ticks)))
}

/// With a `struct timespec`, or for ever; without signals to hold off meanwhile.
pub(super) fn poll_within(
    thread: &Thread,
    list: Address,
    count: u64,
    timeout: Address,
    mask: Address,
) -> Answer {
    if mask.0 != 0 {
        return Err(ENOSYS);
    }
    let ticks = if timeout.0 == 0 { None } else { Some(time::ticks(thread.own_space(), timeout)?) };
    until(thread, list, count, ticks.map(|ticks| arch::clock().saturating_add(ticks)))
}

/// Waits until one of the descriptors is ready; says how many are.
pub(super) fn until(thread: &Thread, list: Address, count: u64, deadline: Option<u64>) -> Answer {
    if count > descriptors::MOST.into() {
        return Err(EINVAL);
    }
    loop {
        let changes = wait::changes();
        let ready = look(thread, list, count)?;
        if ready > 0 || deadline.is_some_and(|deadline| deadline <= arch::clock()) {
            return Ok(ready);
        }
        let none_changed = || wait::changes() == changes;
        match wait::wait(thread, Event::Descriptor, deadline, none_changed) {
            Woken::Happened => {}
            Woken::Late => return look(thread, list, count),
            Woken::Interrupted => {
                *thread.restart.lock() = Some(Restart::Ready { list, count, deadline });
                return Err(ERESTART_BLOCK);
            }
        }
    }
}

/// Linux's `struct pollfd`: a descriptor, what is asked, what is so.
fn look(thread: &Thread, list: Address, count: u64) -> Answer {
    let space: &Space = thread.own_space();
    let mut ready = 0;
    for at in (0..count).map(|index| list.0.wrapping_add(8 * index)) {
        let [descriptor, asked]: [u32; 2] = user::read(space, at)?;
        let asked = asked & 0xffff;
        let found = match super::files::get(thread, Descriptor(descriptor)) {
            _ if (descriptor as i32) < 0 => 0,
            Ok(open) => state(&open) & (asked | ERROR | HUNG_UP),
            Err(_) => NOT_OPEN,
        };
        user::write(space, at, [descriptor, asked | found << 16])?;
        ready += u64::from(found != 0);
    }
    Ok(ready)
}

fn state(open: &Open) -> u32 {
    let has = |(is, bits): (bool, u32)| if is { bits } else { 0 };
    match &open.file {
        File::Line(_) => OUT,
        File::Nothing | File::Memory(_) | File::Text(_) => IN | OUT,
        File::Reader(reader) => {
            let (some, is_over) = reader.state();
            has((some, IN)) | has((is_over, HUNG_UP))
        }
        File::Writer(writer) => {
            let (room, is_over) = writer.state();
            has((room, OUT)) | has((is_over, ERROR))
        }
        File::Counter(counter) => {
            let (some, room) = counter.state();
            has((some, IN)) | has((room, OUT))
        }
    }
}
