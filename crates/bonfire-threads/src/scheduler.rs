//! A CPU: its scheduler, and what it does when it is interrupted.
//!
//! The scheduler is the one place that calls the engine's hooks. It runs on the
//! stack of the OS thread, with interrupts off; a virtual thread runs on its own
//! stack from `resume` until it leaves, with interrupts on.
//!
//! Between a hook and the first instruction of the thread that it lets in there
//! is nothing that would be a barrier by itself: no lock, no reference count, no
//! system call. So a barrier that is taken out of the hook is missed, where the
//! host can show it. What must wait until the hook is done (a thread that moves
//! to another CPU) does so in the rare case that there is one.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bonfire_engine::abi::Cpu;
use bonfire_engine::{Design, Engine, Occupant};

use crate::design::OnThreads;
use crate::faults::Hook;
use crate::kernel::Kernel;
use crate::machine::CpuLines;
use crate::sys::context::{Anchor, Leave};
use crate::sys::this_cpu::{self, Core, Line};
use crate::thread::{Occupied, Runnable, Thread};

/// A virtual CPU. It lives on the OS thread that it is; the cells are borrowed
/// by the scheduler and, while interrupts are on, by handlers.
pub(crate) struct VirtualCpu<K: OnThreads> {
    kernel: Arc<Kernel<K>>,
    number: Cpu,
    occupied: RefCell<Occupied<K>>,
    /// What occupied it before: let go when there is time.
    retired: RefCell<Occupied<K>>,
    running: RefCell<Option<Arc<Thread<K>>>>,
    ready: RefCell<VecDeque<Runnable<K>>>,
    sleeping: RefCell<Vec<(Instant, Runnable<K>)>>,
    /// A thread that goes to another CPU when the next hook is done.
    moving: RefCell<Option<(Cpu, Runnable<K>)>>,
    random: RefCell<fastrand::Rng>,
}

/// How long an idle CPU dozes before it looks around.
const DOZE: Duration = Duration::from_millis(2);

impl<K: OnThreads> VirtualCpu<K> {
    pub(crate) fn new(kernel: Arc<Kernel<K>>, number: Cpu, seed: u64) -> Self {
        Self {
            kernel,
            number,
            occupied: RefCell::new(Occupied::Kernel),
            retired: RefCell::new(Occupied::Kernel),
            running: RefCell::default(),
            ready: RefCell::default(),
            sleeping: RefCell::default(),
            moving: RefCell::default(),
            random: RefCell::new(fastrand::Rng::with_seed(seed)),
        }
    }

    /// Is this CPU, on this OS thread, until the kernel stops.
    pub(crate) fn run(&self) {
        self.lines().interrupts.disable();
        self.lines().wire.connect();
        this_cpu::be(as_core(self), || {
            self.come_online();
            while !self.kernel.is_stopping() {
                self.turn();
            }
            self.go_offline();
        });
        self.lines().wire.disconnect();
    }

    /// One round of the scheduler.
    fn turn(&self) {
        if !self.kernel.is_wanted_online(self.number) {
            return self.be_offline();
        }
        self.kernel.receive(self.number, &mut self.ready.borrow_mut());
        self.wake_sleepers();
        let next = self.ready.borrow_mut().pop_front();
        match next {
            Some(runnable) if runnable.thread.job.is_killed() => self.bury(runnable),
            Some(runnable) => self.run_thread(runnable),
            None => self.idle(),
        }
    }

    /// Lets a thread run until it leaves.
    fn run_thread(&self, mut runnable: Runnable<K>) {
        let next = match (&runnable.space, self.occupied.borrow().space()) {
            (Some(space), _) => {
                Occupied::User { space: Arc::clone(space), thread: Arc::clone(&runnable.thread) }
            }
            (None, Some(loaded)) => Occupied::Borrower(Arc::clone(loaded)),
            (None, None) => Occupied::Kernel,
        };
        *self.running.borrow_mut() = Some(Arc::clone(&runnable.thread));
        runnable.thread.mode.begin_time();
        self.switch_to(next);
        let left = loop {
            match runnable.context.resume() {
                Some(Leave::ChangesSpace) => self.change_space(&mut runnable),
                left => break left,
            }
        };
        *self.running.borrow_mut() = None;
        match left {
            Some(Leave::Sleeps(ns)) => self.put_to_sleep(runnable, ns),
            Some(_) => self.requeue(runnable),
            None => self.bury(runnable),
        }
    }

