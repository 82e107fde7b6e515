//! Address spaces, threads, and the jobs that they belong to.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use bonfire_engine::abi::Cpu;
use bonfire_engine::{AddressSpace, Occupant, Task, Thread as EngineThread, Users};

use crate::design::OnThreads;
use crate::fetch::Code;
use crate::lock;
use crate::sys::context::{Anchor, Context};

/// An address space: memory is that of the program that hosts this machine, but
/// registrations are its own, and code that can be rewritten.
pub(crate) struct Space<K: OnThreads> {
    pub(crate) engine: AddressSpace<K>,
    /// The threads in it, kernel threads that use it included.
    users: AtomicUsize,
    pub(crate) code: Code,
}

/// A virtual thread: what it shares with the scheduler.
pub(crate) struct Thread<K: OnThreads> {
    pub(crate) engine: Arc<EngineThread<K>>,
    pub(crate) anchor: Arc<Anchor>,
    pub(crate) mode: Mode,
    place: AtomicU32,
    /// Whether the address space was made for another process.
    borrows_memory: AtomicBool,
    /// The address space that it changes to.
    pub(crate) handed: Mutex<Option<Arc<Space<K>>>>,
    pub(crate) job: Arc<Job>,
}

/// Whether a thread can be pre-empted, and whether it was to be.
#[derive(Default)]
pub(crate) struct Mode {
    in_kernel: AtomicBool,
    time_is_up: AtomicBool,
}

/// A thread that some CPU may run: whoever holds this runs it, nobody else can.
pub(crate) struct Runnable<K: OnThreads> {
    pub(crate) context: Context,
    pub(crate) thread: Arc<Thread<K>>,
    pub(crate) space: Option<Arc<Space<K>>>,
}

/// What occupies a CPU, held.
pub(crate) enum Occupied<K: OnThreads> {
    User { space: Arc<Space<K>>, thread: Arc<Thread<K>> },
    Borrower(Arc<Space<K>>),
    Kernel,
}

/// Threads whose end somebody waits for: a process and all that it started, or
/// a part of it.
#[derive(Default)]
pub(crate) struct Job {
    living: AtomicUsize,
    killed: AtomicBool,
    within: Option<Arc<Job>>,
    ended: (Mutex<()>, Condvar),
}

/// Not placed on any CPU.
const ANYWHERE: u32 = u32::MAX;

impl<K: OnThreads> Space<K> {
    /// A new address space, which registered for nothing.
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { engine: AddressSpace::<K>::new(), users: AtomicUsize::new(0), code: Code::new() })
    }

    pub(crate) fn join(&self) {
        self.users.fetch_add(1, Relaxed);
    }

    pub(crate) fn leave(&self) {
        self.users.fetch_sub(1, Relaxed);
    }

    pub(crate) fn users(&self) -> Users {
        if self.users.load(Relaxed) == 1 { Users::Sole } else { Users::Several }
    }
}

impl<K: OnThreads> Thread<K> {
    pub(crate) fn new(job: Arc<Job>, place: Option<Cpu>, borrows_memory: bool) -> Arc<Self> {
        job.begins();
        Arc::new(Self {
            engine: Arc::new(EngineThread::<K>::new()),
            anchor: Arc::default(),
            mode: Mode::default(),
            place: AtomicU32::new(place.map_or(ANYWHERE, |cpu| cpu.0)),
            borrows_memory: AtomicBool::new(borrows_memory),
            handed: Mutex::new(None),
            job,
        })
    }

    /// The CPU that it is placed on, if any.
    pub(crate) fn place(&self) -> Option<Cpu> {
        let place = self.place.load(Relaxed);
        (place != ANYWHERE).then_some(Cpu(place))
    }

    pub(crate) fn place_on(&self, cpu: Option<Cpu>) {
        self.place.store(cpu.map_or(ANYWHERE, |cpu| cpu.0), Relaxed);
    }

    /// Whether its address space was made for another process.
    pub(crate) fn borrows_memory(&self) -> bool {
        self.borrows_memory.load(Relaxed)
    }

    pub(crate) fn borrow_memory(&self, borrows: bool) {
        self.borrows_memory.store(borrows, Relaxed);
    }

    pub(crate) fn task<'a>(&'a self, space: &'a Space<K>) -> Task<'a, K> {
        Task { space: &space.engine, thread: &self.engine }
    }
}

impl Mode {
    /// From here on an interrupt does not pre-empt the thread, whose CPU it can
    /// therefore name.
    pub(crate) fn enter_kernel(&self) {
        self.in_kernel.store(true, Relaxed);
        crate::sys::light_fence();
    }

    /// Back to user mode. True if the time slice ended meanwhile.
    pub(crate) fn leave_kernel(&self) -> bool {
        crate::sys::light_fence();
        self.in_kernel.store(false, Relaxed);
        self.time_is_up.load(Relaxed)
    }

    pub(crate) fn is_in_kernel(&self) -> bool {
        self.in_kernel.load(Relaxed)
    }

    pub(crate) fn end_time(&self) {
        self.time_is_up.store(true, Relaxed);
    }

    pub(crate) fn begin_time(&self) {
        self.time_is_up.store(false, Relaxed);
    }
}

impl<K: OnThreads> Occupied<K> {
    pub(crate) fn as_told(&self) -> Occupant<'_, K> {
        match self {
            Self::User { space, thread } => Occupant::User(thread.task(space)),
            Self::Borrower(space) => Occupant::Borrower(&space.engine),
            Self::Kernel => Occupant::Kernel,
        }
    }

    /// The address space whose page tables are loaded.
    pub(crate) fn space(&self) -> Option<&Arc<Space<K>>> {
        match self {
            Self::User { space, .. } | Self::Borrower(space) => Some(space),
            Self::Kernel => None,
        }
    }
}

impl Job {
    /// A part of `self`, whose end can be waited for by itself.
    pub(crate) fn part(self: &Arc<Self>) -> Arc<Self> {
        Arc::new(Self { within: Some(Arc::clone(self)), ..Self::default() })
    }

    fn begins(&self) {
        self.living.fetch_add(1, Relaxed);
        if let Some(whole) = &self.within {
            whole.begins();
        }
    }

    /// One of its threads ended.
    pub(crate) fn ends(&self) {
        // Release. PAIRS(done): with the acquire in `is_done`: what the thread did is seen by
        // whoever waited for it.
        if self.living.fetch_sub(1, std::sync::atomic::Ordering::Release) == 1 {
            drop(lock(&self.ended.0));
            self.ended.1.notify_all();
        }
        if let Some(whole) = &self.within {
            whole.ends();
        }
    }

    /// Whether no thread is left.
    pub(crate) fn is_done(&self) -> bool {
        // Acquire. PAIRS(done): with the release in `ends`.
        self.living.load(std::sync::atomic::Ordering::Acquire) == 0
    }

    pub(crate) fn kill(&self) {
        self.killed.store(true, Relaxed);
    }

    pub(crate) fn is_killed(&self) -> bool {
        self.killed.load(Relaxed) || self.within.as_ref().is_some_and(|whole| whole.is_killed())
    }

    /// Waits on an OS thread that is no virtual CPU. True if none is left.
    pub(crate) fn wait(&self, limit: Duration) -> bool {
        let guard = lock(&self.ended.0);
        let waited = self.ended.1.wait_timeout_while(guard, limit, |()| !self.is_done());
        drop(waited);
        self.is_done()
    }
}
