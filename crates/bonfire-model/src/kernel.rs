//! A kernel just large enough to call every hook of the engine, on a machine on
//! which everything happens.
//!
//! It schedules nothing by itself: what each CPU does is a list of [`Act`]s,
//! which a scenario gives. Each act is what a real kernel or program does there,
//! with the hook that the engine asks for, interrupts off around it, and the
//! run-queue lock held or the list of threads changed where the design wants
//! that.

use std::rc::Rc;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use bonfire_abi::{Call, Command, Cpu, FLAG_CPU};
use bonfire_engine::core_sync::{Return, Settle};
use bonfire_engine::{
    self as engine, AddressSpace, Design, Engine, Occupant, Refused, RunQueues, Task, Thread, Users,
};

use crate::architecture::Architecture;
use crate::explorer::{
    self, Shared, declare_code, milestone, name_word, observe_memory, occupant, occupy, on_cpu, this_cpu,
    without_interrupts,
};
use crate::machine::{Capabilities, Model, Mutant};
use crate::mutate::interpose::{self, Context};
use crate::mutate::slip::Wrong;
use crate::vocabulary::{Act, INVALID, NOT_REGISTERED, On, SPACES, THREADS, Var, user};

/// The kernel.
pub(crate) struct Kernel<K: engine::Kernel> {
    pub(crate) engine: Engine<K>,
    spaces: [AddressSpace<K>; SPACES],
    threads: Rc<[Thread<K>; THREADS]>,
    vars: [Shared; 4],
    signals: [Shared; 4],
    architecture: Architecture,
}

/// What a kernel is booted with.
pub(crate) struct Boot<'a> {
    /// What occupies each CPU; `None` for one that is offline.
    pub(crate) cpus: &'a [Option<On>],
    /// Which address spaces have registered for what.
    pub(crate) registered: &'a [(usize, Command)],
    /// The threads that there are, with their address spaces; `None` for kernel
    /// threads.
    pub(crate) threads: &'a [(usize, Option<usize>)],
    /// The user words whose last values an outcome shows.
    pub(crate) shown: &'a [Var],
}

impl<C: Capabilities, K: engine::Kernel<Machine = Model<C>>> Kernel<K> {
    /// Whether hooks are called with the run queue locked.
    const LOCKS: bool = matches!(Engine::<K>::DESIGN, Design::LockedMask);
    /// Whether threads are listed.
    const LISTS: bool = matches!(Engine::<K>::DESIGN, Design::Threads);

    pub(crate) fn new(cpus: usize, mutant: Mutant, architecture: Architecture) -> Self {
        let kernel = Self {
            engine: Engine::new(Model::new(cpus, mutant)),
            spaces: [const { AddressSpace::new() }; SPACES],
            threads: Rc::new([const { Thread::new() }; THREADS]),
            vars: [const { Shared::new(0) }; 4],
            signals: [const { Shared::new(0) }; 4],
            architecture,
        };
        kernel.engine.machine().enlist(&kernel.threads);
        kernel
    }

    /// Brings the machine to where a scenario begins.
    pub(crate) fn boot(&self, boot: &Boot<'_>) {
        for (var, name) in self.vars.iter().zip(["x", "y", "z", "code"]) {
            name_word(var, name);
        }
        declare_code(self.var(Var::Code));
        boot.shown.iter().for_each(|&var| observe_memory(self.var(var)));
        for space in 0..SPACES {
            explorer::name_value(self.address(space), &format!("space{space}"));
            // As `Running` publishes a target of GLOBAL_EXPEDITED.
            explorer::name_value(self.address(space) | 1, &format!("space{space}+global"));
        }
        if Self::LISTS {
            for &(thread, space) in boot.threads {
                self.engine.machine().list(thread, space.map_or(0, |space| self.address(space)));
            }
        }
        self.on_each(boot.cpus, |on| match on {
            None => explorer::drop_pokes(true),
            Some(_) => self.come_online(),
        });
        self.register_all(boot);
        self.on_each(boot.cpus, |on| on.into_iter().for_each(|on| self.change(on)));
        self.engine.machine().forget_passed();
    }

    fn on_each(&self, cpus: &[Option<On>], body: impl Fn(Option<On>)) {
        cpus.iter().enumerate().for_each(|(cpu, &on)| on_cpu(cpu, || body(on)));
    }

    fn come_online(&self) {
        self.engine.online(here()).expect("few CPUs");
        // The first hook says what runs here.
        self.change(On::Kernel);
    }

