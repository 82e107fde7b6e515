//! The machine that the engine runs on: this kernel.

use super::for_each_member;
use crate::arch::{self, Ipi, MAX_CPUS};
use crate::sched;
use bonfire_abi::Cpu;
use bonfire_engine::core_sync::{CoreSync, Settle};
use bonfire_engine::{
    AddressSpace, AtomicWord, CpuSet, Groups, Kernel, Machine, Parts, RunQueues, Site, Thread, ThreadList,
    Threads, Woken, Word,
};
use bonfire_testbed::CORE_SYNC;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed, Ordering::SeqCst, fence};

/// This kernel with an engine of the design `D`.
pub(crate) type With<D, const SETTLE: usize = AT_ONCE> =
    Parts<Testbed<SETTLE>, D, Groups<{ MAX_CPUS.div_ceil(64) }>>;

/// This kernel, as the engine sees it, which does core serialisations as [`SETTLES`]
/// says. A kernel chooses: at once, each place that owes one can be counted, and
/// left out, by itself; before user mode, most of them come for nothing, with a return
/// from an interrupt; and if stale, only processes that replace code pay in switches.
pub(crate) struct Testbed<const SETTLE: usize = AT_ONCE>;

/// When core serialisations are done.
const SETTLES: [Settle; 3] = [Settle::AtOnce, Settle::BeforeUser, Settle::IfStale];
pub(crate) const AT_ONCE: usize = 0;
pub(crate) const BEFORE_USER: usize = 1;
pub(crate) const IF_STALE: usize = 2;

impl<const SETTLE: usize> Machine for Testbed<SETTLE> {
    type Word = AtomicWord;
    /// The kernel is never pre-empted, and nothing that the engine
    /// calls blocks: every thread in the kernel is pinned.
    type Pin = ();

    const CORE_SYNC: Option<CoreSync<Self>> =
        Some(CoreSync { row: CORE_SYNC, sync: |_, site| core_sync(site), settle: SETTLES[SETTLE] });
    const RESTART_RSEQ: Option<fn(&Self)> = Some(|_| sched::with_current(|thread| thread.rseq.restart()));

    fn cpus(&self) -> usize {
        sched::cpu_count()
    }

    fn pin(&self) {}

    fn this_cpu(&self, (): &()) -> Cpu {
        Cpu(arch::cpu_index() as u32)
    }

    fn without_interrupts<R>(&self, body: impl FnOnce() -> R) -> R {
        arch::without_interrupts(body)
    }

    fn fence(&self, site: Site) {
        if counts(site) {
            // SeqCst: UNPAIRED here; the engine says at the site what it pairs with.
            fence(SeqCst);
        }
    }

    fn poke<K: Kernel>(&self, cpus: &CpuSet<K>) {
        if POKE_DROPPED.load(Relaxed) {
            return;
        }
        for cpu in cpus.iter() {
            arch::send_ipi(cpu.0 as usize, Ipi::Poke);
        }
    }

    /// Mostly for an answer that is a few microseconds away. Only a wait that
    /// lasts relaxes: see [`arch::relax`] for what that costs an emulator.
    fn wait_until(&self, word: &AtomicWord, at_least: u64, inbox: &AtomicWord, wanted: u64) -> Woken {
        const PATIENCE: u64 = 2000;
        let mut turns = 0u64;
        while word.load(Relaxed) < at_least {
            if POKE_DROPPED.load(Relaxed) {
                break;
            }
            if !arch::enabled() && inbox.load(Relaxed) & wanted != 0 {
                return Woken::Inbox;
            }
            turns += 1;
            if turns > PATIENCE {
                arch::relax();
            }
        }
        Woken::Reached
    }
}

impl<const SETTLE: usize> RunQueues for Testbed<SETTLE> {
    fn with_run_queue<R>(&self, cpu: Cpu, body: impl FnOnce() -> R) -> R {
        sched::with_run_queue(cpu.0 as usize, body)
    }
}

impl ThreadList<With<Threads>> for Testbed {
    fn for_each_thread(
        &self,
        space: &AddressSpace<With<Threads>>,
        mut visit: impl FnMut(&Thread<With<Threads>>),
    ) {
        for_each_member(|of, thread| {
            if core::ptr::eq(&of.membarrier.threads, space) {
                visit(&thread.membarrier.threads);
            }
        });
    }
}

fn core_sync(site: Site) {
    if counts(site) {
        arch::serialise();
    }
}

/// How often each CPU passed each site. A locked addition would be a barrier,
/// and hide the one that is missing.
static COUNTS: [[AtomicU64; Site::ALL.len()]; MAX_CPUS] =
    [const { [const { AtomicU64::new(0) }; Site::ALL.len()] }; MAX_CPUS];

/// The site left out by a boot option, as a bit: a machine with a fault.
static DELETED: AtomicU64 = AtomicU64::new(0);
/// Another fault: pokes are not sent, and nobody waits for them.
static POKE_DROPPED: AtomicBool = AtomicBool::new(false);

/// Plants faults, before the other CPUs start.
pub(super) fn set_faults(deleted: impl Iterator<Item = Site>, poke_dropped: bool) {
    DELETED.store(deleted.fold(0, |bits, site| bits | 1 << site as u64), Relaxed);
    POKE_DROPPED.store(poke_dropped, Relaxed);
}

/// Counts a site, unless it was left out; whether to go through with it.
fn counts(site: Site) -> bool {
    if DELETED.load(Relaxed) & 1 << site as u64 != 0 {
        return false;
    }
    arch::count(&COUNTS[arch::cpu_index()][site as usize]);
    true
}

/// How often that CPU passed that site.
pub(crate) fn count(cpu: usize, site: Site) -> u64 {
    COUNTS[cpu][site as usize].load(Relaxed)
}
