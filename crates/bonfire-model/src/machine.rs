//! The explorer as a machine of the engine's: its words, barriers, interrupts
//! and waits are operations of the explorer. The engine is the crate that
//! ships; nothing in it knows of this.

use std::any::Any;
use std::cell::{Cell, OnceCell};
use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::atomic::Ordering;

use bonfire_abi::Cpu;
use bonfire_engine::core_sync::{CoreSync, Row, Settle};
use bonfire_engine::{
    AddressSpace, CpuSet, Kernel, Machine, Parts, RunQueues, Site, Thread, ThreadList, Threads, Woken, Word,
};

use crate::explorer::{self, Barrier, MAX_CPUS, Shared};
use crate::kernel::of;
use crate::mutate::interpose::{self, Pin};
use crate::mutate::slip::{Access, What};
use crate::vocabulary::THREADS;

/// What a machine declares beyond the minimum.
pub trait Capabilities: 'static {
    /// How it serialises a core, and when.
    const CORE: Option<(Row, Settle)> = None;
    /// Whether it restarts rseq critical sections.
    const RSEQ: bool = false;
    /// Whether it has a grace period of its own.
    const GRACE: bool = false;
}

/// What becomes of a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Change {
    /// Nothing is left of it.
    Deleted,
    /// A weaker barrier is left of it.
    Weakened(Barrier),
}

/// An engine with some sites changed: none, for the engine that ships.
pub type Mutant = Vec<(Site, Change)>;

/// A machine with the capabilities `C`.
pub struct Model<C: Capabilities> {
    cpus: usize,
    mutant: Mutant,
    /// The sites that were passed, a bit for each.
    passed: Cell<u32>,
    run_queues: [Shared; MAX_CPUS],
    /// The lists of threads: whoever walks or changes one holds the lock.
    list_lock: Shared,
    /// For each thread, the address of its address space, or 0.
    pub(crate) listed: [Shared; THREADS],
    threads: OnceCell<Rc<ThreadsOf<C>>>,
    /// For each CPU, whether an rseq critical section must restart.
    pub(crate) restart: [Shared; MAX_CPUS],
    /// For each CPU, how often others asked it for a grace period, and the last
    /// that it answered.
    grace: [[Shared; 2]; MAX_CPUS],
    capabilities: PhantomData<C>,
}

/// The kernel on a machine with the capabilities `C` that chooses CPUs as the
/// design `D` does.
pub(crate) type On<C, D> = Parts<Model<C>, D>;

/// The threads of a scenario, as the design `Threads` lists them.
type ThreadsOf<C> = [Thread<On<C, Threads>>; THREADS];

impl<C: Capabilities> Model<C> {
    /// A machine of `cpus` CPUs.
    pub(crate) fn new(cpus: usize, mutant: Mutant) -> Self {
        Self {
            cpus,
            mutant,
            passed: Cell::new(0),
            run_queues: [const { Shared::new(0) }; MAX_CPUS],
            list_lock: Shared::new(0),
            listed: [const { Shared::new(0) }; THREADS],
            threads: OnceCell::new(),
            restart: [const { Shared::new(0) }; MAX_CPUS],
            grace: [const { [const { Shared::new(0) }; 2] }; MAX_CPUS],
            capabilities: PhantomData,
        }
    }

    /// The sites that were passed so far.
    pub(crate) fn passed(&self) -> Vec<Site> {
        Site::ALL.into_iter().filter(|&site| self.passed.get() >> site as u32 & 1 != 0).collect()
    }

    /// Forgets the sites that were passed so far.
    pub(crate) fn forget_passed(&self) {
        self.passed.set(0);
    }

    /// Names the threads that may be in lists, where the design lists them.
    pub(crate) fn enlist<K: Kernel>(&self, threads: &Rc<[Thread<K>; THREADS]>) {
        if let Some(threads) = (threads as &dyn Any).downcast_ref() {
            self.threads.set(Rc::clone(threads)).ok().expect("once");
        }
    }

    /// Changes a list of threads.
    #[track_caller]
    pub(crate) fn list(&self, thread: usize, space: u64) {
        explorer::without_interrupts(|| {
            self.list_lock.lock();
            self.listed[thread].store(space, Ordering::Relaxed);
            self.list_lock.unlock();
        });
    }

    /// What the word at an address is called, if it is one of the machine's.
    pub(crate) fn name_at(&self, address: usize) -> Option<String> {
        let lock = of(&self.run_queues, address).map(|cpu| format!("runqueue[{cpu}].lock"));
        let list = || of(std::slice::from_ref(&self.list_lock), address).map(|_| "threads.lock".to_owned());
        let listed = || of(&self.listed, address).map(|thread| format!("thread{thread}.space"));
        let restart = || of(&self.restart, address).map(|cpu| format!("restart[{cpu}]"));
        let grace = || of(&self.grace, address).map(|cpu| format!("grace[{cpu}]"));
        lock.or_else(list).or_else(listed).or_else(restart).or_else(grace)
    }

    /// What is left of a site.
    fn pass(&self, site: Site) -> Option<Barrier> {
        self.passed.set(self.passed.get() | 1 << site as u32);
        match self.mutant.iter().find(|(changed, _)| *changed == site) {
            None => Some(Barrier::Full),
            Some((_, Change::Deleted)) => None,
            Some((_, Change::Weakened(barrier))) => Some(*barrier),
        }
    }

