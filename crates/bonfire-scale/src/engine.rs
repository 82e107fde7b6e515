//! The engine, unchanged, behind the face that this machine's kernel asks for.
//! Every type of the engine's that depends on its machine or its design is named
//! here, or in [`machine`](crate::machine).

use std::cell::RefCell;
use std::rc::Rc;

use bonfire_engine::abi::{Call, Command, Cpu, FLAG_CPU};
use bonfire_engine::{
    self as engine, AddressSpace, Design, Engine, Occupant, Task, Thread, Users, for_design,
};

use crate::barriers::{Ask, Barriers, Occupied, Who, put};
use crate::clock::Clock;
use crate::lock::Lock;
use crate::machine::{Kept, Machine, On, number};

/// The engine with this design, on the machine of `clock`.
pub(crate) fn engine(design: Design, clock: &Rc<Clock>, run_queues: &Rc<[Lock]>) -> Box<dyn Barriers> {
    for_design!(design, D => Kernel::<On<D>>::boxed(clock, run_queues))
}

/// The engine and what a kernel embeds in its processes and threads.
struct Kernel<K: engine::Kernel> {
    engine: Box<Engine<K>>,
    clock: Rc<Clock>,
    spaces: RefCell<Vec<Rc<AddressSpace<K>>>>,
    threads: RefCell<Vec<Rc<Kept<K>>>>,
}

impl<K: engine::Kernel<Machine = Machine>> Kernel<K> {
    fn boxed(clock: &Rc<Clock>, run_queues: &Rc<[Lock]>) -> Box<dyn Barriers> {
        let cpus = clock.hardware.cpus;
        Box::new(Self {
            engine: Box::new(Engine::new(Machine::new(cpus, Rc::clone(run_queues)))),
            clock: Rc::clone(clock),
            spaces: RefCell::default(),
            threads: RefCell::default(),
        })
    }

    fn space(&self, process: usize) -> Rc<AddressSpace<K>> {
        Rc::clone(&self.spaces.borrow()[process])
    }

    fn as_task<R>(&self, who: Who, body: impl FnOnce(Task<'_, K>) -> R) -> R {
        let space = self.space(who.process);
        let thread = Rc::clone(&self.threads.borrow()[who.thread]);
        body(Task { space: &space, thread: &thread.0 })
    }

    fn as_occupant<R>(&self, occupied: Occupied, body: impl FnOnce(Occupant<'_, K>) -> R) -> R {
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

impl<K: engine::Kernel<Machine = Machine>> Barriers for Kernel<K> {
    fn new_process(&self, process: usize) {
        let new = Rc::new(AddressSpace::<K>::new());
        self.clock.is_new(&*new);
        if let Some(old) = self.spaces.borrow().get(process) {
            self.engine.machine().move_list(old, &new);
        }
        put(&mut self.spaces.borrow_mut(), process, new);
    }

    fn new_thread(&self, who: Who, _: usize) {
        let thread = Rc::new(Kept(Thread::new()));
        self.engine.machine().enlist(&self.space(who.process), &thread);
        put(&mut self.threads.borrow_mut(), who.thread, thread);
    }

    fn online(&self, cpu: usize) {
        let cpu = Cpu(number(cpu));
        let online = self.clock.without_interrupts(|| {
            let online = self.engine.online(cpu);
            // Or this CPU would be asked by everybody, until it first ran a thread.
            self.engine.switch(cpu, Occupant::Kernel, Occupant::Kernel);
            online
        });
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
    }

    fn interrupt(&self, cpu: usize) {
        self.engine.handle_poke(Cpu(number(cpu)));
    }
}
