//! A kernel on a simulated machine, right or wrong in one way, as a subject.
//!
//! Its processes and threads are coroutines of the test's own thread, its CPUs
//! clocks with store buffers ([`clockwork`]); an address space is an object.
//! Instructions are a number of which each thread keeps a fetched copy until it
//! serialises; restartable sections commit if nothing restarted them meanwhile.
//! Verdicts on it hang on a seed and on nothing else.

mod clockwork;
mod fault;

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use bonfire_abi::{Call, Command, Commands, Error, Flavour, Registrations, Target, to_return};
use bonfire_conformance::{
    Arena, Case, Ending, Fetch, Means, Memory, MemoryOrder, Observer, Options, Outcome, Restartable,
    RseqKind, Start, Subject, Task, World, enter, run,
};
use clockwork::{Clockwork, Killed};
use corosensei::Yielder;

pub(crate) use clockwork::{AMD, EMULATOR, INTEL, LOADED, Processor, QUICK_EMULATOR};
pub(crate) use fault::{FAULTS, Fault, must_fail};

/// The whole machine.
pub(crate) struct Simulated(Rc<Machine>);

struct Machine {
    arena: Box<Arena>,
    clockwork: Clockwork,
    fault: Option<Fault>,
    /// For a kernel that keeps one state for all.
    everybody: Rc<Space>,
    /// Commands issued; for a kernel that gives up now and then.
    issued: Cell<u64>,
    /// The function's number, as it is in memory, and how often all cores were serialised.
    code: Cell<u32>,
    serialised: Cell<u32>,
    /// How often all sections were restarted.
    restarted: Cell<u32>,
    /// Words whose lines were thrown out, and not loaded since.
    thrown_out: RefCell<HashSet<usize>>,
    /// How many interrupts were sent.
    interrupts: Cell<u64>,
}

/// An address space, or whatever this kernel takes for its owner.
#[derive(Default)]
struct Space {
    held: Cell<Registrations>,
}

/// One thread's view.
struct Thread<'a> {
    machine: &'a Rc<Machine>,
    yielder: &'a Yielder<(), ()>,
    number: usize,
    space: RefCell<Rc<Space>>,
    /// What it fetched of the function, and when.
    fetched: Cell<(u32, u32)>,
    /// How its restartable sections are registered.
    rseq: Cell<RseqKind>,
}

/// What a thread throws when it has become another program that has ended.
struct Executed;

/// What things cost, in nanoseconds.
const ACCESS_NS: u64 = 2;
const PAUSE_NS: u64 = 40;
const BARRIER_NS: u64 = 1_500;

impl Simulated {
    /// The machine, with this fault if any.
    pub(crate) fn new(processor: Processor, fault: Option<Fault>, seed: u64) -> Self {
        Self(Rc::new(Machine {
            arena: Box::new(Arena::new()),
            clockwork: Clockwork::new(processor, seed),
            fault,
            everybody: Rc::default(),
            issued: Cell::new(0),
            code: Cell::new(0),
            serialised: Cell::new(0),
            restarted: Cell::new(0),
            thrown_out: RefCell::default(),
            interrupts: Cell::new(0),
        }))
    }
}

impl Machine {
    fn is(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    /// What `QUERY` says.
    fn offered(&self) -> Commands {
        let is_hidden = |command| command == Command::Rseq && self.is(Fault::Unadvertised);
        Command::ALL.into_iter().filter(|&command| !is_hidden(command)).collect()
    }

    /// Starts a thread that does `task`, in `space`.
    fn live(self: &Rc<Self>, parent: Option<usize>, is_thread: bool, space: Rc<Space>, task: Task) {
        let machine = Rc::clone(self);
        self.clockwork.spawn(parent, is_thread, move |yielder, number| {
            let (space, fetched) = (RefCell::new(space), Cell::new((0, machine.code.get())));
            let rseq = Cell::new(RseqKind::Usual);
            let thread = Thread { machine: &machine, yielder, number, space, fetched, rseq };
            if let Err(thrown) = catch_unwind(AssertUnwindSafe(|| enter(&thread, task))) {
                assert!(thrown.is::<Executed>() || thrown.is::<Killed>(), "a task panicked");
            }
        });
    }
}

impl Subject for Simulated {
    fn arena(&self) -> &Arena {
        &self.0.arena
    }

    fn cpus(&self) -> u32 {
        self.0.clockwork.processor.cpus as u32
    }

