//! A machine whose interrupts are calls: everything happens in one thread, in
//! the order it is written, and is counted. What is deterministic about the
//! engine is tested here: who is poked, who is not, which barrier stands where.

use std::cell::{Cell, RefCell};
use std::sync::atomic::Ordering;

use bonfire_engine::abi::{Call, Command, Cpu};
use bonfire_engine::core_sync::{CoreSync, RISCV, Settle, X86};
use bonfire_engine::{
    AddressSpace, AtomicWord, CpuSet, Engine, Everywhere, Kernel, LockedMask, Machine, Mask, Occupant, Parts,
    Refused, RunQueues, Running, Site, Task, Thread, ThreadList, Threads, Users, Woken, Word,
};

/// How many CPUs there are; the last stays offline until a test brings it up.
pub(crate) const CPUS: u32 = 5;

/// When a machine settles core serialisations: x86 does at once or before user mode,
/// RISC-V if an address space is stale.
pub(crate) const AT_ONCE: u8 = 0;
pub(crate) const BEFORE_USER: u8 = 1;
pub(crate) const IF_STALE: u8 = 2;

/// The machine.
pub(crate) struct Inline<const SETTLE: u8> {
    /// The CPU that calls.
    pub(crate) me: Cell<Cpu>,
    /// Every CPU that was poked since the test last looked.
    pub(crate) pokes: RefCell<Vec<u32>>,
    /// Every barrier and core serialisation since then.
    pub(crate) sites: RefCell<Vec<Site>>,
    /// Every rseq restart since then, by CPU.
    pub(crate) restarts: RefCell<Vec<u32>>,
    /// What an interrupt of a CPU runs.
    handler: Cell<Option<&'static dyn Fn(Cpu)>>,
    threads: RefCell<Vec<Listed<SETTLE>>>,
}

/// A kernel on this machine with one of the designs.
pub(crate) type With<D, const S: u8 = AT_ONCE> = Parts<Inline<S>, D>;