    /// What is registered before the scenario begins: on a CPU that is online, or
    /// is so for that long.
    fn register_all(&self, boot: &Boot<'_>) {
        let online = boot.cpus.iter().position(Option::is_some);
        on_cpu(online.unwrap_or(0), || {
            if online.is_none() {
                self.come_online();
            }
            boot.registered.iter().for_each(|&(space, command)| self.register(space, command, boot));
            if online.is_none() {
                self.engine.offline(here());
            }
        });
    }

    /// Lets a thread of `space` register before the scenario begins.
    fn register(&self, space: usize, command: Command, boot: &Boot<'_>) {
        let known = boot.threads.iter().find(|(_, of)| *of == Some(space));
        let thread = known.map_or(THREADS - 1, |(thread, _)| *thread);
        self.change(user(space, thread));
        self.call(Call::new(command), Users::Several).expect("registration is granted");
        self.change(On::Kernel);
    }

    /// What the word at an address is called.
    pub(crate) fn name_at(&self, address: usize) -> Option<String> {
        let space = || {
            let space = of(&self.spaces, address)?;
            let what = match (self.spaces[space].word_at(address)?, Engine::<K>::DESIGN) {
                ("design", Design::Running) => "visited",
                ("design", _) => "mask",
                (word, _) => word,
            };
            Some(format!("space{space}.{what}"))
        };
        let thread = || Some(format!("thread{}.cpu", of(self.threads.as_slice(), address)?));
        let signal = || Some(format!("signal{}", of(&self.signals, address)?));
        let slot = self.engine.word_at(address).map(|(cpu, name)| format!("{name}[{}]", cpu.0));
        slot.or_else(|| self.engine.machine().name_at(address)).or_else(space).or_else(thread).or_else(signal)
    }

    /// What a poke makes a CPU do.
    pub(crate) fn interrupt(&self, cpu: usize, interrupted: u8) {
        interpose::begin();
        let on = On::from_number(interrupted);
        self.engine.machine().pass_grace();
        if let Some((on, _)) = exchanged("handle_poke", on, on) {
            within("handle_poke", on, on, || self.engine.handle_poke(Cpu(cpu as u32)));
        }
        if matches!(on, On::User { .. }) && interrupted & IN_KERNEL == 0 {
            self.to_user(Return::Interrupt);
        }
    }

    /// Does what `acts` say, one after the other.
    pub(crate) fn run(&self, acts: &[Act]) {
        interpose::begin();
        let mut refused = false;
        for (place, &act) in (0u64..).zip(acts) {
            milestone(2 * place + u64::from(refused));
            if act == Act::Rejoin {
                refused = false;
            } else if !refused {
                refused = self.act(act).is_none();
            }
        }
    }

    /// Does one act; `None` if it was refused.
    pub(crate) fn act(&self, act: Act) -> Option<()> {
        match act {
            Act::Write(var, value) => self.var(var).store(value, Relaxed),
            Act::Read(var, register) => self.var(var).observe(register),
            Act::Fetch(register) => self.var(Var::Code).fetch(register),
            Act::Fence => explorer::fence(explorer::Barrier::Full, "fence"),
            Act::Call(command) => return self.call(Call::new(command), Users::Several),
            Act::CallAlone(command) => return self.call(Call::new(command), Users::Sole),
            Act::CallOne(cpu_id) => {
                let call = Call { flags: FLAG_CPU, cpu_id, ..Call::new(Command::Rseq) };
                return self.call(call, Users::Several);
            }
            Act::CallClosed(command) => {
                return without_interrupts(|| self.call(Call::new(command), Users::Several));
            }
            Act::CallMoved { from, command } => {
                return interpose::moved(Some(from), || self.call(Call::new(command), Users::Several));
            }
            Act::Answer(command, var) => {
                let answer = match self.answer(Call::new(command), Users::Several) {
                    Ok(value) => u64::from(value),
                    Err(Refused::NotRegistered) => NOT_REGISTERED,
                    Err(Refused::InvalidArgument) => INVALID,
                };
                self.var(var).store(answer, Relaxed);
            }
            Act::Rejoin => {}
            Act::Switch(to) => self.change(to),
            Act::Forget(to) => self.hook("forgotten", On::now(), to, |_, _, _| ()),
            Act::Exit => self.leave("exit", |cpu, task| self.engine.exit(cpu, task)),
            Act::Return => self.leave("return_space", |cpu, task| self.engine.return_space(cpu, task)),
            Act::Exec(space) => self.exec(space),
            Act::Fork(child) => self.fork(child),
            Act::Borrow { space, thread } => self.borrow(space, thread),
            Act::Offline => self.offline(),
            Act::Online => self.online(),
            Act::Begin => self.restart().store(0, Relaxed),
            Act::Commit(var, value) => without_interrupts(|| {
                if self.restart().load(Relaxed) == 0 {
                    self.var(var).store(value, Relaxed);
                }
            }),
            // As a scheduler hands a thread over: by a lock.
            Act::Signal(number) => self.signals[number].store(1, Release),
            Act::Await(number) => self.signals[number].wait(1, Acquire),
            Act::Tell(number) => self.signals[number].store(1, Relaxed),
            Act::Hear(number) => self.signals[number].wait(1, Relaxed),
            Act::Poll => self.engine.handle_poke(here()),
        }
        Some(())
    }

