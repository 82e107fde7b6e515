//! The machine as the engine sees it: words, barriers, pokes, waits.
//!
//! Its CPUs are OS threads, its interrupts signals, its barriers those of the
//! host. What a test wants to know is counted per CPU, and what a twin wants
//! broken can be taken out by name ([`Faults`]).

use std::any::Any;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed, Ordering::SeqCst, fence};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bonfire_engine::abi::Cpu;
use bonfire_engine::core_sync::{CoreSync, RISCV, Row, Settle};
use bonfire_engine::{
    AddressSpace, AtomicWord, CpuSet, Kernel, RunQueues, Site, Thread, ThreadList, Threads, Woken, Word,
};

use crate::counts::Counts;
use crate::design::On;
use crate::fetch::InstructionView;
use crate::restartable::Section;
use crate::sys::light_fence;
use crate::sys::signal::{self, Wire};
use crate::sys::this_cpu::{self, Line};
use crate::{Faults, Hook, lock};

/// The most CPUs that a machine can have.
pub const MOST_CPUS: usize = 64;

/// The machine: CPUs, their wires, and what is broken about it.
pub struct Machine {
    pub(crate) cpus: Box<[CpuLines]>,
    faults: Faults,
    listed: Mutex<Vec<Listed>>,
}

/// What other CPUs, and the handlers of this one, share of a CPU.
#[derive(Default)]
#[repr(align(128))]
pub(crate) struct CpuLines {
    pub(crate) wire: Wire,
    pub(crate) interrupts: Interrupts,
    pub(crate) counts: Counts,
    pub(crate) view: InstructionView,
    pub(crate) section: Section,
    run_queue: Mutex<()>,
}

/// The interrupt flag of a CPU, and what was raised while it was clear.
///
/// Only the OS thread that is the CPU writes it: relaxed throughout, kept in
/// order for its own handlers by light fences.
#[derive(Default)]
pub(crate) struct Interrupts {
    off: AtomicBool,
    pokes: AtomicU32,
    tick: AtomicBool,
}

/// A thread and the address space in whose list it is, as numbers and counts:
/// the list keeps neither alive for longer than it is in it.
struct Listed {
    space: usize,
    thread: Arc<Thread<On<Threads>>>,
    /// Whether it is of the process that the address space was made for.
    is_of_process: bool,
}

impl Machine {
    /// A machine with so many CPUs, all offline, without what `faults` takes out.
    ///
    /// # Panics
    /// If there are no CPUs, or more than [`MOST_CPUS`].
    #[must_use]
    pub fn new(cpus: usize, faults: Faults) -> Self {
        assert!((1..=MOST_CPUS).contains(&cpus), "a machine has 1 to {MOST_CPUS} CPUs, not {cpus}");
        Self { cpus: (0..cpus).map(|_| CpuLines::default()).collect(), faults, listed: Mutex::default() }
    }

    /// What was counted on `cpu`.
    ///
    /// # Panics
    /// If there is no such CPU.
    #[must_use]
    pub fn counts(&self, cpu: Cpu) -> &Counts {
        &self.lines(cpu).counts
    }

    /// Whether this kernel forgets a hook.
    pub(crate) fn forgets(&self, hook: Hook) -> bool {
        self.faults.forgets(hook)
    }

    pub(crate) fn lines(&self, cpu: Cpu) -> &CpuLines {
        &self.cpus[cpu.0 as usize]
    }

    /// The CPU that runs this code, which cannot be pre-empted meanwhile.
    pub(crate) fn here(&self) -> Cpu {
        let core = this_cpu::current();
        Cpu(core.expect("the engine is called on a virtual CPU, by a virtual thread").number())
    }

    pub(crate) fn tick(&self, cpu: Cpu) {
        let lines = self.lines(cpu);
        // One at a time: a CPU that its host leaves waiting is not ticked again.
        if !lines.interrupts.tick.load(Relaxed) {
            lines.wire.raise(Line::Tick);
        }
    }

    /// `thread` belongs to `space` from now on, where the design lists threads.
    /// Before it first runs there.
    pub(crate) fn enlist<K: Kernel>(
        &self,
        space: &AddressSpace<K>,
        thread: &Arc<Thread<K>>,
        is_of_process: bool,
    ) {
        if let Some(thread) = listed(thread) {
            let (space, thread) = (address(space), Arc::clone(thread));
            lock(&self.listed).push(Listed { space, thread, is_of_process });
        }
    }

    /// `thread` no longer belongs to `space`. After its hook.
    pub(crate) fn delist<K: Kernel>(&self, space: &AddressSpace<K>, thread: &Arc<Thread<K>>) {
        if let Some(thread) = listed(thread) {
            let space = address(space);
            lock(&self.listed).retain(|entry| entry.space != space || !Arc::ptr_eq(&entry.thread, thread));
        }
    }

    fn sync_core(&self, site: Site) {
        if !self.faults.lacks(site) {
            let lines = self.lines(self.here());
            lines.counts.passed(site);
            lines.view.refresh();
        }
    }

    /// See [`restartable`](crate::restartable).
    fn restart_rseq(&self) {
        self.lines(self.here()).section.restart_by_poke(self.faults);
    }
}

/// The thread, if its design is the one that lists threads.
fn listed<K: Kernel>(thread: &Arc<Thread<K>>) -> Option<&Arc<Thread<On<Threads>>>> {
    (thread as &dyn Any).downcast_ref()
}