type Listed<const S: u8> = (Space<With<Threads, S>>, &'static Thread<With<Threads, S>>);

impl<const SETTLE: u8> Machine for Inline<SETTLE> {
    type Word = AtomicWord;
    type Pin = ();

    const CORE_SYNC: Option<CoreSync<Self>> = Some(CoreSync {
        row: if SETTLE == IF_STALE { RISCV } else { X86 },
        sync: |machine, site| machine.sites.borrow_mut().push(site),
        settle: match SETTLE {
            AT_ONCE => Settle::AtOnce,
            BEFORE_USER => Settle::BeforeUser,
            _ => Settle::IfStale,
        },
    });
    const RESTART_RSEQ: Option<fn(&Self)> = Some(|machine| {
        let me = machine.me.get().0;
        machine.restarts.borrow_mut().push(me);
    });

    fn cpus(&self) -> usize {
        CPUS as usize
    }
    fn pin(&self) {}
    fn this_cpu(&self, (): &()) -> Cpu {
        self.me.get()
    }
    fn without_interrupts<R>(&self, body: impl FnOnce() -> R) -> R {
        body()
    }
    fn fence(&self, site: Site) {
        self.sites.borrow_mut().push(site);
    }
    fn poke<K: Kernel>(&self, cpus: &CpuSet<K>) {
        let caller = self.me.get();
        for cpu in cpus.iter() {
            assert_ne!(cpu, caller, "no CPU is asked to poke itself");
            self.pokes.borrow_mut().push(cpu.0);
            self.me.set(cpu);
            self.handler.get().expect("the kernel is up")(cpu);
        }
        self.me.set(caller);
    }
    fn wait_until(&self, word: &AtomicWord, at_least: u64, _: &AtomicWord, _: u64) -> Woken {
        assert!(word.load(Ordering::Relaxed) >= at_least, "this would wait for ever");
        Woken::Reached
    }
}

impl<const S: u8> RunQueues for Inline<S> {
    fn with_run_queue<R>(&self, _: Cpu, body: impl FnOnce() -> R) -> R {
        body()
    }
}

impl<const S: u8> ThreadList<With<Threads, S>> for Inline<S> {
    fn for_each_thread(
        &self,
        space: &AddressSpace<With<Threads, S>>,
        mut visit: impl FnMut(&Thread<With<Threads, S>>),
    ) {
        let threads = self.threads.borrow();
        threads.iter().filter(|(its, _)| std::ptr::eq(*its, space)).for_each(|(_, thread)| visit(thread));
    }
}

/// A kernel on that machine: what runs on each of its CPUs.
pub(crate) struct Small<K: Kernel> {
    pub(crate) engine: Engine<K>,
    on: RefCell<[On<K>; CPUS as usize]>,
}

pub(crate) type Space<K> = &'static AddressSpace<K>;
pub(crate) type On<K> = Occupant<'static, K>;

pub(crate) fn new_space<K: Kernel>() -> Space<K> {
    Box::leak(Box::new(AddressSpace::new()))
}

impl<const S: u8, K: Kernel<Machine = Inline<S>>> Small<K> {
    /// A kernel with all CPUs but the last online, all idle.
    pub(crate) fn boot() -> &'static Self {
        let kernel = Self::boot_without_hooks();
        (0..CPUS - 1).for_each(|cpu| kernel.switch(cpu, Occupant::Kernel));
        kernel.forget();
        kernel
    }

    /// The same, where no hook ever said what a CPU runs.
    pub(crate) fn boot_without_hooks() -> &'static Self {
        let machine = Inline {
            me: Cell::new(Cpu(0)),
            pokes: RefCell::default(),
            sites: RefCell::default(),
            restarts: RefCell::default(),
            handler: Cell::new(None),
            threads: RefCell::default(),
        };
        let kernel: &'static Self = Box::leak(Box::new(Self {
            engine: Engine::new(machine),
            on: RefCell::new([Occupant::Kernel; CPUS as usize]),
        }));
        let handler = |cpu: Cpu| kernel.engine.handle_poke(cpu);
        kernel.machine().handler.set(Some(Box::leak(Box::new(handler))));
        for cpu in 0..CPUS - 1 {
            kernel.engine.online(Cpu(cpu)).expect("it fits");
        }
        kernel.forget();
        kernel
    }

    pub(crate) fn machine(&self) -> &Inline<S> {
        self.engine.machine()
    }

    pub(crate) fn on(&self, cpu: u32) -> On<K> {
        self.on.borrow()[cpu as usize]
    }

    /// Switches `cpu` to `to`.
    pub(crate) fn switch(&self, cpu: u32, to: On<K>) {
        self.engine.switch(Cpu(cpu), self.on(cpu), to);
        self.runs(cpu, to);
    }

    /// What `cpu` runs from now on, after a hook other than the switch.
    pub(crate) fn runs(&self, cpu: u32, to: On<K>) {
        self.on.borrow_mut()[cpu as usize] = to;
    }

    /// Whoever runs on `cpu` calls, one of several users of its address space.
    pub(crate) fn call(&self, cpu: u32, call: Call) -> Result<u32, Refused> {
        self.call_as(cpu, Users::Several, call)
    }

    pub(crate) fn call_as(&self, cpu: u32, users: Users, call: Call) -> Result<u32, Refused> {
        let Occupant::User(caller) = self.on(cpu) else { panic!("nobody runs on CPU {cpu}") };
        self.machine().me.set(Cpu(cpu));
        self.engine.membarrier(caller, users, call)
    }

    pub(crate) fn command(&self, cpu: u32, command: Command) -> Result<u32, Refused> {
        self.call(cpu, Call::new(command))
    }

    /// Which CPUs were poked, and forgets it.
    pub(crate) fn pokes(&self) -> Vec<u32> {
        let mut pokes = self.machine().pokes.take();
        pokes.sort_unstable();
        pokes
    }

    /// Which barriers were passed, and forgets it.
    pub(crate) fn sites(&self) -> Vec<Site> {
        self.machine().sites.take()
    }

    pub(crate) fn restarts(&self) -> Vec<u32> {
        let mut restarts = self.machine().restarts.take();
        restarts.sort_unstable();
        restarts
    }

    pub(crate) fn forget(&self) {
        let _ = (self.pokes(), self.sites(), self.restarts());
    }
}

/// Makes a thread of `space`, known to the machine where the design asks for it.
pub(crate) trait Spawn: Kernel<Machine = Inline<AT_ONCE>> {
    fn spawn(kernel: &Small<Self>, space: Space<Self>) -> On<Self> {
        let _ = kernel;
        Occupant::User(Task { space, thread: Box::leak(Box::new(Thread::new())) })
    }
}

impl Spawn for With<Everywhere> {}
impl Spawn for With<Running> {}
impl Spawn for With<Mask> {}
impl Spawn for With<LockedMask> {}
impl Spawn for With<Threads> {
    fn spawn(kernel: &Small<Self>, space: Space<Self>) -> On<Self> {
        let thread: &'static Thread<Self> = Box::leak(Box::new(Thread::new()));
        kernel.machine().threads.borrow_mut().push((space, thread));
        Occupant::User(Task { space, thread })
    }
}