    fn cpus_online(&self) -> u32 {
        self.0.clockwork.processor.cpus_online as u32
    }

    fn memory_order(&self) -> MemoryOrder {
        MemoryOrder::StoreBuffer
    }

    fn is_emulated(&self) -> bool {
        self.0.clockwork.processor.emulated
    }

    fn now_ns(&self) -> u64 {
        self.0.clockwork.now_ns()
    }

    fn process(&self, task: Task, limit_ns: u64) -> Ending {
        let machine = &self.0;
        // Each case meets a kernel that was just started.
        machine.everybody.held.set(Registrations::NONE);
        machine.issued.set(0);
        let space = if machine.is(Fault::OneStateForAll) { machine.everybody.clone() } else { Rc::default() };
        machine.clockwork.processes.set(machine.clockwork.processes.get() + 1);
        machine.live(None, false, space, task);
        let ended = machine.clockwork.run(machine.clockwork.now_ns().saturating_add(limit_ns));
        if ended { Ending::Ended } else { Ending::Hung }
    }
}

impl World for Thread<'_> {
    fn arena(&self) -> &Arena {
        &self.machine.arena
    }

    fn call(&self, registers: [u64; 3]) -> isize {
        self.enter_kernel(self.processor().query_ns);
        to_return(self.membarrier(registers))
    }

    fn ordinary_call(&self) {
        self.enter_kernel(self.processor().call_ns);
    }

    fn start(&self, how: Start, tasks: &[Task]) -> Ending {
        for &task in tasks {
            let is_thread = how == Start::Thread;
            self.machine.live(Some(self.number), is_thread, self.space_of_child(how), task);
        }
        self.clockwork().join(self.number, self.yielder);
        Ending::Ended
    }

    fn exec(&self, task: Task) -> Ending {
        if !self.machine.is(Fault::ExecKeeps) && !self.machine.is(Fault::OneStateForAll) {
            self.space.replace(Rc::default());
        }
        enter(self, task);
        resume_unwind(Box::new(Executed))
    }

    fn place(&self, cpu: u32) -> bool {
        self.clockwork().place(self.number, cpu as usize, self.yielder);
        true
    }

    fn cpu_number(&self, cpu: u32) -> u32 {
        cpu
    }

    fn nap(&self) {
        self.clockwork().sleep(self.number, 20_000, self.yielder);
    }

    fn pause(&self) {
        self.step(PAUSE_NS);
    }

    fn interrupts(&self) -> Option<u64> {
        self.step(1_000);
        Some(self.machine.interrupts.get())
    }

    /// A look at the clock takes as long as a pause.
    fn now_ns(&self) -> u64 {
        self.step(PAUSE_NS);
        self.clockwork().now_ns()
    }

    fn memory(&self) -> Option<&dyn Memory> {
        Some(self)
    }

    fn code(&self) -> Option<&dyn Fetch> {
        Some(self)
    }

    fn restartable(&self) -> Option<&dyn Restartable> {
        Some(self)
    }

    fn restartable_as(&self, kind: RseqKind) -> Result<&dyn Restartable, Means> {
        self.rseq.set(kind);
        Ok(self)
    }
}

impl Memory for Thread<'_> {
    fn turns(&self, count: u32) {
        // Two turns a nanosecond; a single one is part of a loop that looks at memory.
        self.step(u64::from(count).div_ceil(2));
    }

    fn load(&self, word: &AtomicU64) -> u64 {
        let address = std::ptr::from_ref(word).addr();
        let misses = self.machine.thrown_out.borrow_mut().remove(&address);
        self.step(if misses { self.processor().pair_ns } else { ACCESS_NS });
        let clockwork = self.clockwork();
        let lies =
            clockwork.processes.get() <= self.processor().lies_in && clockwork.once_in(self.processor().lies);
        if lies { 0 } else { clockwork.load(self.number, address) }
    }

    fn store(&self, word: &AtomicU64, value: u64) {
        self.step(1);
        self.clockwork().store(self.number, Some(std::ptr::from_ref(word).addr()), value, 1);
    }

    fn store_slowly(&self, count: usize, thrown_out: bool) {
        let takes_ns = if thrown_out { self.processor().pair_ns } else { self.processor().cold_ns };
        for _ in 0..count {
            self.step(1);
            self.clockwork().store(self.number, None, 0, takes_ns);
        }
    }

    /// Whoever loads the line next waits for it; not in an emulator, which does nothing here.
    fn evict(&self, word: &AtomicU64) {
        self.step(ACCESS_NS);
        if self.processor().pair_ns > ACCESS_NS {
            self.machine.thrown_out.borrow_mut().insert(std::ptr::from_ref(word).addr());
        }
    }

    fn fence(&self) {
        self.clockwork().fence(self.number, self.yielder);
    }
}