    /// A grace period at its weakest: every other CPU passes a full barrier, and
    /// nothing orders the caller.
    fn wait_for_grace(&self) {
        let others = || (0..self.cpus).filter(|&cpu| cpu != explorer::this_cpu());
        let asked = others().map(|cpu| (cpu, self.grace[cpu][0].fetch_add(1, Ordering::Relaxed) + 1));
        let asked: Vec<(usize, u64)> = asked.collect();
        explorer::poke(others().fold(0, |cpus, cpu| cpus | 1 << cpu));
        asked.into_iter().for_each(|(cpu, count)| self.grace[cpu][1].wait(count, Ordering::Relaxed));
    }

    /// In the handler: this CPU's part in the grace periods of others.
    pub(crate) fn pass_grace(&self) {
        if C::GRACE {
            let [asked, answered] = &self.grace[explorer::this_cpu()];
            // A read-modify-write: the newest.
            let count = asked.fetch_add(0, Ordering::Relaxed);
            explorer::fence(Barrier::Full, "grace period");
            answered.store(count, Ordering::Relaxed);
        }
    }

    #[track_caller]
    fn core_sync(&self, site: Site) {
        if self.pass(site).is_some() {
            explorer::core_sync(site.name());
        }
    }
}

impl<C: Capabilities> Machine for Model<C> {
    type Word = Shared;
    type Pin = Pin;

    const CORE_SYNC: Option<CoreSync<Self>> = match C::CORE {
        None => None,
        Some((row, settle)) => Some(CoreSync { row, settle, sync: Self::core_sync }),
    };
    const RESTART_RSEQ: Option<fn(&Self)> = if C::RSEQ {
        // Only this CPU looks at the word, and it is in program order.
        Some(|machine: &Self| {
            if interpose::is_done(What::Restart) {
                machine.restart[explorer::this_cpu()].store(1, Ordering::Relaxed);
            }
        })
    } else {
        None
    };
    const GRACE_PERIOD: Option<fn(&Self)> = if C::GRACE { Some(Self::wait_for_grace) } else { None };

    fn cpus(&self) -> usize {
        self.cpus
    }

    #[track_caller]
    fn pin(&self) -> Pin {
        interpose::pin()
    }

    fn this_cpu(&self, pin: &Pin) -> Cpu {
        Cpu(pin.cpu(explorer::this_cpu()) as u32)
    }

    #[track_caller]
    fn without_interrupts<R>(&self, body: impl FnOnce() -> R) -> R {
        if interpose::is_done(What::Closed) { explorer::without_interrupts(body) } else { body() }
    }

    #[track_caller]
    fn fence(&self, site: Site) {
        if let Some(barrier) = self.pass(site) {
            interpose::fence(barrier, site);
        }
    }

    #[track_caller]
    fn poke<K: Kernel>(&self, cpus: &CpuSet<K>) {
        interpose::poke(cpus.words()[0] as u8);
    }

    #[track_caller]
    fn wait_until(&self, word: &Shared, at_least: u64, inbox: &Shared, wanted: u64) -> Woken {
        if interpose::wait(word, at_least, inbox, wanted) { Woken::Inbox } else { Woken::Reached }
    }
}

impl<C: Capabilities> RunQueues for Model<C> {
    #[track_caller]
    fn with_run_queue<R>(&self, cpu: Cpu, body: impl FnOnce() -> R) -> R {
        if !interpose::is_done(What::Lock) {
            return body();
        }
        explorer::without_interrupts(|| {
            let lock = &self.run_queues[cpu.0 as usize];
            lock.lock();
            let result = body();
            lock.unlock();
            result
        })
    }
}

impl<C: Capabilities> ThreadList<On<C, Threads>> for Model<C> {
    #[track_caller]
    fn for_each_thread(
        &self,
        space: &AddressSpace<On<C, Threads>>,
        mut visit: impl FnMut(&Thread<On<C, Threads>>),
    ) {
        let threads = self.threads.get().expect("enlisted by the kernel");
        let space = std::ptr::from_ref(space).addr() as u64;
        explorer::without_interrupts(|| {
            self.list_lock.lock();
            for (thread, listed) in threads.iter().zip(&self.listed) {
                if listed.is_touched() && listed.load(Ordering::Relaxed) == space {
                    visit(thread);
                }
            }
            self.list_lock.unlock();
        });
    }
}

impl Word for Shared {
    const ZERO: Self = Self::new(0);
    const TOP_BIT: Self = Self::new(1 << 63);

    #[track_caller]
    fn load(&self, order: Ordering) -> u64 {
        interpose::access(self, Access::Load, 0, order)
    }

    #[track_caller]
    fn store(&self, value: u64, order: Ordering) {
        interpose::access(self, Access::Store, value, order);
    }

    #[track_caller]
    fn swap(&self, value: u64, order: Ordering) -> u64 {
        interpose::access(self, Access::Swap, value, order)
    }

    #[track_caller]
    fn fetch_or(&self, bits: u64, order: Ordering) -> u64 {
        interpose::access(self, Access::FetchOr, bits, order)
    }

    #[track_caller]
    fn set(&self, bits: u64, order: Ordering) {
        interpose::access(self, Access::Set, bits, order);
    }

    #[track_caller]
    fn clear(&self, bits: u64, order: Ordering) {
        interpose::access(self, Access::Clear, bits, order);
    }
}
