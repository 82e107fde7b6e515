//! What virtual threads call: the system calls of user threads, and what kernel
//! threads have instead.
//!
//! # Rules for bodies
//! The body of a user thread is pre-empted at any instruction and goes on on
//! another OS thread. So outside system calls it allocates and frees nothing,
//! takes no lock, prints nothing, keeps nothing in thread-local storage and does
//! not panic: what it has to say it stores in atomics. What it captured is
//! dropped for it when it has returned. Whoever breaks this may deadlock, as in a
//! signal handler. The body of a kernel thread is not pre-empted and may do as it
//! likes.

use std::cell::RefCell;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use bonfire_engine::abi::{Call, Command, Cpu, Result};

use crate::design::OnThreads;
use crate::faults::Hook;
use crate::fetch::Code;
use crate::kernel::Kernel;
use crate::lock;
use crate::machine::enable_interrupts;
use crate::restartable::Begun;
use crate::sys::context::Leave;
use crate::thread::{Job, Space, Thread};

/// A user thread's view of the machine.
pub struct User<K: OnThreads> {
    own: Own<K>,
    space: RefCell<Arc<Space<K>>>,
    children: Arc<Job>,
}

/// A kernel thread's view of the machine.
pub struct KernelThread<K: OnThreads> {
    own: Own<K>,
}

/// How a child comes by its address space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    /// It shares that of its parent: a thread.
    Shared,
    /// As above, as a process of its own, made by `clone(CLONE_VM)` or `vfork`.
    Borrowed,
    /// A new one that inherits the registrations: `fork`.
    Copied,
}

/// What unwinds the stack of a thread that exits.
struct Exit;

/// What every virtual thread has.
struct Own<K: OnThreads> {
    kernel: Arc<Kernel<K>>,
    thread: Arc<Thread<K>>,
}

/// Starts a user thread in `space` that runs `body`. `borrows_memory` where that was
/// made for another process.
pub(crate) fn start<K: OnThreads>(
    kernel: &Arc<Kernel<K>>,
    space: Arc<Space<K>>,
    borrows_memory: bool,
    job: Arc<Job>,
    place: Option<Cpu>,
    body: impl Fn(&User<K>) + Send + 'static,
) -> io::Result<()> {
    let thread = Thread::new(job, place, borrows_memory);
    let own = Own { kernel: Arc::clone(kernel), thread: Arc::clone(&thread) };
    let children = thread.job.part();
    let user = User { own, space: RefCell::new(Arc::clone(&space)), children };
    kernel.start(thread, Some(space), Cpu(0), move || {
        user.own.begin();
        let ended = catch_unwind(AssertUnwindSafe(|| user.own.user_mode(|| body(&user))));
        let own = user.finish(body);
        own.end();
        if let Err(payload) = ended
            && !payload.is::<Exit>()
        {
            resume_unwind(payload);
        }
    })
}

/// Starts a kernel thread that runs `body`.
pub(crate) fn start_kernel_thread<K: OnThreads>(
    kernel: &Arc<Kernel<K>>,
    job: Arc<Job>,
    place: Option<Cpu>,
    body: impl FnOnce(&KernelThread<K>) + Send + 'static,
) -> io::Result<()> {
    let thread = Thread::new(job, place, false);
    let own = Own { kernel: Arc::clone(kernel), thread: Arc::clone(&thread) };
    let this = KernelThread { own };
    kernel.start(thread, None, Cpu(0), move || {
        this.own.begin();
        body(&this);
        this.own.end();
    })
}

impl<K: OnThreads> User<K> {
    /// `membarrier(2)`.
    ///
    /// # Errors
    /// As [`bonfire_engine::Engine::membarrier`].
    pub fn membarrier(&self, call: Call) -> Result<u32> {
        self.own.system_call(|| {
            let space = self.space.borrow();
            let _one = self.own.kernel.one_lock.as_ref().map(lock);
            Ok(self.own.kernel.engine.membarrier(self.own.thread.task(&space), space.users(), call)?)
        })
    }

    /// `membarrier(2)` with no flags.
    ///
    /// # Errors
    /// As [`bonfire_engine::Engine::membarrier`].
    pub fn issue(&self, command: Command) -> Result<u32> {
        self.membarrier(Call::new(command))
    }

