//! Threads: the CPUs they run on, and what they register.

use super::{Answer, EBUSY, EFAULT, EINVAL, EPERM};
use crate::arch;
use crate::rseq;
use crate::sched::{self, After};
use crate::space::Space;
use crate::thread::Thread;
use crate::user;
use bonfire_testbed::calls::Address;
use core::sync::atomic::Ordering::Relaxed;

pub(super) fn yield_now() -> Answer {
    arch::without_interrupts(|| sched::schedule(After::Ready));
    Ok(0)
}

/// Where thread-local variables are.
pub(super) fn set_pointer(thread: &Thread, what: u32, address: u64) -> Answer {
    const SET_FS: u32 = 0x1002;
    const GET_FS: u32 = 0x1003;
    match what {
        SET_FS if address >= arch::USER_TOP => Err(EPERM),
        SET_FS => {
            thread.thread_pointer.store(address, Relaxed);
            arch::set_thread_pointer(address);
            Ok(0)
        }
        GET_FS => {
            user::write(thread.own_space(), address, thread.thread_pointer.load(Relaxed))?;
            Ok(0)
        }
        _ => Err(EINVAL),
    }
}

/// The word that is cleared at the thread's end.
pub(super) fn clear_at_exit(thread: &Thread, word: Address) -> Answer {
    thread.clear_at_exit.store(word.0, Relaxed);
    Ok(thread.id.into())
}

/// Of the calling thread only.
pub(super) fn set_affinity(thread: &Thread, id: u32, length: u32, cpus: Address) -> Answer {
    if id != 0 && id != thread.id {
        return Err(EPERM);
    }
    if length < 8 {
        return Err(EINVAL);
    }
    let cpus: u64 = user::read(thread.own_space(), cpus.0)?;
    if !(0..sched::cpu_count()).any(|cpu| cpus & 1 << cpu != 0 && sched::is_online(cpu)) {
        return Err(EINVAL);
    }
    sched::set_affinity(thread, cpus);
    Ok(0)
}

pub(super) fn affinity(thread: &Thread, length: u32, cpus: Address) -> Answer {
    if length < 8 {
        return Err(EINVAL);
    }
    let present = u64::MAX >> (64 - sched::cpu_count());
    user::write(thread.own_space(), cpus.0, thread.affinity.load(Relaxed) & present)?;
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
    if flags == UNREGISTER {
        thread.rseq.register(0, 0);
        return Ok(0);
    }
    if flags != 0 || u64::from(length) != rseq::AREA || !area.0.is_multiple_of(rseq::AREA) {
        return Err(EINVAL);
    }
    if thread.rseq.is_registered() {
        return Err(EBUSY);
    }
    if !thread.own_space().covers(area.0, rseq::AREA, true) {
        return Err(EFAULT);
    }
    thread.rseq.register(area.0, signature);
    Ok(0)
}
