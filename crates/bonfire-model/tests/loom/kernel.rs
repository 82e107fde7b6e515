//! A kernel that does what a scenario says, each CPU as a thread of loom.

use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use bonfire_abi::{Call, Command, Cpu};
use bonfire_engine::{
    self as engine, AddressSpace, Design, Engine, Groups, Occupant, RunQueues, Targets, Task, Thread, Users,
};
use bonfire_model::machine::Mutant;
use bonfire_model::scenario::Scenario;
use bonfire_model::vocabulary::{Act, On, SPACES, THREADS, Var};
use loom::sync::atomic::AtomicU64;

use crate::machine::{Blocked, Loom, assume, become_cpu, before_cpus_run, cpus_run, here};

/// A kernel of the engine's in loom.
pub(crate) trait Modelled:
    engine::Kernel<
        Machine = Loom,
        Capacity = Groups<1>,
        Design: Targets<Self, PerSpace: Send + Sync, PerThread: Send + Sync>,
    >
{
}

impl<K> Modelled for K where
    K: engine::Kernel<
            Machine = Loom,
            Capacity = Groups<1>,
            Design: Targets<K, PerSpace: Send + Sync, PerThread: Send + Sync>,
        >
{
}

/// The kernel.
pub(crate) struct Kernel<K: Modelled> {
    engine: Engine<K>,
    spaces: [AddressSpace<K>; SPACES],
    threads: Arc<[Thread<K>; THREADS]>,
    vars: [AtomicU64; 4],
    signals: [AtomicU64; 4],
}

impl<K: Modelled> Kernel<K> {
    /// A kernel at the point where `scenario` begins.
    pub(crate) fn boot(scenario: &Scenario, mutant: Mutant, passed: Arc<AtomicU32>) -> Arc<Self> {
        before_cpus_run();
        // Where it stays: the engine knows address spaces by their addresses.
        let kernel = Arc::new(Self {
            engine: Engine::new(Loom::new(scenario.parts.len(), mutant, Arc::clone(&passed))),
            spaces: [const { AddressSpace::new() }; SPACES],
            threads: Arc::new([const { Thread::new() }; THREADS]),
            vars: [(); 4].map(|()| AtomicU64::new(0)),
            signals: [(); 4].map(|()| AtomicU64::new(0)),
        });
        kernel.engine.machine().enlist(&kernel.threads);
        kernel.set_up(scenario);
        cpus_run();
        passed.store(0, Relaxed);
        kernel
    }

    /// Registrations are made while only the first CPU is online: nobody else
    /// could answer yet.
    fn set_up(&self, scenario: &Scenario) {
        let parts = || {
            scenario.parts.iter().enumerate().map(|(cpu, part)| {
                become_cpu(cpu);
                (Cpu(cpu as u32), part)
            })
        };
        for (cpu, part) in parts() {
            self.engine.offline(cpu);
            part.on.into_iter().chain(part.acts.iter().filter_map(switched_to)).for_each(|on| self.list(on));
        }
        become_cpu(0);
        self.engine.online(Cpu(0)).expect("few CPUs");
        scenario.registered.iter().for_each(|&(space, command)| self.register(space, command));
        for (cpu, part) in parts().filter(|(_, part)| part.on.is_some()) {
            if cpu != Cpu(0) {
                self.engine.online(cpu).expect("few CPUs");
            }
            self.processor(On::Kernel).change(part.on.expect("online"));
        }
    }

    fn list(&self, on: On) {
        if let On::User { space, thread } = on {
            self.engine.machine().list(thread, self.address(space));
        }
    }

    /// Lets a thread of `space` register before the scenario begins.
    fn register(&self, space: usize, command: Command) {
        let mut processor = self.processor(On::Kernel);
        processor.change(On::User { space, thread: THREADS - 1 });
        processor.call(command, Users::Several).expect("registration is granted");
        processor.change(On::Kernel);
    }

    /// Does what `acts` say on this CPU, which takes an interrupt before the act
    /// of the number `interrupted`, if it has been poked by then. Returns the
    /// registers that it read, with their values; `None` if it waits for what has
    /// not come.
    pub(crate) fn run(&self, on: Option<On>, acts: &[Act], interrupted: usize) -> Option<Reads> {
        let mut processor = self.processor(on.unwrap_or(On::Kernel));
        processor.is_online = on.is_some();
        let run = panic::catch_unwind(AssertUnwindSafe(|| processor.run(acts, interrupted)));
        match run {
            Ok(()) => Some(processor.reads),
            Err(thrown) if thrown.is::<Blocked>() => None,
            Err(thrown) => panic::resume_unwind(thrown),
        }
    }

    /// The last value of a user word, when all CPUs are done.
    pub(crate) fn last(&self, var: Var) -> u64 {
        self.vars[var as usize].load(Relaxed)
    }

