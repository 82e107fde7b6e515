//! Processes and threads: how they come and go.

use super::{Answer, EAGAIN, EBUSY, ECHILD, EINVAL, ESRCH, owner};
use crate::arch::TrapFrame;
use crate::process::{self, Reaped, Spawn};
use crate::thread::Thread;
use crate::user;
use crate::wait::{self, Event};
use alloc::vec::Vec;
use bonfire_testbed::calls::Address;
use core::sync::atomic::Ordering::Relaxed;

pub(super) fn clone(
    thread: &Thread,
    frame: &TrapFrame,
    flags: u64,
    stack: Address,
    child_id: Address,
) -> Answer {
    const VM: u64 = 0x100;
    const VFORK: u64 = 0x4000;
    const THREAD: u64 = 0x10000;
    const CHILD_CLEARTID: u64 = 0x20_0000;
    let kind = match (flags & VM != 0, flags & THREAD != 0) {
        (true, true) => Spawn::Thread,
        (true, false) if flags & VFORK != 0 => Spawn::Vfork,
        (true, false) => Spawn::Sharing,
        (false, false) => Spawn::Fork,
        (false, true) => return Err(EINVAL),
    };
    let clear = if flags & CHILD_CLEARTID != 0 { child_id.0 } else { 0 };
    let child = TrapFrame { rsp: if stack.0 == 0 { frame.rsp } else { stack.0 }, ..*frame };
    fork(thread, kind, &child, clear)
}

pub(super) fn fork(thread: &Thread, kind: Spawn, frame: &TrapFrame, clear: u64) -> Answer {
    let child = process::spawn(thread, kind, TrapFrame { rax: 0, ..*frame }, clear)?;
    if kind == Spawn::Vfork {
        let process = child.process.clone().expect("just made");
        while process.holds_parent() && !thread.is_killed() {
            wait::wait(thread, Event::Left(process.id), None, || process.holds_parent());
        }
    }
    Ok(child.id.into())
}

/// There is one program, so the path does not matter; the arguments do.
pub(super) fn exec(thread: &Thread, frame: &mut TrapFrame, arguments: Address) -> Result<(), isize> {
    if !process::is_single(thread) {
        return Err(EBUSY);
    }
    let arguments = strings(thread, arguments.0)?;
    let arguments: Vec<&[u8]> = arguments.iter().map(Vec::as_slice).collect();
    Ok(process::exec(thread, frame, &arguments)?)
}

/// A list of C strings that ends with a null pointer.
fn strings(thread: &Thread, list: u64) -> Result<Vec<Vec<u8>>, isize> {
    let space = thread.own_space();
    let mut strings = Vec::new();
    for place in (list..).step_by(8).take(16) {
        let mut at: u64 = user::read(space, place)?;
        if at == 0 {
            break;
        }
        let mut string = Vec::new();
        while string.len() < 256 {
            let mut byte = [0];
            user::read_bytes(space, at, &mut byte)?;
            if byte == [0] {
                break;
            }
            string.extend(byte);
            at += 1;
        }
        strings.push(string);
    }
    Ok(strings)
}

/// Ends the process, with all its threads.
pub(super) fn exit(thread: &Thread, code: i32) -> ! {
    owner(thread).kill(status(code));
    process::exit_thread(thread, status(code))
}

/// The status word of a process that ends by itself.
pub(super) fn status(code: i32) -> i32 {
    (code & 0xff) << 8
}

pub(super) fn wait(thread: &Thread, id: i32, status_at: Address, options: u32) -> Answer {
    const NO_HANG: u32 = 1;
    let (parent, id) = (owner(thread).id, u32::try_from(id).ok());
    loop {
        match process::reap(parent, id) {
            Reaped::Child { id, status } => {
                if status_at.0 != 0 {
                    user::write(thread.own_space(), status_at.0, status as u32)?;
                }
                return Ok(id.into());
            }
            Reaped::NoChild => return Err(ECHILD),
            Reaped::NoneEnded if options & NO_HANG != 0 => return Ok(0),
            Reaped::NoneEnded if thread.is_killed() => return Err(EAGAIN),
            Reaped::NoneEnded => {
                wait::wait(thread, Event::Child(parent), None, || process::none_has_ended(parent, id));
            }
        }
    }
}

/// Makes the caller's process the first of a group of its own.
pub(super) fn set_group(thread: &Thread, id: i32, group: i32) -> Answer {
    if (id, group) != (0, 0) {
        return Err(EINVAL);
    }
    owner(thread).group.store(owner(thread).id, Relaxed);
    Ok(0)
}

/// Only `SIGKILL`: there are no handlers.
pub(super) fn kill(id: i32, signal: i32) -> Answer {
    if signal != process::SIGKILL {
        return Err(EINVAL);
    }
    if process::kill_all(id, process::SIGKILL) { Ok(0) } else { Err(ESRCH) }
}
