//! Processes and threads: how they come and go.

use super::{Answer, EAGAIN, ECHILD, EINVAL, ENOENT, ENOMEM, EPERM, ESRCH, owner, paths, threads};
use crate::arch::{TrapFrame, USER_TOP};
use crate::family::{self, Reaped, Which};
use crate::given;
use crate::process::{self, NoExec, NoSpawn, Own, Spawn};
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
    const CLEAR_HANDLERS: u64 = 1 << 32;
    /// With the signal at the end, and with what threads share in any case.
    const KNOWN: u64 = 0xff
        | 0xe00
        | VM
        | VFORK
        | 0x8000
        | THREAD
        | 0x4_0000
        | SET_TLS
        | PARENT_SET_ID
        | CHILD_CLEAR_ID
        | 0x40_0000
        | CHILD_SET_ID
        | CLEAR_HANDLERS;
    let has = |flag| wish.flags & flag != 0;
    let kind = match (has(VM), has(THREAD)) {
        (true, true) => Spawn::Thread,
        (true, false) if has(VFORK) => Spawn::Vfork,
        (true, false) => Spawn::Sharing,
        (false, false) => Spawn::Fork,
        (false, true) => return Err(EINVAL),
    };
    if wish.flags & !KNOWN != 0 {
        return Err(EINVAL);
    }
    let own = Own {
        clear_at_exit: if has(CHILD_CLEAR_ID) { wish.child_id.0 } else { 0 },
        number_at: [
            has(PARENT_SET_ID).then_some(wish.parent_id.0),
            has(CHILD_SET_ID).then_some(wish.child_id.0),
        ],
        thread_pointer: has(SET_TLS).then_some(wish.thread_pointer),
        has_no_handlers: has(CLEAR_HANDLERS),
    };
    if own.thread_pointer.is_some_and(|pointer| pointer >= USER_TOP) {
        return Err(EPERM);
    }
    let mut child = *frame;
    if wish.stack != 0 {
        child.set_stack(wish.stack);
    }
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
    let mut child = *frame;
    child.set_answer(0);
    let child = process::spawn(thread, kind, child, own)?;
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
    Ok(child.id().into())
}

/// There is one program, which has several names; none of them is another one's.
pub(super) fn exec(
    thread: &Thread,
    frame: &mut TrapFrame,
    path: Address,
    arguments: Address,
    environment: Address,
) -> Result<(), isize> {
    if given::is_given() && !is_itself(&paths::string(thread, path.0)?) {
        return Err(ENOENT);
    }
    let (arguments, environment) = (strings(thread, arguments.0)?, strings(thread, environment.0)?);
    Ok(process::exec(thread, frame, &slices(&arguments), &slices(&environment))?)
}

fn is_itself(path: &[u8]) -> bool {
    let started_as = || given::given().and_then(|given| given::strings(given.arguments).next());
    let found = core::str::from_utf8(path).map(given::normal);
    found.is_ok_and(|path| matches!(&*path, paths::PROGRAM | "/proc/self/exe")) || started_as() == Some(path)
}

impl From<NoExec> for isize {
    fn from(why: NoExec) -> isize {
        match why {
            NoExec::OutOfMemory => ENOMEM,
            NoExec::Ending => EAGAIN,
        }
    }
}

impl From<NoSpawn> for isize {
    fn from(why: NoSpawn) -> isize {
        match why {
            NoSpawn::OutOfMemory => ENOMEM,
            NoSpawn::TooMany => EAGAIN,
        }
    }
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
        strings.push(paths::string(thread, at)?);
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

pub(super) fn wait(thread: &Thread, number: i32, status_at: Address, options: u32) -> Answer {
    const NO_HANG: u32 = 1;
    /// Also those that stop and go on, which none does here; all kinds of children.
    const KNOWN: u32 = NO_HANG | 2 | 8 | 0xe000_0000;
    if options & !KNOWN != 0 {
        return Err(EINVAL);
    }
    let parent = owner(thread).id;
    let which = Which::from_number(number, owner(thread).group.load(Relaxed));
    loop {
        match family::reap(parent, which) {
            Reaped::Child { id, status } => {
                if status_at.0 != 0 {
                    user::write(thread.own_space(), status_at.0, status as u32)?;
                }
                return Ok(id.into());
            }
            Reaped::NoChild => return Err(ECHILD),
            Reaped::NoneEnded if options & NO_HANG != 0 => return Ok(0),
            Reaped::NoneEnded => {
                let is_needed = || family::none_has_ended(parent, which);
                if wait::wait(thread, Event::Child(parent), None, is_needed) == Woken::Interrupted {
                    return Err(ERESTART);
                }
            }
        }
    }
}

pub(super) fn control(thread: &Thread, option: u32, argument: u64) -> Answer {
    const SET_DEATH_SIGNAL: u32 = 1;
    const GET_DEATH_SIGNAL: u32 = 2;
    const SET_NAME: u32 = 15;
    const SET_CHILD_SUBREAPER: u32 = 36;
    const GET_CHILD_SUBREAPER: u32 = 37;
    let process = owner(thread);
    let tell = |value: u32| user::write(thread.own_space(), argument, value);
    match option {
        SET_DEATH_SIGNAL if argument <= 64 => process.death_signal.store(argument as i32, Relaxed),
        GET_DEATH_SIGNAL => tell(process.death_signal.load(Relaxed) as u32)?,
        SET_NAME => {}
        SET_CHILD_SUBREAPER => process.is_subreaper.store(argument != 0, Relaxed),
        GET_CHILD_SUBREAPER => tell(process.is_subreaper.load(Relaxed).into())?,
        _ => return Err(EINVAL),
    }
    Ok(0)
}

/// Puts a process into a group: the caller, or a child of the caller's; a group of its own, or
/// one that is there.
pub(super) fn set_group(thread: &Thread, id: i32, group: i32) -> Answer {
    let (Ok(id), Ok(group)) = (u32::try_from(id), u32::try_from(group)) else { return Err(EINVAL) };
    let own = owner(thread);
    let id = if id == 0 { own.id } else { id };
    let found = family::find(Which::Process(id)).into_iter().next().ok_or(ESRCH)?;
    if found.id != own.id && found.parent.load(Relaxed) != own.id {
        return Err(ESRCH);
    }
    let group = if group == 0 { id } else { group };
    if group != id && family::find(Which::Group(group)).is_empty() {
        return Err(EPERM);
    }
    found.group.store(group, Relaxed);
    Ok(0)
}

/// The group of a process; of the caller's, if it names none.
pub(super) fn group(thread: &Thread, id: i32) -> Answer {
    if id == 0 {
        return Ok(owner(thread).group.load(Relaxed).into());
    }
    let id = u32::try_from(id).map_err(|_| ESRCH)?;
    let found = family::find(Which::Process(id)).into_iter().next().ok_or(ESRCH)?;
    Ok(found.group.load(Relaxed).into())
}