    fn processor(&self, on: On) -> Processor<'_, K> {
        Processor { kernel: self, on, is_online: true, reads: Vec::new() }
    }

    fn address(&self, space: usize) -> usize {
        std::ptr::from_ref(&self.spaces[space]).addr()
    }

    fn task(&self, space: usize, thread: usize) -> Task<'_, K> {
        Task { space: &self.spaces[space], thread: &self.threads[thread] }
    }

    fn occupant(&self, on: On) -> Occupant<'_, K> {
        match on {
            On::Kernel => Occupant::Kernel,
            On::Lazy(space) => Occupant::Borrower(&self.spaces[space]),
            On::User { space, thread } => Occupant::User(self.task(space, thread)),
        }
    }
}

const fn switched_to(act: &Act) -> Option<On> {
    match act {
        Act::Switch(on) => Some(*on),
        _ => None,
    }
}

/// Registers with what was read into them.
pub(crate) type Reads = Vec<(u8, u64)>;

/// A CPU: the one of the thread of loom that has it.
struct Processor<'a, K: Modelled> {
    kernel: &'a Kernel<K>,
    on: On,
    is_online: bool,
    reads: Reads,
}

impl<K: Modelled> Processor<'_, K> {
    fn run(&mut self, acts: &[Act], interrupted: usize) {
        let mut refused = false;
        for (number, &act) in acts.iter().enumerate() {
            if number == interrupted {
                self.take_interrupt();
            }
            if act == Act::Rejoin {
                refused = false;
            } else if !refused {
                refused = self.act(act).is_none();
            }
        }
        if acts.len() == interrupted {
            self.take_interrupt();
        }
    }

    fn take_interrupt(&self) {
        if self.is_online && self.kernel.engine.machine().is_poked() {
            self.kernel.engine.handle_poke(this_cpu());
        }
    }

    /// Does one act; `None` if it was refused.
    fn act(&mut self, act: Act) -> Option<()> {
        let kernel = self.kernel;
        match act {
            Act::Write(var, value) => kernel.vars[var as usize].store(value, Relaxed),
            Act::Read(var, register) => {
                self.reads.push((register, kernel.vars[var as usize].load(Relaxed)));
            }
            Act::Call(command) => return self.call(command, Users::Several),
            Act::CallAlone(command) => return self.call(command, Users::Sole),
            Act::Rejoin => {}
            Act::Switch(to) => self.change(to),
            Act::Exit => self.leave(|cpu, task| kernel.engine.exit(cpu, task)),
            Act::Return => self.leave(|cpu, task| kernel.engine.return_space(cpu, task)),
            Act::Exec(space) => self.exec(space),
            Act::Borrow { space, thread } => self.borrow(space, thread),
            Act::Offline => {
                kernel.engine.offline(this_cpu());
                self.is_online = false;
            }
            Act::Online => {
                kernel.engine.online(this_cpu()).expect("few CPUs");
                self.is_online = true;
            }
            Act::Signal(number) => kernel.signals[number].store(1, Release),
            Act::Tell(number) => kernel.signals[number].store(1, Relaxed),
            Act::Await(number) => assume(kernel.signals[number].load(Acquire) != 0),
            other => unreachable!("{other:?} is in no scenario of loom's"),
        }
        Some(())
    }

    fn call(&self, command: Command, users: Users) -> Option<()> {
        let On::User { space, thread } = self.on else { panic!("only a thread can call") };
        let task = self.kernel.task(space, thread);
        self.kernel.engine.membarrier(task, users, Call::new(command)).ok().map(|_| ())
    }

    fn change(&mut self, to: On) {
        let (engine, from) = (&self.kernel.engine, self.kernel.occupant(self.on));
        self.hook(to, |cpu| engine.switch(cpu, from, self.kernel.occupant(to)));
    }

    fn leave(&mut self, hook: impl FnOnce(Cpu, Task<'_, K>)) {
        let On::User { space, thread } = self.on else { panic!("nobody to leave") };
        self.hook(On::Lazy(space), |cpu| hook(cpu, self.kernel.task(space, thread)));
        self.kernel.engine.machine().list(thread, 0);
    }

    fn exec(&mut self, new: usize) {
        let On::User { space, thread } = self.on else { panic!("nobody to exec") };
        let to = On::User { space: new, thread };
        let (kernel, task) = (self.kernel, self.kernel.task(space, thread));
        self.hook(to, |cpu| kernel.engine.exec(cpu, task, &kernel.spaces[new]));
        kernel.list(to);
    }

    fn borrow(&mut self, space: usize, thread: usize) {
        let (kernel, to) = (self.kernel, On::User { space, thread });
        kernel.list(to);
        let from = kernel.occupant(self.on);
        self.hook(to, |cpu| kernel.engine.borrow_space(cpu, from, kernel.task(space, thread)));
    }

    /// Calls a hook as the engine asks for it: no interrupt is polled in it, and
    /// the run queue is locked where the design wants it.
    fn hook(&mut self, to: On, hook: impl FnOnce(Cpu)) {
        if Engine::<K>::DESIGN == Design::LockedMask {
            self.kernel.engine.machine().with_run_queue(this_cpu(), || hook(this_cpu()));
        } else {
            hook(this_cpu());
        }
        self.on = to;
    }
}

fn this_cpu() -> Cpu {
    Cpu(here() as u32)
}
