//! Threads: a kernel stack each, and for those of programs what user mode owns.

use crate::arch::{self, TrapFrame, UserState};
use crate::limits;
use crate::lock::Lock;
use crate::process::Process;
use crate::restart::Restart;
use crate::rseq::Rseq;
use crate::signals::OfThread;
use crate::space::Space;
use alloc::boxed::Box;
use alloc::sync::{Arc, Weak};
use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};

const STACK: usize = 16 << 10;

/// What a kernel thread runs.
pub(crate) type Body = Box<dyn FnOnce(&Thread) + Send>;

/// A thread, of a program or of the kernel.
pub(crate) struct Thread {
    /// See [`id`](Self::id).
    id: AtomicU32,
    /// The program it belongs to; none for a thread of the kernel.
    pub(crate) process: Option<Arc<Process>>,
    /// The address space it runs in: Linux's `mm`. A kernel thread has one
    /// between `use_mm` and `unuse_mm`.
    ///
    /// INVARIANT: written by the thread itself, interrupts off. Read by the
    /// thread, and by the CPU that it runs on or is about to run on.
    space: UnsafeCell<Option<Arc<Space>>>,
    /// What the engine keeps of it.
    pub(crate) membarrier: crate::membarrier::PerThread,
    /// Set while it runs, and until its registers are saved: whoever wakes it waits
    /// for that.
    pub(crate) on_cpu: AtomicBool,
    /// The CPU it ran on last.
    pub(crate) last_cpu: AtomicUsize,
    /// The CPUs it may run on, one bit each.
    pub(crate) affinity: AtomicU64,
    /// The word to clear and wake at its exit (`CLONE_CHILD_CLEARTID`).
    pub(crate) clear_at_exit: AtomicU64,
    /// Its list of locks (`set_robust_list`), 0 for none.
    pub(crate) robust_list: AtomicU64,
    /// The call that [`crate::restart`] goes on with.
    pub(crate) restart: Lock<Option<Restart>>,
    /// How nice it is: kept, and told.
    pub(crate) nice: AtomicI32,
    /// It has to end, and its process goes on.
    is_dismissed: AtomicBool,
    /// Its part in signals.
    pub(crate) signals: OfThread,
    /// Why its last wait ended, see [`crate::wait`].
    pub(crate) woken: AtomicU32,
    /// Its restartable sequences.
    pub(crate) rseq: Rseq,
    /// What user mode has and no frame holds, while it is off the CPU.
    pub(crate) state: Lock<UserState>,
    /// Where it was left, while it is off the CPU.
    pub(crate) saved: AtomicU64,
    body: Lock<Option<Body>>,
    stack: Box<[MaybeUninit<Chunk>]>,
    this: Weak<Thread>,
}

// SAFETY: all but `space` can be shared; for that, see its invariant.
unsafe impl Sync for Thread {}

