//! The engine's machine in loom: C11 atomics, C11 fences, interrupts that are
//! polled.

use std::any::Any;
use std::cell::RefCell;
use std::panic;
use std::sync::atomic::Ordering::{self, Relaxed};
use std::sync::atomic::{AtomicU8, AtomicU32};
use std::sync::{Arc, OnceLock};

use bonfire_abi::Cpu;
use bonfire_engine::{
    AddressSpace, CpuSet, Kernel, Machine, Parts, RunQueues, Site, Thread, ThreadList, Threads, Woken, Word,
};
use bonfire_model::explorer::Barrier;
use bonfire_model::machine::{Change, Mutant};
use bonfire_model::vocabulary::THREADS;
use loom::sync::Mutex;
use loom::sync::atomic::{AtomicU64, fence};

/// How many CPUs there may be: as many as loom has threads, but one.
pub(crate) const CPUS: usize = 4;

/// The kernel in loom that chooses CPUs as the design `D` does.
pub(crate) type InLoom<D> = Parts<Loom, D>;

/// The machine.
pub(crate) struct Loom {
    cpus: usize,
    mutant: Mutant,
    /// The sites that were passed, a bit for each. Not part of the model.
    passed: Arc<AtomicU32>,
    /// For each CPU, whether it was poked. Relaxed: a poke orders nothing.
    pokes: [AtomicU64; CPUS],
    /// Stored to at each fence and never read: see [`Loom::full`].
    turn: AtomicU64,
    run_queues: [Mutex<()>; CPUS],
    /// For each thread, the address of its address space, or 0.
    listed: Mutex<[usize; THREADS]>,
    threads: OnceLock<Arc<[Thread<InLoom<Threads>>; THREADS]>>,
}

impl Loom {
    pub(crate) fn new(cpus: usize, mutant: Mutant, passed: Arc<AtomicU32>) -> Self {
        Self {
            cpus,
            mutant,
            passed,
            pokes: [(); CPUS].map(|()| AtomicU64::new(0)),
            turn: AtomicU64::new(0),
            run_queues: [(); CPUS].map(|()| Mutex::new(())),
            listed: Mutex::new([0; THREADS]),
            threads: OnceLock::new(),
        }
    }

    /// Whether this CPU was poked, as far as it knows. Asked once by each CPU.
    pub(crate) fn is_poked(&self) -> bool {
        self.pokes[here()].load(Relaxed) != 0
    }

    /// Names the threads that may be in lists, where the design lists them.
    pub(crate) fn enlist<K: Kernel>(&self, threads: &Arc<[Thread<K>; THREADS]>) {
        if let Some(threads) = (threads as &dyn Any).downcast_ref() {
            self.threads.set(Arc::clone(threads)).ok().expect("once");
        }
    }

    /// Changes a list of threads: to that of an address space, or to none.
    pub(crate) fn list(&self, thread: usize, space: usize) {
        self.listed.lock().expect("no holder panics")[thread] = space;
    }

    /// `fence(SeqCst)`, in every order that there is.
    ///
    /// loom tries another order of two operations only where both touch one
    /// object, and a fence touches none: it would happen together with the access
    /// before it. A store that nobody reads makes it an event of its own, and
    /// orders nothing. It adds executions; no verdict of today's suite needs them.
    fn full(&self) {
        self.turn.store(0, Relaxed);
        fence(Ordering::SeqCst);
    }
}

impl Machine for Loom {
    type Word = Shared;
    type Pin = ();

    fn cpus(&self) -> usize {
        self.cpus
    }

    fn pin(&self) {}

    fn this_cpu(&self, (): &()) -> Cpu {
        Cpu(here() as u32)
    }

    /// Interrupts are polled, and not in here.
    fn without_interrupts<R>(&self, body: impl FnOnce() -> R) -> R {
        body()
    }

    fn fence(&self, site: Site) {
        self.passed.fetch_or(1 << site as u32, Relaxed);
        match self.mutant.iter().find(|(changed, _)| *changed == site) {
            None | Some((_, Change::Weakened(Barrier::Full))) => self.full(),
            Some((_, Change::Deleted)) => {}
            Some((_, Change::Weakened(Barrier::Acquire))) => fence(Ordering::Acquire),
            Some((_, Change::Weakened(Barrier::Release))) => fence(Ordering::Release),
            Some((_, Change::Weakened(Barrier::Write))) => unreachable!("C11 has no write barrier"),
        }
    }