impl Thread<'_> {
    fn clockwork(&self) -> &Clockwork {
        &self.machine.clockwork
    }

    fn processor(&self) -> &Processor {
        &self.machine.clockwork.processor
    }

    fn step(&self, cost_ns: u64) {
        self.clockwork().step(self.number, cost_ns, self.yielder);
    }

    /// The way into the kernel and back.
    fn enter_kernel(&self, cost_ns: u64) {
        if self.processor().call_empties {
            self.fence();
        }
        self.step(cost_ns);
    }

    /// Where the registrations of a child are.
    fn space_of_child(&self, how: Start) -> Rc<Space> {
        let machine = self.machine;
        let space = || Rc::clone(&self.space.borrow());
        let copy = || Rc::new(Space { held: Cell::new(self.space.borrow().held.get()) });
        match how {
            _ if machine.is(Fault::OneStateForAll) => space(),
            Start::Fork if machine.is(Fault::ForkForgets) => Rc::default(),
            Start::Fork => copy(),
            Start::CloneVm | Start::Vfork if machine.is(Fault::StatePerProcess) => Rc::default(),
            _ if machine.is(Fault::StatePerThread) => copy(),
            _ => space(),
        }
    }

    fn membarrier(&self, [cmd, flags, cpu_id]: [u64; 3]) -> bonfire_abi::Result<u32> {
        let machine = self.machine;
        let mut call = Call::from_registers(cmd, flags, cpu_id);
        if machine.is(Fault::WholeRegisters) && (cmd | flags | cpu_id) >> 32 != 0 {
            return Err(Error::InvalidArgument);
        }
        if machine.is(Fault::FlagsIgnored) && call.flags != bonfire_abi::FLAG_CPU {
            call.flags = 0;
        }
        if machine.is(Fault::FlagCpuForAll) && call.number != Command::Rseq.number() {
            call.flags &= !bonfire_abi::FLAG_CPU;
        }
        if machine.is(Fault::CpuIdChecked) && call.flags == 0 && call.cpu_id != 0 {
            return Err(Error::InvalidArgument);
        }
        let (command, target) = call.command()?;
        self.command(command, target)
    }

    fn command(&self, command: Command, target: Option<Target>) -> bonfire_abi::Result<u32> {
        let machine = self.machine;
        let held = self.space.borrow().held.get();
        let needed = match command {
            Command::GlobalExpedited if machine.is(Fault::GlobalWantsRegistration) => Some(Flavour::Global),
            _ if machine.is(Fault::NeverRefuses) => None,
            _ => command.needs(),
        };
        let any_will_do = machine.is(Fault::OneGate) && held != Registrations::NONE;
        if machine.is(Fault::InterruptsFirst) && command.registers().is_none() && command.needs().is_some() {
            self.interrupt(true);
        }
        if needed.is_some_and(|flavour| !held.contains(flavour) && !any_will_do) {
            return Err(Error::NotRegistered);
        }
        match command {
            Command::Query => Ok(machine.offered().mask()),
            Command::GetRegistrations if machine.is(Fault::ReportsExactly) => Ok(held.mask()),
            Command::GetRegistrations => Ok(held.reported().mask()),
            Command::RegisterSyncCore if machine.is(Fault::AdvertisesAbsent) => Err(Error::InvalidArgument),
            _ => match command.registers() {
                Some(flavour) => self.register(flavour),
                None => self.barrier(command, target),
            },
        }
    }

    fn register(&self, flavour: Flavour) -> bonfire_abi::Result<u32> {
        let space = self.space.borrow();
        if self.machine.is(Fault::RefusesAgain) && space.held.get().contains(flavour) {
            return Err(Error::InvalidArgument);
        }
        space.held.set(space.held.get().with(flavour));
        Ok(0)
    }

    fn barrier(&self, command: Command, target: Option<Target>) -> bonfire_abi::Result<u32> {
        const TIMED_OUT: i32 = 110;
        const NO_SUCH_CPU: i32 = 6;
        let machine = self.machine;
        match target {
            Some(Target::One(cpu)) if machine.is(Fault::AbsentCpuRefused) && cpu.0 > 1000 => {
                return Err(Error::Other(NO_SUCH_CPU));
            }
            Some(Target::Every) if machine.is(Fault::NegativeCpuRefused) => {
                return Err(Error::InvalidArgument);
            }
            _ => {}
        }
        machine.issued.set(machine.issued.get() + 1);
        if machine.is(Fault::GivesUp) && machine.issued.get() % 32 == 0 {
            return Err(Error::Other(TIMED_OUT));
        }
        let is_global = matches!(command, Command::Global | Command::GlobalExpedited);
        match machine.fault {
            Some(Fault::DoesNothing) => return Ok(0),
            Some(Fault::LocalFence) => {
                self.fence();
                return Ok(0);
            }
            Some(Fault::GlobalIsPrivate) if is_global => return Ok(0),
            Some(Fault::WalksThreadGroup) if !is_global => {
                self.fence();
                self.step(BARRIER_NS);
                self.clockwork().fence_process_of(self.number);
            }
            _ => self.fence_all(),
        }
        self.interrupt(!is_global && !machine.is(Fault::InterruptsStrangers));
        match command {
            Command::SyncCore if !machine.is(Fault::SyncCoreIsABarrier) => {
                machine.serialised.set(machine.serialised.get() + 1);
            }
            Command::Rseq if self.reaches(target) => machine.restarted.set(machine.restarted.get() + 1),
            _ => {}
        }
        Ok(0)
    }

    /// Counts an interrupt for each other CPU that runs a thread: of this process, or any.
    fn interrupt(&self, of_process: bool) {
        let sent = self.clockwork().runs_elsewhere(self.number, of_process);
        self.machine.interrupts.set(self.machine.interrupts.get() + sent);
    }

    /// A full barrier on every CPU, during the call.
    fn fence_all(&self) {
        self.fence();
        self.step(BARRIER_NS);
        self.clockwork().fence_all();
    }

    /// Whether the sections of the CPUs that an `RSEQ` names are restarted.
    fn reaches(&self, target: Option<Target>) -> bool {
        let is_one = matches!(target, Some(Target::One(_)));
        match self.machine.fault {
            Some(Fault::NeverRestarts) => false,
            Some(Fault::LosesAborts) => self.machine.issued.get() % 4 != 0,
            Some(Fault::WrongCpu) => !is_one,
            _ => true,
        }
    }
}