/// Address spaces are told apart by where they are.
fn address<K: Kernel>(space: &AddressSpace<K>) -> usize {
    std::ptr::from_ref(space).addr()
}

impl bonfire_engine::Machine for Machine {
    type Word = AtomicWord;
    /// Nothing: system calls are not pre-empted.
    type Pin = ();

    const CORE_SYNC: Option<CoreSync<Self>> =
        Some(CoreSync { row: THREADS, sync: Self::sync_core, settle: Settle::AtOnce });
    const RESTART_RSEQ: Option<fn(&Self)> = Some(Self::restart_rseq);

    fn cpus(&self) -> usize {
        self.cpus.len()
    }

    fn pin(&self) {}

    fn this_cpu(&self, (): &()) -> Cpu {
        self.here()
    }

    fn without_interrupts<R>(&self, body: impl FnOnce() -> R) -> R {
        let interrupts = &self.lines(self.here()).interrupts;
        if interrupts.are_off() {
            return body();
        }
        interrupts.disable();
        let result = body();
        enable_interrupts();
        result
    }

    fn fence(&self, site: Site) {
        if !self.faults.lacks(site) {
            self.lines(self.here()).counts.passed(site);
            // SeqCst: UNPAIRED here; the engine says at the site what it pairs with.
            fence(SeqCst);
        }
    }

    /// The host's kernel orders what was stored before a signal is sent before
    /// its handler.
    fn poke<K: Kernel>(&self, cpus: &CpuSet<K>) {
        if self.faults.lacks_poke() {
            return;
        }
        for cpu in cpus.iter() {
            let lines = self.lines(cpu);
            lines.counts.poked();
            lines.wire.raise(Line::Poke);
        }
    }

    /// Lets the host run somebody else when it takes longer than a poke that
    /// finds its CPU running: there may be more virtual CPUs than real ones.
    fn wait_until(&self, word: &AtomicWord, at_least: u64, inbox: &AtomicWord, wanted: u64) -> Woken {
        let lines = self.lines(self.here());
        let interrupts = &lines.interrupts;
        let gives_up = self.faults.leaves_unanswered().then(|| Instant::now() + PATIENCE);
        let mut turns = 0_u32;
        loop {
            if word.load(Relaxed) >= at_least || self.faults.lacks_poke() {
                return Woken::Reached;
            }
            if gives_up.is_some_and(|when| Instant::now() > when) {
                lines.counts.gave_up();
                return Woken::Reached;
            }
            if interrupts.are_off() && inbox.load(Relaxed) & wanted != 0 {
                return Woken::Inbox;
            }
            turns = turns.wrapping_add(1);
            if turns.is_multiple_of(SPINS) { signal::relax() } else { std::hint::spin_loop() }
        }
    }
}

/// How long a caller waits for an answer that may not come.
const PATIENCE: Duration = Duration::from_millis(100);

/// How often a waiter looks before it lets the host run somebody else.
const SPINS: u32 = 16;

/// Instruction fetch here is a view that each CPU keeps of the program's code
/// ([`fetch`](crate::fetch)), and only a core serialisation refreshes it: the
/// strictest row there is.
const THREADS: Row = Row {
    name: "threads",
    instruction: "refresh of the CPU's view of the code",
    in_2017: "not mentioned",
    cites: "bonfire-threads, InstructionView",
    ..RISCV
};

impl RunQueues for Machine {
    fn with_run_queue<R>(&self, cpu: Cpu, body: impl FnOnce() -> R) -> R {
        let _locked = lock(&self.lines(cpu).run_queue);
        body()
    }
}

impl ThreadList<On<Threads>> for Machine {
    fn for_each_thread(
        &self,
        space: &AddressSpace<On<Threads>>,
        mut visit: impl FnMut(&Thread<On<Threads>>),
    ) {
        let space = address(space);
        let is_met =
            |entry: &&Listed| entry.space == space && (entry.is_of_process || !self.faults.walks_a_process());
        for entry in lock(&self.listed).iter().filter(is_met) {
            visit(&entry.thread);
        }
    }
}

impl Interrupts {
    pub(crate) fn are_off(&self) -> bool {
        self.off.load(Relaxed)
    }

    pub(crate) fn disable(&self) {
        self.off.store(true, Relaxed);
        light_fence();
    }

    /// Clears the flag. Whoever does this looks at [`raised`](Self::raised) after it.
    pub(crate) fn enable(&self) {
        light_fence();
        self.off.store(false, Relaxed);
        light_fence();
    }

    /// Notes that `line` was raised. In its handler.
    pub(crate) fn raise(&self, line: Line) {
        match line {
            Line::Poke => self.pokes.store(self.pokes.load(Relaxed) + 1, Relaxed),
            Line::Tick => self.tick.store(true, Relaxed),
        }
    }

    pub(crate) fn raised(&self) -> bool {
        self.pokes.load(Relaxed) != 0 || self.tick.load(Relaxed)
    }

    /// Takes what was raised: how many pokes, and whether the timer. With
    /// interrupts off; a handler may still note more.
    pub(crate) fn take(&self) -> (u32, bool) {
        (self.pokes.swap(0, Relaxed), self.tick.swap(false, Relaxed))
    }
}

/// Takes interrupts again, in code that cannot be pre-empted.
pub(crate) fn enable_interrupts() {
    let leaves = this_cpu::current().and_then(this_cpu::Core::enable_interrupts);
    debug_assert!(leaves.is_none(), "system calls are not pre-empted");
}
