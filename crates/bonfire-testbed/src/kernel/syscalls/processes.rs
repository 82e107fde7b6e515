//! Processes and threads: how they come and go.

use super::{Answer, EBUSY, ECHILD, EINVAL, EPERM, files, owner, threads};
use crate::arch::{TrapFrame, USER_TOP};
use crate::process::{self, Own, Reaped, Spawn};
use crate::signals::ERESTART;
use crate::thread::Thread;
use crate::user;
use crate::wait::{self, Event, Woken};
use alloc::vec::Vec;
use bonfire_testbed::calls::Address;
use core::sync::atomic::Ordering::Relaxed;

/// What `clone` is asked for.
pub(super) struct Wish {
    pub(super) flags: u64,
    /// The end of the new thread's stack; 0 for where the caller's is.
    pub(super) stack: u64,
    pub(super) parent_id: Address,
    pub(super) child_id: Address,
    pub(super) thread_pointer: u64,
}

pub(super) fn clone(thread: &Thread, frame: &TrapFrame, wish: &Wish) -> Answer {
    const VM: u64 = 0x100;
    const VFORK: u64 = 0x4000;
    const THREAD: u64 = 0x10000;
    const SET_TLS: u64 = 0x8_0000;
    const PARENT_SET_ID: u64 = 0x10_0000;
    const CHILD_CLEAR_ID: u64 = 0x20_0000;
    const CHILD_SET_ID: u64 = 0x100_0000;
    let has = |flag| wish.flags & flag != 0;
    let kind = match (has(VM), has(THREAD)) {
        (true, true) => Spawn::Thread,
        (true, false) if has(VFORK) => Spawn::Vfork,
        (true, false) => Spawn::Sharing,
        (false, false) => Spawn::Fork,
        (false, true) => return Err(EINVAL),
    };
    let own = Own {
        clear_at_exit: if has(CHILD_CLEAR_ID) { wish.child_id.0 } else { 0 },
        number_at: [
            has(PARENT_SET_ID).then_some(wish.parent_id.0),
            has(CHILD_SET_ID).then_some(wish.child_id.0),
        ],
        thread_pointer: has(SET_TLS).then_some(wish.thread_pointer),
    };
    if own.thread_pointer.is_some_and(|pointer| pointer >= USER_TOP) {
        return Err(EPERM);
    }
    let child = TrapFrame { rsp: if wish.stack == 0 { frame.rsp } else { wish.stack }, ..*frame };
    fork(thread, kind, &child, own)
}

/// Linux's `struct clone_args`, in its first size: flags, a descriptor, where the child's and
/// the parent's number go, the signal at the end, the stack's start and length, thread-local variables.
pub(super) fn clone3(thread: &Thread, frame: &TrapFrame, arguments: Address, length: u64) -> Answer {
    const FIRST_SIZE: u64 = 64;
    if length < FIRST_SIZE {
        return Err(EINVAL);
    }
    let [flags, _, child_id, parent_id, signal, stack, size, thread_pointer]: [u64; 8] =
        user::read(thread.own_space(), arguments.0)?;
    let wish = Wish {
        flags: flags | signal,
        stack: stack.wrapping_add(size),
        parent_id: Address(parent_id),
        child_id: Address(child_id),
        thread_pointer,
    };
    clone(thread, frame, &wish)
}

pub(super) fn fork(thread: &Thread, kind: Spawn, frame: &TrapFrame, own: Own) -> Answer {
    let child = process::spawn(thread, kind, TrapFrame { rax: 0, ..*frame }, own)?;
    if kind == Spawn::Vfork {
        let process = child.process.clone().expect("just made");
        while process.holds_parent() && !thread.is_killed() {
            let woken = wait::wait(thread, Event::Left(process.id), None, || process.holds_parent());
            if woken == Woken::Interrupted {
                // The signal is taken when the child has left; until then there is no sleeping.
                threads::yield_now()?;
            }
        }
    }
    Ok(child.id.into())
}

/// There is one program, so the path does not matter; arguments and environment do.
pub(super) fn exec(
    thread: &Thread,
    frame: &mut TrapFrame,
    arguments: Address,
    environment: Address,
) -> Result<(), isize> {
    if !process::is_single(thread) {
        return Err(EBUSY);
    }
    let (arguments, environment) = (strings(thread, arguments.0)?, strings(thread, environment.0)?);
    Ok(process::exec(thread, frame, &slices(&arguments), &slices(&environment))?)
}

fn slices(strings: &[Vec<u8>]) -> Vec<&[u8]> {
    strings.iter().map(Vec::as_slice).collect()
}

/// A list of C strings that ends with a null pointer.
fn strings(thread: &Thread, list: u64) -> Result<Vec<Vec<u8>>, isize> {
    const MOST: usize = 256;
    let mut strings = Vec::new();
    for place in (list..).step_by(8).take(if list == 0 { 0 } else { MOST }) {
        let at: u64 = user::read(thread.own_space(), place)?;
        if at == 0 {
            break;
        }
        strings.push(files::string(thread, at)?);
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
            Reaped::NoneEnded => {
                let is_needed = || process::none_has_ended(parent, id);
                if wait::wait(thread, Event::Child(parent), None, is_needed) == Woken::Interrupted {
                    return Err(ERESTART);
                }
            }
        }
    }
}

pub(super) fn control(thread: &Thread, option: u32, argument: u64) -> Answer {
    const SET_DEATH_SIGNAL: u32 = 1;
    const SET_NAME: u32 = 15;
    match option {
        SET_DEATH_SIGNAL if argument <= 64 => {
            owner(thread).death_signal.store(argument as i32, Relaxed);
            Ok(0)
        }
        SET_NAME => Ok(0),
        _ => Err(EINVAL),
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
