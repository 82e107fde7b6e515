//! Threads: the CPUs they run on, and what they register.

use super::{Answer, EBUSY, EFAULT, EINVAL, EPERM, ESRCH};
use crate::arch::{self, TrapFrame};
use crate::family;
use crate::robust;
use crate::rseq;
use crate::sched::{self, After};
use crate::space::Space;
use crate::thread::Thread;
use crate::user;
use alloc::sync::Arc;
use bonfire_testbed::calls::Address;
use core::sync::atomic::Ordering::Relaxed;

pub(super) fn yield_now() -> Answer {
    arch::without_interrupts(|| sched::schedule(After::Ready));
    Ok(0)
}

/// Where thread-local variables are.
pub(super) fn set_pointer(thread: &Thread, frame: &mut TrapFrame, what: u32, address: u64) -> Answer {
    const SET_FS: u32 = 0x1002;
    const GET_FS: u32 = 0x1003;
    match what {
        SET_FS if address >= arch::USER_TOP => Err(EPERM),
        SET_FS => {
            let mut state = thread.state.lock();
            state.save();
            state.set_thread_pointer(frame, address);
            state.restore();
            Ok(0)
        }
        GET_FS => {
            let pointer = thread.state.lock().thread_pointer();
            user::write(thread.own_space(), address, pointer)?;
            Ok(0)
        }
        _ => Err(EINVAL),
    }
}

/// The word that is cleared at the thread's end.
pub(super) fn clear_at_exit(thread: &Thread, word: Address) -> Answer {
    thread.clear_at_exit.store(word.0, Relaxed);
    Ok(thread.id().into())
}

/// The list of locks that it holds.
pub(super) fn set_robust_list(thread: &Thread, list: Address, length: u64) -> Answer {
    if length != robust::HEAD {
        return Err(EINVAL);
    }
    thread.robust_list.store(list.0, Relaxed);
    Ok(0)
}

/// The thread of that number; the caller, if that is 0.
pub(super) fn find(thread: &Thread, id: u32) -> Result<Arc<Thread>, isize> {
    if id == 0 || id == thread.id() { Ok(thread.keep()) } else { family::thread(id).ok_or(ESRCH) }
}

/// The CPUs that a thread may run on; when this returns, it runs on no other.
pub(super) fn set_affinity(thread: &Thread, id: u32, length: u32, cpus: Address) -> Answer {
    let mut bytes = [0; 8];
    let given = bytes.len().min(length as usize);
    user::read_bytes(thread.own_space(), cpus.0, &mut bytes[..given])?;
    let cpus = u64::from_le_bytes(bytes);
    let target = find(thread, id)?;
    if !(0..sched::cpu_count()).any(|cpu| cpus & 1 << cpu != 0 && sched::is_online(cpu)) {
        return Err(EINVAL);
    }
    sched::set_affinity(&target, cpus);
    Ok(0)
}

pub(super) fn affinity(thread: &Thread, id: u32, length: u32, cpus: Address) -> Answer {
    if length < 8 || !length.is_multiple_of(8) {
        return Err(EINVAL);
    }
    let present = u64::MAX >> (64 - sched::cpu_count());
    let target = find(thread, id)?;
    user::write(thread.own_space(), cpus.0, target.affinity.load(Relaxed) & present)?;
    Ok(8)
}

pub(super) fn cpu(space: &Space, cpu: Address, node: Address) -> Answer {
    if node.0 != 0 {
        user::write(space, node.0, 0u32)?;
    }
    if cpu.0 != 0 {
        user::write(space, cpu.0, arch::cpu_index() as u32)?;
    }
    Ok(0)
}

pub(super) fn register_rseq(
    thread: &Thread,
    area: Address,
    length: u32,
    flags: u32,
    signature: u32,
) -> Answer {
    const UNREGISTER: u32 = 1;
    let registered = thread.rseq.registered();
    if flags & UNREGISTER != 0 {
        return match registered {
            _ if flags != UNREGISTER => Err(EINVAL),
            Some((known, _)) if known != area.0 || u64::from(length) != rseq::AREA => Err(EINVAL),
            Some((_, known)) if known != signature => Err(EPERM),
            Some(_) => {
                thread.rseq.register(0, 0);
                Ok(0)
            }
            None => Err(EINVAL),
        };
    }
    if flags != 0 {
        return Err(EINVAL);
    }
    match registered {
        Some((known, _)) if known != area.0 || u64::from(length) != rseq::AREA => return Err(EINVAL),
        Some((_, known)) if known != signature => return Err(EPERM),
        Some(_) => return Err(EBUSY),
        None if u64::from(length) != rseq::AREA || !area.0.is_multiple_of(rseq::AREA) => return Err(EINVAL),
        None => {}
    }
    if !thread.own_space().covers(area.0, rseq::AREA, true) {
        return Err(EFAULT);
    }
    thread.rseq.register(area.0, signature);
    Ok(0)
}
