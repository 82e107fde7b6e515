//! The engine, unchanged, behind the face that this machine's kernel asks for.
//! Every type of the engine's that depends on its machine or its design is named
//! here, or in [`machine`](crate::machine).

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use bonfire_engine::abi::{Call, Command, Cpu, FLAG_CPU};
use bonfire_engine::{
    AddressSpace, Engine, Everywhere, LockedMask, Mask, Occupant, Running, Targets, Task, Thread, Threads,
    Users,
};

use crate::barriers::{Ask, Barriers, Occupied, Who, put};
use crate::clock::Clock;
use crate::lock::Lock;
use crate::machine::{GROUPS, Listed, Machine, number};

/// The engine's five designs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Five {
    Everywhere,
    Running,
    Mask,
    LockedMask,
    Threads,
}

impl Five {
    /// The engine with this design, on the machine of `clock`.
    pub(crate) fn engine(self, clock: &Rc<Clock>, run_queues: &Rc<[Lock]>) -> Box<dyn Barriers> {
        match self {
            Self::Everywhere => Kernel::<Everywhere>::boxed(clock, run_queues),
            Self::Running => Kernel::<Running>::boxed(clock, run_queues),
            Self::Mask => Kernel::<Mask>::boxed(clock, run_queues),
            Self::LockedMask => Kernel::<LockedMask>::boxed(clock, run_queues),
            Self::Threads => Kernel::<Threads>::boxed(clock, run_queues),
        }
    }
}

/// A design of the engine's, and its threads as this machine keeps them.
pub(crate) trait Design: Targets<Machine, GROUPS> + 'static {
    /// A thread, where it stands.
    type Kept;

    fn keep() -> Rc<Self::Kept>;
    fn thread(kept: &Self::Kept) -> &Thread<Machine, Self, GROUPS>;
    fn enlist(_: &Machine, _: &Space<Self>, _: &Rc<Self::Kept>) {}
    fn move_list(_: &Machine, _: &Space<Self>, _: &Space<Self>) {}
}

type Space<T> = AddressSpace<Machine, T, GROUPS>;

/// The engine and what a kernel embeds in its processes and threads.
struct Kernel<T: Design> {
    engine: Box<Engine<Machine, T, GROUPS>>,
    clock: Rc<Clock>,
    spaces: RefCell<Vec<Rc<Space<T>>>>,
    threads: RefCell<Vec<Rc<T::Kept>>>,
    /// What the last hook on each CPU was told.
    occupied: Box<[Cell<Occupied>]>,
}

impl<T: Design> Kernel<T> {
    fn boxed(clock: &Rc<Clock>, run_queues: &Rc<[Lock]>) -> Box<dyn Barriers> {
        let cpus = clock.hardware.cpus;
        Box::new(Self {
            engine: Box::new(Engine::new(Machine::new(cpus, Rc::clone(run_queues)))),
            clock: Rc::clone(clock),
            spaces: RefCell::default(),
            threads: RefCell::default(),
            occupied: vec![Cell::new(Occupied::Idle); cpus].into_boxed_slice(),
        })
    }

    fn space(&self, process: usize) -> Rc<Space<T>> {
        Rc::clone(&self.spaces.borrow()[process])
    }

    fn as_task<R>(&self, who: Who, body: impl FnOnce(Task<'_, Machine, T, GROUPS>) -> R) -> R {
        let space = self.space(who.process);
        let thread = Rc::clone(&self.threads.borrow()[who.thread]);
        body(Task { space: &space, thread: T::thread(&thread) })
    }

    fn as_occupant<R>(
        &self,
        occupied: Occupied,
        body: impl FnOnce(Occupant<'_, Machine, T, GROUPS>) -> R,
    ) -> R {
        match occupied {
            Occupied::By(who) => self.as_task(who, |task| body(Occupant::User(task))),
            Occupied::Lazily(process) => body(Occupant::Borrower(&self.space(process))),
            Occupied::Idle => body(Occupant::Kernel),
        }
    }

    fn command(&self, who: Who, users: Users, call: Call) {
        let answer = self.as_task(who, |caller| self.engine.membarrier(caller, users, call));
        self.clock.counts.check(answer.is_ok(), "a call was refused");
    }
}

impl<T: Design> Barriers for Kernel<T> {
    fn new_process(&self, process: usize) {
        let new = Rc::new(Space::<T>::new());
        self.clock.is_new(&*new);
        if let Some(old) = self.spaces.borrow().get(process) {
            T::move_list(self.engine.machine(), old, &new);
        }
        put(&mut self.spaces.borrow_mut(), process, new);
    }

    fn new_thread(&self, who: Who, _: usize) {
        let thread = T::keep();
        T::enlist(self.engine.machine(), &self.space(who.process), &thread);
        put(&mut self.threads.borrow_mut(), who.thread, thread);
    }

    fn online(&self, cpu: usize) {
        let online = self.clock.without_interrupts(|| self.engine.online(Cpu(number(cpu))));
        self.clock.counts.check(online.is_ok(), "a CPU is beyond the engine's capacity");
    }

    fn register(&self, who: Who, alone: bool) {
        let users = if alone { Users::Sole } else { Users::Several };
        for command in [Command::RegisterPrivateExpedited, Command::RegisterRseq] {
            self.command(who, users, Call::new(command));
        }
    }

    fn call(&self, who: Who, ask: Ask) {
        let call = match ask {
            Ask::Process => Call::new(Command::PrivateExpedited),
            Ask::Cpu(cpu) => {
                let cpu_id = i32::try_from(cpu).expect("there are at most 4,096 CPUs");
                Call { number: Command::Rseq.number(), flags: FLAG_CPU, cpu_id }
            }
        };
        self.command(who, Users::Several, call);
    }

    fn switch(&self, cpu: usize, from: Occupied, to: Occupied) {
        let cpu_id = Cpu(number(cpu));
        self.as_occupant(from, |from| self.as_occupant(to, |to| self.engine.switch(cpu_id, from, to)));
        self.occupied[cpu].set(to);
    }

    fn interrupt(&self, cpu: usize) {
        self.as_occupant(self.occupied[cpu].get(), |now| self.engine.handle_poke(Cpu(number(cpu)), now));
    }
}

/// A design that keeps nothing of a thread.
macro_rules! keeps_nothing {
    ($($design:ident),*) => {$(
        impl Design for $design {
            type Kept = Thread<Machine, Self, GROUPS>;

            fn keep() -> Rc<Self::Kept> {
                Rc::new(Thread::new())
            }
            fn thread(kept: &Self::Kept) -> &Thread<Machine, Self, GROUPS> {
                kept
            }
        }
    )*};
}

keeps_nothing!(Everywhere, Running, Mask, LockedMask);

impl Design for Threads {
    type Kept = Listed;

    fn keep() -> Rc<Listed> {
        Rc::new(Listed(Thread::new()))
    }
    fn thread(kept: &Listed) -> &Thread<Machine, Self, GROUPS> {
        &kept.0
    }
    fn enlist(machine: &Machine, space: &Space<Self>, thread: &Rc<Listed>) {
        machine.enlist(space, Rc::clone(thread));
    }
    fn move_list(machine: &Machine, from: &Space<Self>, to: &Space<Self>) {
        machine.move_list(from, to);
    }
}
