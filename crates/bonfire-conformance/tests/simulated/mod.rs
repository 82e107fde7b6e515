//! A kernel of threads and mutexes, right or wrong in one way, as a subject.
//!
//! Its processes are threads of this process; an address space is an object.
//! The answers and the life of registrations are its own. For the barrier it
//! borrows the host's `PRIVATE_EXPEDITED`, which reaches every thread of this
//! process, hence every thread of every process in there. Restartable sections
//! commit under a lock. Instructions are a number in memory of which each
//! thread keeps a fetched copy that may be stale: what no x86 shows.

mod fault;

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{AtomicU32, AtomicU64, fence};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bonfire_abi::{Call, Command, Commands, Error, Flavour, Registrations, Target, to_return};
use bonfire_conformance::{Arena, Ending, Fetch, Restartable, Start, Subject, Task, World, enter};
use rustix::thread::{CpuSet, MembarrierCommand, membarrier, sched_getaffinity, sched_setaffinity};

pub(crate) use fault::{FAULTS, Fault, must_fail};

static ARENA: Arena = Arena::new();

/// The whole machine.
pub(crate) struct Simulated {
    fault: Option<Fault>,
    cpus: Vec<usize>,
    began: Instant,
    /// For a kernel that keeps one state for all.
    everybody: Arc<Space>,
    /// Commands issued; for a kernel that gives up now and then.
    issued: AtomicU64,
    /// The function's number, as it is in memory, and how often all cores were serialised.
    code: AtomicU32,
    serialised: AtomicU32,
    /// How often all sections were restarted; held while one commits.
    restarted: Mutex<u32>,
}

/// An address space, or whatever this kernel takes for its owner.
#[derive(Default)]
struct Space {
    /// A mask, read without a lock: a lock is a fence, which would hide that a
    /// barrier is missing.
    held: AtomicU32,
}

impl Space {
    fn held(&self) -> Registrations {
        Registrations::from_mask(self.held.load(Relaxed))
    }
}

/// One thread's view.
struct Thread<'a> {
    machine: &'a Simulated,
    space: Arc<Space>,
    fetched: Cell<(u32, u32)>,
}

/// What a thread throws when it has become another program that has ended.
struct Executed;

impl Simulated {
    /// The machine, with this fault if any; `None` where the host lacks what it borrows.
    pub(crate) fn new(fault: Option<Fault>) -> Option<Self> {
        membarrier(MembarrierCommand::RegisterPrivateExpedited).ok()?;
        let set = sched_getaffinity(None).ok()?;
        Some(Self {
            fault,
            cpus: (0..CpuSet::MAX_CPU).filter(|&cpu| set.is_set(cpu)).collect(),
            began: Instant::now(),
            everybody: Arc::default(),
            issued: AtomicU64::new(0),
            code: AtomicU32::new(0),
            serialised: AtomicU32::new(0),
            restarted: Mutex::new(0),
        })
    }

    fn is(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    /// What `QUERY` says.
    fn offered(&self) -> Commands {
        let is_hidden = |command| command == Command::Rseq && self.is(Fault::Unadvertised);
        Command::ALL.into_iter().filter(|&command| !is_hidden(command)).collect()
    }

    /// A thread that does `task`, in `space`.
    fn live(&self, space: Arc<Space>, task: Task) {
        let thread = Thread { machine: self, space, fetched: Cell::new((0, 0)) };
        let end = catch_unwind(AssertUnwindSafe(|| enter(&thread, task)));
        if let Err(thrown) = end {
            assert!(thrown.is::<Executed>(), "a task panicked");
        }
    }
}

impl Subject for Simulated {
    fn arena(&self) -> &Arena {
        &ARENA
    }

    fn cpus(&self) -> u32 {
        self.cpus.len() as u32
    }

    fn now_ns(&self) -> u64 {
        self.began.elapsed().as_nanos() as u64
    }

    fn process(&self, task: Task, _: u64) -> Ending {
        std::thread::scope(|scope| {
            let space = if self.is(Fault::OneStateForAll) { self.everybody.clone() } else { Arc::default() };
            scope.spawn(move || self.live(space, task));
        });
        Ending::Ended
    }
}

impl World for Thread<'_> {
    fn arena(&self) -> &Arena {
        &ARENA
    }

    fn call(&self, registers: [u64; 3]) -> isize {
        to_return(self.membarrier(registers))
    }

    fn ordinary_call(&self) {
        let _ = rustix::thread::gettid();
    }

    fn start(&self, how: Start, tasks: &[Task]) -> Ending {
        let machine = self.machine;
        std::thread::scope(|scope| {
            for &task in tasks {
                let space = self.space_of_child(how);
                scope.spawn(move || machine.live(space, task));
            }
        });
        Ending::Ended
    }