    /// `membarrier(2)` with interrupts off, as a kernel may call the engine.
    ///
    /// # Errors
    /// As [`bonfire_engine::Engine::membarrier`].
    pub fn issue_without_interrupts(&self, command: Command) -> Result<u32> {
        self.own.system_call(|| {
            let space = self.space.borrow();
            let (engine, task) = (&self.own.kernel.engine, self.own.thread.task(&space));
            bonfire_engine::Machine::without_interrupts(engine.machine(), || {
                Ok(engine.membarrier(task, space.users(), Call::new(command))?)
            })
        })
    }

    /// A system call that does nothing and orders nothing.
    pub fn ordinary_call(&self) {
        self.own.system_call(|| ());
    }

    /// Lets others run.
    pub fn yield_now(&self) {
        self.own.system_call(|| self.own.leave(Leave::Yields));
    }

    /// Leaves the CPU for about so long.
    pub fn nap(&self, time: Duration) {
        self.own.system_call(|| self.own.nap(time));
    }

    /// From here on, runs only on `cpu`, or on any. False if there is no such
    /// CPU.
    pub fn place(&self, cpu: Option<Cpu>) -> bool {
        if cpu.is_some_and(|cpu| cpu.0 >= self.own.kernel.cpus()) {
            return false;
        }
        self.own.system_call(|| {
            self.own.thread.place_on(cpu);
            if cpu.is_some_and(|cpu| cpu != self.own.kernel.machine().here()) {
                self.own.leave(Leave::Yields);
            }
        });
        true
    }

    /// The CPU that this thread was on when it asked.
    #[must_use]
    pub fn cpu(&self) -> Cpu {
        self.own.system_call(|| self.own.kernel.machine().here())
    }

    /// How many CPUs there are.
    #[must_use]
    pub fn cpus(&self) -> u32 {
        self.own.kernel.cpus()
    }

    /// Becomes a new program image: a new address space, which registered for
    /// nothing. The body goes on.
    pub fn exec(&self) {
        self.own.system_call(|| {
            let new = Space::new();
            *lock(&self.own.thread.handed) = Some(Arc::clone(&new));
            self.own.leave(Leave::ChangesSpace);
            *self.space.borrow_mut() = new;
        });
    }

    /// Ends this thread from wherever it is, dropping what is on its stack.
    pub fn exit(&self) -> ! {
        // From here to the end of the body nothing is pre-empted.
        self.own.thread.mode.enter_kernel();
        resume_unwind(Box::new(Exit))
    }

    /// Starts a thread or a process.
    ///
    /// # Errors
    /// If the host has no memory for its stack.
    pub fn start(
        &self,
        memory: Memory,
        place: Option<Cpu>,
        body: impl Fn(&User<K>) + Send + 'static,
    ) -> io::Result<()> {
        self.own.system_call(|| {
            let parent = self.space.borrow();
            let space = match memory {
                Memory::Shared | Memory::Borrowed => Arc::clone(&parent),
                Memory::Copied => {
                    let child = Space::new();
                    if !self.own.kernel.machine().forgets(Hook::Fork) {
                        self.own.kernel.engine.fork(&parent.engine, &child.engine);
                    }
                    child
                }
            };
            let borrows = match memory {
                Memory::Shared => self.own.thread.borrows_memory(),
                Memory::Borrowed => true,
                Memory::Copied => false,
            };
            start(&self.own.kernel, space, borrows, Arc::clone(&self.children), place, body)
        })
    }

    /// Waits until all that this thread started, and they in turn, have ended.
    pub fn join(&self) {
        while !self.children.is_done() {
            self.nap(Duration::from_micros(20));
        }
    }

    /// What the thread leaves behind is dropped in the kernel.
    fn finish(self, body: impl Fn(&Self)) -> Own<K> {
        drop(body);
        self.own
    }

    fn with_code<R>(&self, with: impl FnOnce(&Code) -> R) -> R {
        self.own.system_call(|| with(&self.space.borrow().code))
    }

    /// Makes the code of this address space return `value`.
    pub fn patch(&self, value: u32) {
        self.with_code(|code| code.patch(value));
    }

