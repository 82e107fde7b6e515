//! The machine as the engine sees it.

use std::any::Any;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;

use bonfire_engine::abi::Cpu;
use bonfire_engine::{
    AddressSpace, CpuSet, Groups, Kernel, Parts, RunQueues, Site, Thread, ThreadList, Threads, Woken,
    Word as _,
};
use rustc_hash::FxHashMap;

use crate::clock::{Clock, clock};
use crate::lock::Lock;
use crate::word::Word;

/// The kernel on this machine that chooses CPUs as the design `D` does.
pub(crate) type On<D> = Parts<Machine, D, Groups<{ crate::hardware::MOST_CPUS / 64 }>>;

/// The machine: its run queues' locks, and its lists of threads.
pub(crate) struct Machine {
    cpus: usize,
    pub(crate) run_queues: Rc<[Lock]>,
    /// For each address space, by where it is.
    lists: RefCell<FxHashMap<usize, List>>,
}

type List = Rc<RefCell<Vec<Rc<Kept<On<Threads>>>>>>;

/// A thread, in a line of its own.
#[repr(align(64))]
pub(crate) struct Kept<K: Kernel>(pub(crate) Thread<K>);

impl Machine {
    pub(crate) fn new(cpus: usize, run_queues: Rc<[Lock]>) -> Self {
        Self { cpus, run_queues, lists: RefCell::default() }
    }

    /// Puts a thread into the list of `space`, where the design lists threads.
    pub(crate) fn enlist<K: Kernel>(&self, space: &AddressSpace<K>, thread: &Rc<Kept<K>>) {
        let listed: Option<&Rc<Kept<On<Threads>>>> = (thread as &dyn Any).downcast_ref();
        if let Some(thread) = listed {
            let mut lists = self.lists.borrow_mut();
            lists.entry(address(space)).or_default().borrow_mut().push(Rc::clone(thread));
        }
    }

    /// Moves the list of one address space to another.
    pub(crate) fn move_list<K: Kernel>(&self, from: &AddressSpace<K>, to: &AddressSpace<K>) {
        let mut lists = self.lists.borrow_mut();
        if let Some(list) = lists.remove(&address(from)) {
            lists.insert(address(to), list);
        }
    }

    /// The CPU of the caller restarts its rseq section: a mark on the thread,
    /// which is in its own cache.
    fn restart_rseq(&self) {
        let clock = clock();
        clock.spend(clock.hardware.line.hit);
    }
}

fn address<K: Kernel>(space: &AddressSpace<K>) -> usize {
    std::ptr::from_ref(space).addr()
}

impl bonfire_engine::Machine for Machine {
    type Word = Word;
    /// Nothing: the kernel of this machine does not pre-empt calls.
    type Pin = ();

    const RESTART_RSEQ: Option<fn(&Self)> = Some(Self::restart_rseq);

    fn cpus(&self) -> usize {
        self.cpus
    }

    fn pin(&self) {}

    fn this_cpu(&self, (): &()) -> Cpu {
        Cpu(number(clock().here()))
    }

    fn without_interrupts<R>(&self, body: impl FnOnce() -> R) -> R {
        clock().without_interrupts(body)
    }

    fn fence(&self, site: Site) {
        if site == Site::SysExit {
            clock().scan_ends();
        }
        fence();
        if site == Site::SysEntry {
            clock().scan_begins();
        }
    }

    fn poke<K: Kernel>(&self, cpus: &CpuSet<K>) {
        send(&clock(), cpus.iter().map(|cpu| cpu.0 as usize));
    }

    fn wait_until(&self, word: &Word, at_least: u64, inbox: &Word, wanted: u64) -> Woken {
        let clock = clock();
        clock.scan_ends();
        loop {
            if word.load(Relaxed) >= at_least {
                return Woken::Reached;
            }
            clock.drain();
            let off = clock.interrupts_are_off();
            if off && inbox.peek() & wanted != 0 {
                return Woken::Inbox;
            }
            if word.peek() < at_least {
                word.wait_for_write(off.then_some(inbox));
            }
            clock.take_interrupts();
        }
    }
}

impl RunQueues for Machine {
    fn with_run_queue<R>(&self, cpu: Cpu, body: impl FnOnce() -> R) -> R {
        clock().without_interrupts(|| self.run_queues[cpu.0 as usize].with(body))
    }
}

impl ThreadList<On<Threads>> for Machine {
    /// Each step waits for the one before: the next thread's address is in this
    /// one. A list that is longer than what a CPU's caches keep comes from
    /// memory each time.
    fn for_each_thread(
        &self,
        space: &AddressSpace<On<Threads>>,
        mut visit: impl FnMut(&Thread<On<Threads>>),
    ) {
        let clock = clock();
        let list = self.lists.borrow().get(&address(space)).cloned();
        let Some(list) = list else { return };
        let costs = &clock.hardware.line;
        let count = list.borrow().len();
        let step = if count > costs.kept { costs.from[1] } else { 0 };
        for place in 0..count {
            let thread = Rc::clone(&list.borrow()[place]);
            visit(&thread.0);
            clock.drain();
            clock.spend(step);
        }
    }
}

/// A full barrier on this CPU: what is under way is done.
pub(crate) fn fence() {
    let clock = clock();
    clock.drain();
    clock.spend(clock.hardware.line.fence);
}

/// Sends an interrupt to each of `cpus`: a message for each group of them that
/// one can reach.
pub(crate) fn send(clock: &Clock, cpus: impl Iterator<Item = usize>) {
    let costs = clock.hardware.interrupt;
    clock.drain();
    let mut cpus = cpus.peekable();
    while let Some(&first) = cpus.peek() {
        let group = first / costs.multicast;
        let mut targets = Vec::new();
        while let Some(cpu) = cpus.next_if(|cpu| cpu / costs.multicast == group) {
            targets.push(cpu);
        }
        clock.spend(costs.message + costs.target * targets.len() as u64);
        for cpu in targets {
            let far = usize::from(clock.hardware.distance(cpu, clock.here()) == 2);
            clock.interrupt(cpu, clock.now() + costs.deliver[far]);
        }
    }
}

/// A CPU's number as the engine has it.
pub(crate) fn number(cpu: usize) -> u32 {
    u32::try_from(cpu).expect("there are at most 4,096 CPUs")
}