#[repr(align(16))]
struct Chunk(#[expect(dead_code, reason = "only its size and place count")] [u8; 16]);

static NEXT_ID: AtomicU32 = AtomicU32::new(1);

impl Thread {
    /// A number that no thread has had.
    pub(crate) fn next_id() -> u32 {
        NEXT_ID.fetch_add(1, Relaxed)
    }

    /// A thread of `process` that will start in user mode with these registers.
    pub(crate) fn user(id: u32, process: Arc<Process>, space: Arc<Space>, frame: TrapFrame) -> Arc<Self> {
        let thread = Self::new(id, Some(process), Some(space.clone()), None, frame);
        limits::thread_begins();
        crate::membarrier::joins(&space, &thread);
        thread
    }

    /// A thread of the kernel that will run `body` on one of `affinity`'s CPUs.
    pub(crate) fn kernel(affinity: u64, body: Body) -> Arc<Self> {
        let thread = Self::new(0, None, None, Some(body), TrapFrame::starting_at(0, 0));
        thread.affinity.store(affinity, Relaxed);
        thread
    }

    /// What the CPU's boot stack becomes: the thread that runs when no other does.
    pub(crate) fn idle(cpu: usize) -> Arc<Self> {
        let thread = Self::kernel(1 << cpu, Box::new(|_| unreachable!("it runs already")));
        thread.on_cpu.store(true, Relaxed);
        thread.last_cpu.store(cpu, Relaxed);
        thread
    }

    fn new(
        id: u32,
        process: Option<Arc<Process>>,
        space: Option<Arc<Space>>,
        body: Option<Body>,
        frame: TrapFrame,
    ) -> Arc<Self> {
        let thread = Arc::new_cyclic(|this| Self {
            id: AtomicU32::new(id),
            process,
            space: UnsafeCell::new(space),
            membarrier: crate::membarrier::PerThread::new(),
            on_cpu: AtomicBool::new(false),
            last_cpu: AtomicUsize::new(arch::cpu_index()),
            affinity: AtomicU64::new(u64::MAX),
            clear_at_exit: AtomicU64::new(0),
            robust_list: AtomicU64::new(0),
            restart: Lock::new(None),
            nice: AtomicI32::new(0),
            is_dismissed: AtomicBool::new(false),
            signals: OfThread::new(),
            woken: AtomicU32::new(0),
            rseq: Rseq::new(),
            state: Lock::new(UserState::new()),
            saved: AtomicU64::new(0),
            body: Lock::new(body),
            stack: Box::new_uninit_slice(STACK / size_of::<Chunk>()),
            this: this.clone(),
        });
        // SAFETY: the end of a stack that nobody uses yet.
        thread.saved.store(unsafe { arch::first_frame(thread.stack_top(), frame) }, Relaxed);
        thread
    }

    /// The end of its kernel stack, where an entry from user mode begins.
    pub(crate) fn stack_top(&self) -> u64 {
        self.stack.as_ptr_range().end as u64
    }

    /// This thread, to keep.
    pub(crate) fn keep(&self) -> Arc<Self> {
        self.this.upgrade().expect("made by `new`, and somebody holds us")
    }

    /// What a kernel thread is to run, once.
    pub(crate) fn take_body(&self) -> Option<Body> {
        self.body.lock().take()
    }

    /// Whether it may run there.
    pub(crate) fn may_run_on(&self, cpu: usize) -> bool {
        self.affinity.load(Relaxed) & 1 << cpu != 0
    }

    /// Its number, 0 for threads of the kernel; that of a process's first thread is
    /// the process's.
    pub(crate) fn id(&self) -> u32 {
        self.id.load(Relaxed)
    }

    /// Gives it the number of its process, whose first thread has gone.
    pub(crate) fn become_first(&self) {
        self.process.iter().for_each(|process| self.id.store(process.id, Relaxed));
    }

    /// From here on it ends at its next way out of the kernel.
    pub(crate) fn dismiss(&self) {
        self.is_dismissed.store(true, Relaxed);
    }

    /// Whether it alone has been told to end.
    pub(crate) fn is_dismissed(&self) -> bool {
        self.is_dismissed.load(Relaxed)
    }

    /// Whether it, or its process, has been told to end.
    pub(crate) fn is_killed(&self) -> bool {
        self.is_dismissed() || self.process.as_ref().is_some_and(|process| process.is_killed())
    }

    /// The space it runs in, if it has one. For whoever may read it: the thread
    /// itself, or the CPU that it is on or is about to be on.
    pub(crate) fn space(&self) -> Option<&Arc<Space>> {
        // SAFETY: nobody writes it meanwhile (see the field's invariant), and
        // whoever borrows it does not outlast a change of the space.
        unsafe { &*self.space.get() }.as_ref()
    }

    /// The space of a thread that is in a system call, and so has one.
    pub(crate) fn own_space(&self) -> &Arc<Space> {
        self.space().expect("a program's thread has a space until it exits")
    }

    /// Changes it. For the thread itself, which keeps what it replaces for as
    /// long as it borrows that; interrupts are off.
    pub(crate) fn set_space(&self, space: Option<Arc<Space>>) {
        // SAFETY: on this thread's CPU, and no handler comes in between.
        unsafe { *self.space.get() = space };
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        if self.process.is_some() {
            limits::thread_ends();
        }
    }
}