    /// Calls the code of this address space, as this CPU has fetched it.
    #[must_use]
    pub fn execute(&self) -> u32 {
        self.with_code(|code| {
            self.own.instruction(|| {
                let machine = self.own.kernel.machine();
                machine.lines(machine.here()).view.execute(code)
            })
        })
    }

    /// Has the CPU of this thread forget what it fetched.
    pub fn serialise(&self) {
        self.own.system_call(|| {
            self.own.instruction(|| {
                let machine = self.own.kernel.machine();
                machine.lines(machine.here()).view.refresh();
            });
        });
    }

    /// Begins a restartable section.
    #[must_use]
    pub fn begin_section(&self) -> Begun {
        self.own.system_call(|| self.own.instruction(|| self.section()))
    }

    /// Ends a restartable section by storing `value` to `to`, if it was not
    /// restarted.
    #[must_use]
    pub fn commit(&self, begun: Begun, to: &AtomicU32, value: u32) -> bool {
        self.own.system_call(|| {
            self.own.instruction(|| {
                let whole = self.section() == begun;
                if whole {
                    to.store(value, Relaxed);
                }
                whole
            })
        })
    }

    fn section(&self) -> Begun {
        let machine = self.own.kernel.machine();
        let cpu = machine.here();
        Begun { cpu: cpu.0, restarts: machine.lines(cpu).section.restarts() }
    }
}

impl<K: OnThreads> KernelThread<K> {
    /// Begins to use an address space, whose memory it may access until it
    /// returns it.
    pub fn use_space(&self, space: &SpaceHandle<K>) {
        *lock(&self.own.thread.handed) = Some(Arc::clone(&space.0));
        self.own.leave(Leave::ChangesSpace);
    }

    /// Ends to use an address space.
    pub fn return_space(&self) {
        self.own.leave(Leave::ChangesSpace);
    }

    /// Lets others run.
    pub fn yield_now(&self) {
        self.own.leave(Leave::Yields);
    }

    /// Leaves the CPU for about so long.
    pub fn nap(&self, time: Duration) {
        self.own.nap(time);
    }

    /// Whether the machine is being shut down: then the body returns.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.own.kernel.is_stopping() || self.own.thread.job.is_killed()
    }
}

/// An address space, as one who is not in it holds it.
pub struct SpaceHandle<K: OnThreads>(pub(crate) Arc<Space<K>>);

impl<K: OnThreads> SpaceHandle<K> {
    /// A new address space, which registered for nothing.
    #[must_use]
    pub fn new() -> Self {
        Self(Space::new())
    }
}

impl<K: OnThreads> Default for SpaceHandle<K> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: OnThreads> Clone for SpaceHandle<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K: OnThreads> Own<K> {
    /// The thread runs for the first time, in the kernel.
    fn begin(&self) {
        self.thread.mode.enter_kernel();
        enable_interrupts();
    }

    /// The thread is about to end, in the kernel.
    fn end(&self) {
        self.kernel.machine().lines(self.kernel.machine().here()).interrupts.disable();
    }

    fn user_mode(&self, body: impl FnOnce()) {
        self.leave_kernel();
        body();
        self.thread.mode.enter_kernel();
    }

    fn system_call<R>(&self, body: impl FnOnce() -> R) -> R {
        self.thread.mode.enter_kernel();
        let result = body();
        self.leave_kernel();
        result
    }

    /// Back to user mode, by way of the scheduler if the time slice is over.
    fn leave_kernel(&self) {
        while self.thread.mode.leave_kernel() {
            self.thread.mode.enter_kernel();
            self.leave(Leave::Yields);
        }
    }

    /// What one instruction of this machine does: nothing interrupts it.
    fn instruction<R>(&self, body: impl FnOnce() -> R) -> R {
        bonfire_engine::Machine::without_interrupts(self.kernel.machine(), body)
    }

    fn nap(&self, time: Duration) {
        self.leave(Leave::Sleeps(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)));
    }

    /// Leaves the CPU, in the kernel, and comes back to it or to another.
    fn leave(&self, leave: Leave) {
        let machine = self.kernel.machine();
        machine.lines(machine.here()).interrupts.disable();
        self.thread.anchor.suspend(leave);
        enable_interrupts();
    }
}