impl Fetch for Thread<'_> {
    fn patch(&self, value: u32) {
        self.step(ACCESS_NS);
        self.machine.code.set(value);
    }

    /// What was fetched last, unless the core was serialised since.
    fn execute(&self) -> u32 {
        self.step(PAUSE_NS);
        let (fetched_at, _) = self.fetched.get();
        if fetched_at != self.machine.serialised.get() {
            self.serialise();
        }
        self.fetched.get().1
    }

    /// An emulator may have kept the translation of the old code.
    fn serialise(&self) -> bool {
        let kept = self.clockwork().once_in(self.processor().keeps_code);
        let code = if kept { self.fetched.get().1 } else { self.machine.code.get() };
        self.fetched.set((self.machine.serialised.get(), code));
        true
    }
}

impl Restartable for Thread<'_> {
    fn copy(&self, from: &AtomicU32, delay: u32, to: &[AtomicU32; 16]) -> bool {
        let before = self.machine.restarted.get();
        let word = from.load(Relaxed);
        self.step(u64::from(delay));
        let is_forgotten = self.machine.is(Fault::ForgetsExtended) && self.rseq.get() == RseqKind::Extended;
        let whole = is_forgotten || self.machine.restarted.get() == before;
        if whole {
            to[word as usize % to.len()].store(word, Relaxed);
        }
        whole
    }
}

/// Judges this kernel on this machine: what became of each selected case.
pub(crate) fn judge(
    processor: Processor,
    fault: Option<Fault>,
    selected: &dyn Fn(&Case) -> bool,
    options: Options,
) -> Vec<(Case, Outcome)> {
    struct Kept(Vec<(Case, Outcome)>);
    impl Observer for Kept {
        fn ended(&mut self, case: &Case, outcome: &Outcome) {
            self.0.push((*case, *outcome));
        }
    }
    let mut kept = Kept(Vec::new());
    run(&Simulated::new(processor, fault, options.seed), selected, options, &mut kept);
    kept.0
}