    fn poke<K: Kernel>(&self, cpus: &CpuSet<K>) {
        cpus.iter().for_each(|cpu| self.pokes[cpu.0 as usize].store(1, Relaxed));
    }

    /// Looks once. Where the answer is not there yet, another execution is one in
    /// which it is.
    fn wait_until(&self, word: &Shared, at_least: u64, _: &Shared, _: u64) -> Woken {
        assume(word.load(Relaxed) >= at_least);
        Woken::Reached
    }
}

impl RunQueues for Loom {
    fn with_run_queue<R>(&self, cpu: Cpu, body: impl FnOnce() -> R) -> R {
        let _locked = self.run_queues[cpu.0 as usize].lock().expect("no holder panics");
        body()
    }
}

impl ThreadList<InLoom<Threads>> for Loom {
    fn for_each_thread(
        &self,
        space: &AddressSpace<InLoom<Threads>>,
        mut visit: impl FnMut(&Thread<InLoom<Threads>>),
    ) {
        let threads = self.threads.get().expect("enlisted by the kernel");
        let space = std::ptr::from_ref(space).addr();
        let listed = self.listed.lock().expect("no holder panics");
        threads.iter().zip(*listed).filter(|&(_, of)| of == space).for_each(|(thread, _)| visit(thread));
    }
}

/// Ends what this CPU does, and makes the execution one that does not count,
/// unless `holds`.
pub(crate) fn assume(holds: bool) {
    if !holds {
        panic::resume_unwind(Box::new(Blocked));
    }
}

/// What is thrown by [`assume`].
pub(crate) struct Blocked;

loom::thread_local! {
    static HERE: AtomicU8 = AtomicU8::new(0);
}

/// The CPU of this thread.
pub(crate) fn here() -> usize {
    HERE.with(|cpu| usize::from(cpu.load(Relaxed)))
}

/// This thread is that CPU from now on.
pub(crate) fn become_cpu(cpu: usize) {
    HERE.with(|here| here.store(cpu as u8, Relaxed));
}

/// A word of the engine's.
pub(crate) struct Shared {
    cell: OnceLock<AtomicU64>,
    initial: u64,
}

thread_local! {
    /// While CPUs run: atomics that hold 0, for words that are first used then. An
    /// atomic has to be made before the threads that use it.
    static STOCK: RefCell<Option<Vec<AtomicU64>>> = const { RefCell::new(None) };
}

/// An execution begins. One thread does what every CPU does until they run.
pub(crate) fn before_cpus_run() {
    STOCK.take();
}

/// The CPUs run from now on.
pub(crate) fn cpus_run() {
    STOCK.set(Some((0..ENOUGH).map(|_| AtomicU64::new(0)).collect()));
}

/// The words of three address spaces, of their threads, and of a CPU's slot.
const ENOUGH: usize = 12;

impl Shared {
    const fn new(initial: u64) -> Self {
        Self { cell: OnceLock::new(), initial }
    }

    /// The word as loom knows it: atomics of loom live in one execution, so a word
    /// takes one when it is first used.
    fn cell(&self) -> &AtomicU64 {
        self.cell.get_or_init(|| {
            STOCK.with_borrow_mut(|stock| match stock {
                None => AtomicU64::new(self.initial),
                Some(zeros) => {
                    assert_eq!(self.initial, 0, "a CPU's `done` is used before CPUs run");
                    zeros.pop().expect("enough")
                }
            })
        })
    }
}

impl Word for Shared {
    const ZERO: Self = Self::new(0);
    const TOP_BIT: Self = Self::new(1 << 63);

    fn load(&self, order: Ordering) -> u64 {
        self.cell().load(order)
    }

    fn store(&self, value: u64, order: Ordering) {
        self.cell().store(value, order);
    }

    fn swap(&self, value: u64, order: Ordering) -> u64 {
        self.cell().swap(value, order)
    }

    fn fetch_or(&self, bits: u64, order: Ordering) -> u64 {
        self.cell().fetch_or(bits, order)
    }

    fn set(&self, bits: u64, order: Ordering) {
        self.cell().fetch_or(bits, order);
    }

    fn clear(&self, bits: u64, order: Ordering) {
        self.cell().fetch_and(!bits, order);
    }
}
