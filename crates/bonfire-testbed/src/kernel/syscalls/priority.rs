//! How nice threads are, and which scheduling they ask for. It is kept and told; all have
//! equal turns. As to a program without `CAP_SYS_NICE`, precedence is refused.

use super::{Answer, E2BIG, EACCES, EINVAL, EPERM, ESRCH, owner, threads};
use crate::family::{self, Which};
use crate::thread::Thread;
use crate::user;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bonfire_testbed::calls::Address;
use core::sync::atomic::Ordering::Relaxed;

const NICEST: i32 = 19;
const LEAST_NICE: i32 = -20;

/// The least nice of those that are meant, as 20 less that.
pub(super) fn get(thread: &Thread, which: u32, who: u32) -> Answer {
    let meant = meant(thread, which, who)?;
    let nice = meant.iter().map(|thread| thread.nice.load(Relaxed)).min().ok_or(ESRCH)?;
    Ok((20 - nice) as u64)
}

pub(super) fn set(thread: &Thread, which: u32, who: u32, nice: i32) -> Answer {
    let meant = meant(thread, which, who)?;
    if meant.is_empty() {
        return Err(ESRCH);
    }
    meant.iter().try_for_each(|thread| set_nice(thread, nice, EACCES))?;
    Ok(0)
}

fn set_nice(thread: &Thread, nice: i32, refused: isize) -> Result<(), isize> {
    let nice = nice.clamp(LEAST_NICE, NICEST);
    if nice < thread.nice.load(Relaxed) {
        return Err(refused);
    }
    thread.nice.store(nice, Relaxed);
    Ok(())
}

/// A thread, those of a group's processes, or all: there is one user.
fn meant(thread: &Thread, which: u32, who: u32) -> Result<Vec<Arc<Thread>>, isize> {
    const PROCESS: u32 = 0;
    const GROUP: u32 = 1;
    const USER: u32 = 2;
    let group = if who == 0 { owner(thread).group.load(Relaxed) } else { who };
    let processes = match which {
        PROCESS => return Ok(threads::find(thread, who).into_iter().collect()),
        GROUP => family::find(Which::Group(group)),
        USER if who == 0 => family::find(Which::Any),
        USER => Vec::new(),
        _ => return Err(EINVAL),
    };
    let mut threads = Vec::new();
    processes.iter().for_each(|process| process.each_thread(|thread| threads.push(thread.clone())));
    Ok(threads)
}

/// The usual policy, that of batches, and that of who comes last; the others are real time.
fn check_policy(policy: u32) -> Result<(), isize> {
    match policy {
        0 | 3 | 5 => Ok(()),
        1 | 2 | 6 => Err(EPERM),
        _ => Err(EINVAL),
    }
}

/// Linux's `struct sched_param`: the priority, which is 0 but in real time.
pub(super) fn set_policy(thread: &Thread, id: i32, policy: u32, parameter: Address) -> Answer {
    let id = u32::try_from(id).map_err(|_| EINVAL)?;
    let priority: u32 = user::read(thread.own_space(), parameter.0)?;
    threads::find(thread, id)?;
    check_policy(policy)?;
    if priority == 0 { Ok(0) } else { Err(EINVAL) }
}

pub(super) fn policy(thread: &Thread, id: i32) -> Answer {
    threads::find(thread, u32::try_from(id).map_err(|_| EINVAL)?).map(|_| 0)
}

/// Linux's `struct sched_attr` in its first size: its size, the policy, flags, how nice, the
/// priority, and times.
pub(super) fn set_attributes(thread: &Thread, id: i32, attributes: Address, flags: u32) -> Answer {
    const FIRST_SIZE: u32 = 48;
    let id = u32::try_from(id).map_err(|_| EINVAL)?;
    if attributes.0 == 0 || flags != 0 {
        return Err(EINVAL);
    }
    let [size, policy, _, _, nice, priority]: [u32; 6] = user::read(thread.own_space(), attributes.0)?;
    if size != 0 && size < FIRST_SIZE || size > 4096 {
        return Err(E2BIG);
    }
    let target = threads::find(thread, id)?;
    check_policy(policy)?;
    if priority != 0 {
        return Err(EINVAL);
    }
    set_nice(&target, nice as i32, EPERM)?;
    Ok(0)
}
