//! The testbed's own calls: what its user program asks of this kernel and of no other.

use super::{Answer, EBUSY, EINVAL};
use crate::space::Space;
use crate::{borrowers, membarrier, sched, user};
use alloc::sync::Arc;
use bonfire_engine::Site;
use bonfire_testbed::calls::Address;

/// How often a CPU passed a site, and how often it owed to: three words.
pub(super) fn counts(space: &Space, cpu: u64, site: u64, counts: Address) -> Answer {
    let site = Site::ALL.get(site as usize).copied().ok_or(EINVAL)?;
    let cpu = cpu as usize;
    if cpu >= sched::cpu_count() {
        return Err(EINVAL);
    }
    let (done, owed) = (membarrier::count(cpu, site), membarrier::owed(cpu, site));
    user::write(space, counts.0, [done, owed.least, owed.most])?;
    Ok(0)
}

pub(super) fn set_online(cpu: u64, online: u64) -> Answer {
    if cpu >= sched::cpu_count() as u64 {
        return Err(EINVAL);
    }
    sched::set_online(cpu as usize, online != 0).map(|()| 0).map_err(|_| EBUSY)
}

pub(super) fn borrow(space: &Arc<Space>, cpu: u64, turns: u64, word: Address) -> Answer {
    borrowers::start(space, cpu, turns, word.0).map_err(|_| EINVAL)
}

pub(super) fn stay(space: &Arc<Space>, cpu: u64, word: Address) -> Answer {
    borrowers::stay(space, cpu, word.0).map_err(|_| EINVAL)
}
