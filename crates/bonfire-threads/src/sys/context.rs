//! A virtual thread's stack: it can be suspended at any instruction, within a
//! signal handler that runs on it, and be resumed by any OS thread.
//!
//! Suspending inside a handler leaves the signal frame on the stack; whoever
//! resumes the context lets the handler return, and the kernel restores the
//! interrupted registers from that frame on whichever OS thread that is.

use std::cell::UnsafeCell;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

use corosensei::stack::{DefaultStack, Stack as _};
use corosensei::{Coroutine, CoroutineResult, Yielder};

/// Room for what user code needs, and for a signal frame: with all vector
/// registers of a large CPU, some 12 kB.
const STACK_BYTES: usize = 256 * 1024;

/// Why a thread leaves its CPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leave {
    /// Its time slice is over.
    Preempted,
    /// It lets others run.
    Yields,
    /// It has nothing to do for so many nanoseconds.
    Sleeps(u64),
    /// It goes on in the address space that it was handed.
    ChangesSpace,
}

/// A thread's stack and registers while it does not run.
pub(crate) struct Context {
    coroutine: Coroutine<(), Leave, ()>,
    anchor: Arc<Anchor>,
}

/// What a running thread needs to leave its CPU: the way back to the scheduler
/// that resumed it.
#[derive(Default)]
pub(crate) struct Anchor {
    way_back: AtomicPtr<Yielder<(), Leave>>,
    stack: OnceLock<(usize, usize)>,
}

// SAFETY: a context that does not run is memory like any other; what its body
// captured is `Send`, and what it has on its stack while suspended is bound by
// the same rule as a virtual thread: nothing of the OS thread it ran on is kept
// across a suspension (`sys::this_cpu::current`).
unsafe impl Send for Context {}

impl Context {
    /// A context that will run `body`, which suspends itself by `anchor` only.
    pub(crate) fn new(anchor: Arc<Anchor>, body: impl FnOnce() + Send + 'static) -> std::io::Result<Self> {
        let stack = DefaultStack::new(STACK_BYTES)?;
        let _ = anchor.stack.set((stack.limit().get(), stack.base().get()));
        let own = Arc::clone(&anchor);
        let coroutine = Coroutine::with_stack(stack, move |yielder: &Yielder<(), Leave>, ()| {
            own.way_back.store(ptr::from_ref(yielder).cast_mut(), Relaxed);
            body();
        });
        Ok(Self { coroutine, anchor })
    }

    /// Runs the thread on this OS thread until it leaves; `None` if it ended.
    pub(crate) fn resume(&mut self) -> Option<Leave> {
        match self.coroutine.resume(()) {
            CoroutineResult::Yield(leave) => Some(leave),
            CoroutineResult::Return(()) => None,
        }
    }
}

impl Drop for Context {
    /// A thread that is stopped half-way is forgotten as it is: what is on its
    /// stack is not dropped.
    fn drop(&mut self) {
        if self.coroutine.started() && !self.coroutine.done() {
            self.anchor.way_back.store(ptr::null_mut(), Relaxed);
            // SAFETY: nothing on the stack must be dropped for memory to stay
            // sound: frames of this crate hold reference counts, which leak, and
            // no borrow of this stack is handed out.
            unsafe { self.coroutine.force_reset() };
        }
    }
}

impl Anchor {
    /// Leaves the CPU. Returns when the thread is resumed, maybe by another OS
    /// thread.
    ///
    /// # Panics
    /// If it is not the running thread's own anchor.
    pub(crate) fn suspend(&self, leave: Leave) {
        assert!(self.is_on_own_stack(), "a thread can suspend only itself");
        // SAFETY: the pointer was stored when the thread began to run, and the
        // yielder lives at the base of its stack, which is the one this runs on.
        let way_back = unsafe { &*self.way_back.load(Relaxed) };
        way_back.suspend(leave);
    }

    /// Whether the code that calls this runs on the stack of the anchor.
    fn is_on_own_stack(&self) -> bool {
        let probe = UnsafeCell::new(0u8);
        let here = probe.get().addr();
        let (limit, base) = self.stack.get().copied().unwrap_or_default();
        (limit..base).contains(&here) && !self.way_back.load(Relaxed).is_null()
    }
}
