//! Signals, as a program asks for them.

use super::{Answer, EINVAL, ENOMEM, ESRCH, owner};
use crate::arch::HAS_RESTORER;
use crate::family::{self, Which};
use crate::process::{INIT, Process, SIGKILL};
use crate::signals::{self, Action};
use crate::space::Space;
use crate::thread::Thread;
use crate::user::{self, Fault};
use alloc::sync::Arc;
use bonfire_testbed::calls::Address;
use core::sync::atomic::Ordering::Relaxed;

/// The bytes of a set of signals.
const SET: u64 = 8;

pub(super) fn set_action(thread: &Thread, signal: i32, new: Address, old: Address, length: u64) -> Answer {
    let signals = &owner(thread).signals;
    let known = signals.action(signal).ok_or(EINVAL)?;
    if length != SET {
        return Err(EINVAL);
    }
    let space = thread.own_space();
    let action = if new.0 == 0 { None } else { Some(read_action(space, new.0)?) };
    if old.0 != 0 {
        write_action(space, old.0, known)?;
    }
    if let Some(action) = action {
        signals.set_action(signal, action);
    }
    Ok(0)
}

/// Linux's `struct sigaction`, in which some architectures have a word less.
fn read_action(space: &Space, at: u64) -> Result<Action, Fault> {
    if HAS_RESTORER {
        let [handler, flags, restorer, mask] = user::read(space, at)?;
        return Ok(Action { handler, flags, restorer, mask });
    }
    let [handler, flags, mask] = user::read(space, at)?;
    Ok(Action { handler, flags, restorer: 0, mask })
}

fn write_action(space: &Space, at: u64, action: Action) -> Result<(), Fault> {
    let Action { handler, flags, restorer, mask } = action;
    if HAS_RESTORER {
        return user::write(space, at, [handler, flags, restorer, mask]);
    }
    user::write(space, at, [handler, flags, mask])
}

pub(super) fn set_mask(thread: &Thread, how: u32, set: Address, old: Address, length: u64) -> Answer {
    const BLOCK: u32 = 0;
    const UNBLOCK: u32 = 1;
    const SET_MASK: u32 = 2;
    if length != SET {
        return Err(EINVAL);
    }
    let mask = thread.signals.mask();
    if set.0 != 0 {
        let set: u64 = user::read(thread.own_space(), set.0)?;
        thread.signals.set_mask(match how {
            BLOCK => mask | set,
            UNBLOCK => mask & !set,
            SET_MASK => set,
            _ => return Err(EINVAL),
        });
    }
    if old.0 != 0 {
        user::write(thread.own_space(), old.0, mask)?;
    }
    Ok(0)
}

/// Linux's `stack_t`: where, flags, how long.
pub(super) fn set_stack(thread: &Thread, new: Address, old: Address) -> Answer {
    const DISABLE: u64 = 2;
    const SMALLEST: u64 = 2048;
    let space = thread.own_space();
    let [start, length] = *thread.signals.alternate.lock();
    let wanted = if new.0 == 0 { None } else { Some(user::read::<[u64; 3]>(space, new.0)?) };
    if old.0 != 0 {
        let flags = if length == 0 { DISABLE } else { 0 };
        user::write(space, old.0, [start, flags, length])?;
    }
    match wanted {
        None => {}
        Some([_, flags, _]) if flags as u32 as u64 == DISABLE => *thread.signals.alternate.lock() = [0; 2],
        Some([_, _, length]) if length < SMALLEST => return Err(ENOMEM),
        Some([start, _, length]) => *thread.signals.alternate.lock() = [start, length],
    }
    Ok(0)
}

/// To a process, a group, or all but the first and one's own; nobody escapes a `SIGKILL` by forking.
pub(super) fn kill(thread: &Thread, number: i32, signal: i32) -> Answer {
    check(signal)?;
    let own = owner(thread);
    let which = Which::from_number(number, own.group.load(Relaxed));
    if signal == SIGKILL && which != Which::Any {
        return if family::kill_all(which, SIGKILL) { Ok(0) } else { Err(ESRCH) };
    }
    let is_meant = |process: &&Arc<Process>| which != Which::Any || ![INIT, own.id].contains(&process.id);
    let found = family::find(which);
    let mut found = found.iter().filter(is_meant).peekable();
    found.peek().ok_or(ESRCH)?;
    found.filter(|_| signal != 0).for_each(|process| signals::send_to_all(process, signal));
    Ok(0)
}

/// To a thread, of the process that is named, if one is.
pub(super) fn kill_thread(process: Option<i32>, id: u32, signal: i32) -> Answer {
    let target = family::thread(id).ok_or(ESRCH)?;
    let is_its = |owner: &Process| process.is_none_or(|process| u32::try_from(process) == Ok(owner.id));
    if !target.process.as_deref().is_some_and(is_its) {
        return Err(ESRCH);
    }
    check(signal)?;
    if signal != 0 {
        signals::send(&target, signal);
    }
    Ok(0)
}

fn check(signal: i32) -> Result<(), isize> {
    if (0..=64).contains(&signal) { Ok(()) } else { Err(EINVAL) }
}