    fn exec(&self, task: Task) -> Ending {
        let keeps = self.machine.is(Fault::ExecKeeps) || self.machine.is(Fault::OneStateForAll);
        let space = if keeps { self.space.clone() } else { Arc::default() };
        self.machine.live(space, task);
        resume_unwind(Box::new(Executed))
    }

    fn place(&self, cpu: u32) -> bool {
        let mut set = CpuSet::new();
        self.machine.cpus.get(cpu as usize).is_some_and(|&number| {
            set.set(number);
            sched_setaffinity(None, &set).is_ok()
        })
    }

    fn cpu_number(&self, cpu: u32) -> u32 {
        self.machine.cpus[cpu as usize] as u32
    }

    fn nap(&self) {
        std::thread::sleep(Duration::from_micros(20));
    }

    fn now_ns(&self) -> u64 {
        self.machine.now_ns()
    }

    fn code(&self) -> Option<&dyn Fetch> {
        Some(self)
    }

    fn restartable(&self) -> Option<&dyn Restartable> {
        Some(self)
    }
}

impl Thread<'_> {
    /// Where the registrations of a child are.
    fn space_of_child(&self, how: Start) -> Arc<Space> {
        let machine = self.machine;
        let is_process = how != Start::Thread;
        let copy = || Arc::new(Space { held: AtomicU32::new(self.space.held().mask()) });
        match how {
            _ if machine.is(Fault::OneStateForAll) => self.space.clone(),
            Start::Fork if machine.is(Fault::ForkForgets) => Arc::default(),
            Start::Fork => copy(),
            _ if is_process && machine.is(Fault::StatePerProcess) => Arc::default(),
            _ if machine.is(Fault::StatePerThread) => copy(),
            _ => self.space.clone(),
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
        let held = self.space.held();
        let needed = match command {
            Command::GlobalExpedited if machine.is(Fault::GlobalWantsRegistration) => Some(Flavour::Global),
            _ if machine.is(Fault::NeverRefuses) => None,
            _ => command.needs(),
        };
        let any_will_do = machine.is(Fault::OneGate) && held != Registrations::NONE;
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
        if self.machine.is(Fault::RefusesAgain) && self.space.held().contains(flavour) {
            return Err(Error::InvalidArgument);
        }
        self.space.held.fetch_or(Registrations::NONE.with(flavour).mask(), Relaxed);
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
        if machine.is(Fault::GivesUp) && machine.issued.fetch_add(1, Relaxed) % 32 == 31 {
            return Err(Error::Other(TIMED_OUT));
        }
        match machine.fault {
            Some(Fault::DoesNothing) => return Ok(0),
            Some(Fault::LocalFence) => {
                fence(SeqCst);
                return Ok(0);
            }
            Some(Fault::GlobalIsPrivate) if matches!(command, Command::Global | Command::GlobalExpedited) => {
                return Ok(0);
            }
            _ => membarrier(MembarrierCommand::PrivateExpedited).expect("registered at the start"),
        }
        match command {
            Command::SyncCore if !machine.is(Fault::SyncCoreIsABarrier) => {
                machine.serialised.fetch_add(1, SeqCst);
            }
            Command::Rseq if self.reaches(target) => *lock(&machine.restarted) += 1,
            _ => {}
        }
        Ok(0)
    }

    /// Whether the sections of the CPUs that an `RSEQ` names are restarted.
    fn reaches(&self, target: Option<Target>) -> bool {
        let is_one = matches!(target, Some(Target::One(_)));
        match self.machine.fault {
            Some(Fault::NeverRestarts) => false,
            Some(Fault::WrongCpu) => !is_one,
            _ => true,
        }
    }
}

impl Fetch for Thread<'_> {
    fn patch(&self, value: u32) {
        self.machine.code.store(value, SeqCst);
    }

    /// What was fetched last, unless the core was serialised since.
    fn execute(&self) -> u32 {
        let serialised = self.machine.serialised.load(SeqCst);
        let (fetched_at, _) = self.fetched.get();
        if fetched_at != serialised {
            self.fetched.set((serialised, self.machine.code.load(SeqCst)));
        }
        self.fetched.get().1
    }

    fn serialise(&self) -> bool {
        self.fetched.set((self.machine.serialised.load(SeqCst), self.machine.code.load(SeqCst)));
        true
    }
}

impl Restartable for Thread<'_> {
    fn copy(&self, from: &AtomicU32, delay: u32, to: &[AtomicU32; 16]) -> bool {
        let before = *lock(&self.machine.restarted);
        let word = from.load(SeqCst);
        (0..delay).for_each(|_| std::hint::spin_loop());
        let restarted = lock(&self.machine.restarted);
        if *restarted == before {
            to[word as usize % to.len()].store(word, SeqCst);
        }
        *restarted == before
    }
}

/// Locks, whatever became of others who did.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