    /// Changes the occupant, and tells the engine.
    fn switch_to(&self, next: Occupied<K>) {
        *self.retired.borrow_mut() = Occupied::Kernel;
        self.lines().counts.switched();
        self.lines().section.restart();
        let last = {
            let mut occupied = self.occupied.borrow_mut();
            self.hook(Hook::Switch, |engine| engine.switch(self.number, occupied.as_told(), next.as_told()));
            std::mem::replace(&mut *occupied, next)
        };
        *self.retired.borrow_mut() = last;
        if let Some((cpu, runnable)) = self.moving.borrow_mut().take() {
            self.kernel.send(cpu, runnable);
        }
    }

    /// The running thread executes a new image, or is a kernel thread that
    /// begins or ends to use an address space.
    fn change_space(&self, runnable: &mut Runnable<K>) {
        let thread = Arc::clone(&runnable.thread);
        let new = crate::lock(&thread.handed).take();
        let mut occupied = self.occupied.borrow_mut();
        if let Some(new) = &new {
            new.join();
            // Whoever executes a new image has its memory for itself; a kernel thread borrows.
            let is_of_process = runnable.space.is_some();
            thread.borrow_memory(!is_of_process);
            self.kernel.machine().enlist(&new.engine, &thread.engine, is_of_process);
        }
        let (from, cpu) = (occupied.as_told(), self.number);
        let hook = match (&runnable.space, &new) {
            (_, None) => Hook::ReturnSpace,
            (None, Some(_)) => Hook::BorrowSpace,
            (Some(_), Some(_)) => Hook::Exec,
        };
        self.hook(hook, |engine| match (&runnable.space, &new) {
            (Some(old), Some(new)) => engine.exec(cpu, thread.task(old), &new.engine),
            (None, Some(new)) => engine.borrow_space(cpu, from, thread.task(new)),
            (Some(old), None) => engine.return_space(cpu, thread.task(old)),
            (None, None) => {}
        });
        let next = match (&new, &runnable.space) {
            (Some(new), _) => Occupied::User { space: Arc::clone(new), thread: Arc::clone(&thread) },
            (None, Some(old)) => Occupied::Borrower(Arc::clone(old)),
            (None, None) => return,
        };
        *self.retired.borrow_mut() = std::mem::replace(&mut *occupied, next);
        if let Some(old) = std::mem::replace(&mut runnable.space, new) {
            self.kernel.machine().delist(&old.engine, &thread.engine);
            old.leave();
        }
    }

    /// A thread ended, or was killed while it did not run.
    fn bury(&self, runnable: Runnable<K>) {
        let Runnable { context, thread, space } = runnable;
        if let Some(space) = space {
            self.leave_space(&thread, &space);
            self.kernel.machine().delist(&space.engine, &thread.engine);
            space.leave();
        }
        drop(context);
        thread.job.ends();
    }

    /// The exit of a thread that still occupies this CPU; one that was killed
    /// elsewhere has left already.
    fn leave_space(&self, thread: &Arc<Thread<K>>, space: &Arc<crate::thread::Space<K>>) {
        let mut occupied = self.occupied.borrow_mut();
        let here =
            matches!(&*occupied, Occupied::User { thread: running, .. } if Arc::ptr_eq(running, thread));
        if here {
            self.hook(Hook::Exit, |engine| engine.exit(self.number, thread.task(space)));
            *occupied = Occupied::Borrower(Arc::clone(space));
        }
    }

    /// Back into the queue, here or, now and then, of another CPU.
    fn requeue(&self, runnable: Runnable<K>) {
        let target = {
            let mut random = self.random.borrow_mut();
            match runnable.thread.place() {
                Some(cpu) => cpu,
                None if random.u8(..4) == 0 => self.kernel.any_online(&mut random),
                None => self.number,
            }
        };
        if target == self.number {
            self.ready.borrow_mut().push_back(runnable);
        } else {
            *self.moving.borrow_mut() = Some((target, runnable));
            self.let_nobody_in();
        }
    }

    fn put_to_sleep(&self, runnable: Runnable<K>, ns: u64) {
        self.sleeping.borrow_mut().push((Instant::now() + Duration::from_nanos(ns), runnable));
    }

    fn wake_sleepers(&self) {
        let mut sleeping = self.sleeping.borrow_mut();
        if sleeping.is_empty() {
            return;
        }
        let now = Instant::now();
        let awake = sleeping.extract_if(.., |(until, _)| *until <= now);
        self.ready.borrow_mut().extend(awake.map(|(_, runnable)| runnable));
    }

    /// Nothing to run: the last address space stays loaded, as a rule.
    fn idle(&self) {
        self.let_nobody_in();
        let first = self.sleeping.borrow().iter().map(|(until, _)| *until).min();
        let nap = first.map_or(DOZE, |until| until.saturating_duration_since(Instant::now()).min(DOZE));
        self.resume_interrupts();
        self.kernel.wait(self.number, nap);
        self.lines().interrupts.disable();
    }

