//! Threads: the CPUs they run on, and the words they wait for.

use super::{Answer, EAGAIN, EBUSY, EFAULT, EINVAL, ENOSYS, EPERM, ETIMEDOUT, time};
use crate::arch;
use crate::rseq;
use crate::sched::{self, After};
use crate::space::Space;
use crate::thread::Thread;
use crate::user;
use crate::wait::{self, Event};
use bonfire_testbed::calls::Address;
use core::sync::atomic::Ordering::Relaxed;

pub(super) fn yield_now() -> Answer {
    arch::without_interrupts(|| sched::schedule(After::Ready));
    Ok(0)
}

pub(super) fn futex(thread: &Thread, word: Address, operation: u32, value: u32, timeout: Address) -> Answer {
    const WAIT: u32 = 0;
    const WAKE: u32 = 1;
    const PRIVATE: u32 = 128;
    let space = thread.own_space();
    let physical = space.physical(word.0).ok_or(EFAULT)?;
    match operation & !PRIVATE {
        WAIT => {
            let deadline = time::deadline(space, timeout)?;
            let is_unchanged = || user::read::<u32>(space, word.0).is_ok_and(|now| now == value);
            if !is_unchanged() {
                return Err(EAGAIN);
            }
            wait::wait(thread, Event::Word(physical), deadline, is_unchanged);
            match deadline {
                Some(deadline) if arch::clock() >= deadline => Err(ETIMEDOUT),
                _ => Ok(0),
            }
        }
        WAKE => Ok(wait::wake(Event::Word(physical), value as usize) as u64),
        _ => Err(ENOSYS),
    }
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

pub(super) fn cpu(space: &Space, cpu: Address) -> Answer {
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