    fn call(&self, call: Call, users: Users) -> Option<()> {
        self.answer(call, users).ok().map(|_| ())
    }

    fn answer(&self, call: Call, users: Users) -> Result<u32, Refused> {
        let On::User { space, thread } = On::now() else { panic!("only a thread can call") };
        if minds_returns::<C>(Return::SystemCall) {
            occupy(occupant() | IN_KERNEL);
        }
        let name = call.command().map_or("refused", |(command, _)| command.name());
        let context = Context { name, left: None, entered: None };
        let answer =
            interpose::within(context, || self.engine.membarrier(self.task(space, thread), users, call));
        self.to_user(Return::SystemCall);
        answer
    }

    /// The scheduler switches.
    fn change(&self, to: On) {
        let from = On::now();
        self.hook("switch", from, to, |cpu, from, to| {
            self.engine.switch(cpu, self.occupant(from), self.occupant(to));
            if let Some(barrier) = self.architecture.thread_switch() {
                explorer::fence(barrier, "switch_to");
            }
        });
        if C::RSEQ && matches!(from, On::User { .. }) {
            self.restart().store(1, Relaxed);
        }
        self.enter(from, to);
    }

    fn leave(&self, name: &'static str, hook: impl FnOnce(Cpu, Task<'_, K>)) {
        let from @ On::User { space, thread } = On::now() else { panic!("nobody to leave") };
        self.hook(name, from, On::Lazy(space), |cpu, from, to| match to.space() {
            Some(space) => hook(cpu, self.task(space, thread)),
            None => self.engine.switch(cpu, self.occupant(from), Occupant::Kernel),
        });
        if Self::LISTS {
            self.engine.machine().list(thread, 0);
        }
    }

    fn exec(&self, new: usize) {
        let from @ On::User { thread, .. } = On::now() else { panic!("nobody to exec") };
        let to = user(new, thread);
        self.hook("exec", from, to, |cpu, from, to| {
            let [Some(old), Some(new)] = [from, to].map(On::space) else { panic!("an exec is of threads") };
            self.engine.exec(cpu, self.task(old, thread), &self.spaces[new]);
        });
        if Self::LISTS {
            self.engine.machine().list(thread, self.address(new));
        }
        self.enter(from, to);
    }

    fn fork(&self, child: usize) {
        let parent = On::now().space().expect("a thread that forks has an address space");
        let (parent, child) = (user(parent, 0), user(child, 0));
        if let Some((parent, child)) = exchanged("fork", parent, child) {
            within("fork", parent, child, || {
                let [Some(parent), Some(child)] = [parent, child].map(On::space) else { return };
                self.engine.fork(&self.spaces[parent], &self.spaces[child]);
            });
        }
    }

    fn borrow(&self, space: usize, thread: usize) {
        if Self::LISTS {
            self.engine.machine().list(thread, self.address(space));
        }
        let from = On::now();
        let to = user(space, thread);
        self.hook("borrow_space", from, to, |cpu, from, to| {
            let space = to.space().expect("it borrows an address space");
            self.engine.borrow_space(cpu, self.occupant(from), self.task(space, thread));
        });
        self.enter(from, to);
    }

    fn offline(&self) {
        without_interrupts(|| {
            if exchanged("offline", On::Kernel, On::Kernel).is_some() {
                within("offline", On::Kernel, On::Kernel, || self.engine.offline(here()));
            }
            explorer::drop_pokes(true);
        });
    }

    fn online(&self) {
        without_interrupts(|| {
            explorer::drop_pokes(false);
            if exchanged("online", On::Kernel, On::Kernel).is_some() {
                let online = || self.engine.online(here()).expect("few CPUs");
                within("online", On::Kernel, On::Kernel, online);
            }
        });
    }

    /// Calls a hook as the engine asks for it: interrupts off until the kernel
    /// agrees with the hook, and the run queue locked where the design wants it.
    fn hook(&self, name: &'static str, from: On, to: On, hook: impl FnOnce(Cpu, On, On)) {
        let switch = || {
            if let Some((from, to)) = exchanged(name, from, to) {
                within(name, from, to, || hook(here(), from, to));
            }
            if let Some(barrier) =
                self.architecture.space_change().filter(|_| On::now().space() != to.space())
            {
                explorer::fence(barrier, "page tables");
            }
        };
        without_interrupts(|| {
            if Self::LOCKS {
                self.engine.machine().with_run_queue(here(), switch);
            } else {
                switch();
            }
            occupy(to.number());
        });
    }

    /// A thread enters user mode behind a change of occupant, by the way that
    /// does least.
    fn enter(&self, from: On, to: On) {
        let On::User { space, .. } = to else { return };
        if C::CORE.is_some_and(|(row, _)| row.space_change) && from.space() != Some(space) {
            explorer::core_sync("page tables");
        }
        self.to_user(Return::SystemCall);
    }

    /// Returns to user mode, as far as that does anything.
    fn to_user(&self, way: Return) {
        if !minds_returns::<C>(way) {
            return;
        }
        without_interrupts(|| {
            let on = On::now();
            if exchanged("before_user", on, on).is_some() {
                within("before_user", on, on, || self.engine.before_user(here(), way));
            }
            occupy(occupant() & !IN_KERNEL);
            if C::CORE.is_some_and(|(row, _)| row.serialises(way)) {
                explorer::core_sync("return to user mode");
            }
        });
    }

    fn restart(&self) -> &Shared {
        &self.engine.machine().restart[this_cpu()]
    }

    fn var(&self, var: Var) -> &Shared {
        &self.vars[var as usize]
    }

    fn address(&self, space: usize) -> u64 {
        std::ptr::from_ref(&self.spaces[space]).addr() as u64
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

/// Runs a hook, of which is known whom it takes away and whom it brings.
fn within<R>(name: &'static str, from: On, to: On, hook: impl FnOnce() -> R) -> R {
    interpose::within(Context { name, left: from.space(), entered: to.space() }, hook)
}

/// What the hook is told, which is the truth unless something goes wrong on
/// purpose; `None` if it is not called.
fn exchanged(name: &'static str, from: On, to: On) -> Option<(On, On)> {
    if explorer::in_set_up() {
        return Some((from, to));
    }
    match interpose::hook(name) {
        Some(Wrong::LeftOut) => None,
        Some(Wrong::Exchanged) => Some((to, from)),
        Some(Wrong::FromKernel) => Some((On::Kernel, to)),
        Some(Wrong::ToKernel) => Some((from, On::Kernel)),
        Some(Wrong::ToOther) => Some((from, to.elsewhere())),
        _ => Some((from, to)),
    }
}

/// Whether anything happens on this way to user mode.
fn minds_returns<C: Capabilities>(way: Return) -> bool {
    C::CORE.is_some_and(|(row, settle)| settle == Settle::BeforeUser || row.serialises(way))
}

/// Whether the word at `address` is a part of `object`.
fn holds<O>(object: &O, address: usize) -> bool {
    let start = std::ptr::from_ref(object).addr();
    (start..start + size_of::<O>()).contains(&address)
}

/// Which of `objects` the word at `address` is a part of.
pub(crate) fn of<O>(objects: &[O], address: usize) -> Option<usize> {
    objects.iter().position(|object| holds(object, address))
}

fn here() -> Cpu {
    Cpu(this_cpu() as u32)
}

/// Added to the number of an occupant while it is in a system call.
const IN_KERNEL: u8 = 1 << 7;

impl On {
    /// What this CPU is occupied by.
    fn now() -> Self {
        Self::from_number(occupant())
    }

    const fn number(self) -> u8 {
        match self {
            Self::Kernel => 0,
            Self::Lazy(space) => 1 + space as u8,
            Self::User { space, thread } => 8 + (space * THREADS + thread) as u8,
        }
    }

    const fn from_number(number: u8) -> Self {
        match number & !IN_KERNEL {
            0 => Self::Kernel,
            lazy @ 1..8 => Self::Lazy(lazy as usize - 1),
            thread => {
                let number = thread as usize - 8;
                Self::User { space: number / THREADS, thread: number % THREADS }
            }
        }
    }

    /// The same in another address space.
    const fn elsewhere(self) -> Self {
        match self {
            Self::Kernel => Self::Kernel,
            Self::Lazy(space) => Self::Lazy((space + 1) % SPACES),
            Self::User { space, thread } => user((space + 1) % SPACES, thread),
        }
    }

    /// The address space whose page tables are loaded.
    const fn space(self) -> Option<usize> {
        match self {
            Self::Kernel => None,
            Self::Lazy(space) | Self::User { space, .. } => Some(space),
        }
    }
}