    /// The occupant, if it is a thread, gives way to the kernel, which mostly
    /// borrows its page tables and at times loads its own.
    fn let_nobody_in(&self) {
        let next = match &*self.occupied.borrow() {
            Occupied::User { space, .. } if self.random.borrow_mut().u8(..8) != 0 => {
                Occupied::Borrower(Arc::clone(space))
            }
            Occupied::User { .. } => Occupied::Kernel,
            Occupied::Borrower(_) | Occupied::Kernel => return,
        };
        self.switch_to(next);
    }

    fn come_online(&self) {
        // What was raised while the CPU was offline was lost.
        let (pokes, _) = self.lines().interrupts.take();
        self.lines().counts.dropped(pokes);
        self.hook(Hook::Online, |engine| {
            engine.online(self.number).expect("the engine keeps every CPU of this machine");
        });
        // Or this CPU would be asked by everybody, until it first ran a thread.
        self.hook(Hook::Switch, |engine| engine.switch(self.number, Occupant::Kernel, Occupant::Kernel));
        self.kernel.set_online(self.number, true);
    }

    fn go_offline(&self) {
        self.kernel.set_online(self.number, false);
        self.switch_to(Occupied::Kernel);
        self.hook(Hook::Offline, |engine| engine.offline(self.number));
    }

    /// Offline until wanted again. Threads that can go elsewhere do.
    fn be_offline(&self) {
        self.go_offline();
        while !self.kernel.is_wanted_online(self.number) && !self.kernel.is_stopping() {
            self.kernel.receive(self.number, &mut self.ready.borrow_mut());
            self.wake_sleepers();
            self.evacuate();
            self.kernel.wait(self.number, DOZE);
        }
        self.come_online();
    }

    fn evacuate(&self) {
        let mut ready = self.ready.borrow_mut();
        let (stay, go) = ready.drain(..).partition(|runnable| runnable.thread.place().is_some());
        *ready = stay;
        let go: VecDeque<_> = go;
        for runnable in go {
            self.kernel.send(self.kernel.any_online(&mut self.random.borrow_mut()), runnable);
        }
    }

    /// Calls a hook, unless this kernel forgets it.
    fn hook(&self, hook: Hook, call: impl FnOnce(&Engine<K>)) {
        if !self.kernel.machine().forgets(hook) {
            self.held(call);
        }
    }

    /// Calls the engine with what its design wants held.
    fn held(&self, call: impl FnOnce(&Engine<K>)) {
        let engine = &self.kernel.engine;
        if Engine::<K>::DESIGN == Design::LockedMask {
            bonfire_engine::RunQueues::with_run_queue(engine.machine(), self.number, || call(engine));
        } else {
            call(engine);
        }
    }

    fn resume_interrupts(&self) {
        let leaves = self.enable_interrupts();
        debug_assert!(leaves.is_none(), "there is no thread to suspend");
    }

    fn lines(&self) -> &CpuLines {
        self.kernel.machine().lines(self.number)
    }

    /// Serves what was raised, interrupts off. True if the thread that runs is to
    /// be suspended.
    fn serve_interrupts(&self) -> bool {
        let (pokes, tick) = self.lines().interrupts.take();
        if pokes != 0 {
            self.lines().counts.arrived(pokes);
            if !self.kernel.machine().forgets(Hook::HandlePoke) {
                self.kernel.engine.handle_poke(self.number);
            }
        }
        match &*self.running.borrow() {
            Some(thread) if tick && thread.mode.is_in_kernel() => thread.mode.end_time(),
            Some(_) => return tick,
            None => {}
        }
        false
    }
}

fn as_core<K: OnThreads>(cpu: &VirtualCpu<K>) -> &(dyn Core + 'static) {
    cpu
}

impl<K: OnThreads> Core for VirtualCpu<K> {
    fn number(&self) -> u32 {
        self.number.0
    }

    fn interrupted(&self, line: Line) -> Option<Arc<Anchor>> {
        let interrupts = &self.lines().interrupts;
        interrupts.raise(line);
        if interrupts.are_off() { None } else { self.enable_interrupts() }
    }

    fn enable_interrupts(&self) -> Option<Arc<Anchor>> {
        let interrupts = &self.lines().interrupts;
        loop {
            interrupts.enable();
            if !interrupts.raised() {
                return None;
            }
            interrupts.disable();
            if self.serve_interrupts() {
                let running = self.running.borrow();
                return running.as_ref().map(|thread| Arc::clone(&thread.anchor));
            }
        }
    }
}
