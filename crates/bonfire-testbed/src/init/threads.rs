//! Threads, and the stacks they run on.

use crate::sys;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64};

/// A thread of this process, until it has been waited for.
pub(crate) struct Running<'a> {
    /// 1 until the kernel clears it at the thread's end.
    word: &'a AtomicU32,
    /// Let go of after that.
    _stack: Stack,
}

/// Starts a thread that calls `body(argument)`. `None` if there is no memory for
/// it. Whoever drops what this returns waits for its end.
pub(crate) fn start(word: &AtomicU32, body: extern "C" fn(u64) -> !, argument: u64) -> Option<Running<'_>> {
    let stack = Stack::take()?;
    word.store(1, Relaxed);
    // SAFETY: a stack of its own, until its word is clear.
    let thread = unsafe { sys::clone(sys::THREAD, stack.0, word, body, argument) };
    if thread < 0 {
        word.store(0, Relaxed);
    }
    (thread > 0).then_some(Running { word, _stack: stack })
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        // Acquire. PAIRS(end): with the kernel's clearing of the word.
        while self.word.load(Acquire) != 0 {
            sys::sleep_while(self.word, 1, None);
        }
    }
}

/// The end of a stack that nobody else uses; kept for the next when dropped.
pub(crate) struct Stack(pub(crate) *mut u64);

const SIZE: usize = 64 << 10;

impl Stack {
    /// One that is free. Memory is never unmapped here, so stacks are kept.
    pub(crate) fn take() -> Option<Self> {
        let kept = FREE.with(|first| {
            let top = first.load(Relaxed) as *mut u64;
            // SAFETY: a stack on the list, whose last word is the next one.
            (!top.is_null()).then(|| first.store(unsafe { top.wrapping_sub(1).read() }, Relaxed))?;
            Some(Self(top))
        });
        kept.or_else(|| Some(Self(sys::memory(SIZE)?.wrapping_add(SIZE).cast())))
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        FREE.with(|first| {
            // SAFETY: whoever ran on it has ended.
            unsafe { self.0.wrapping_sub(1).write(first.load(Relaxed)) };
            first.store(self.0 as u64, Relaxed);
        });
    }
}

/// Stacks that are free, each with the next in its last word.
struct Free {
    taken: AtomicBool,
    first: AtomicU64,
}

static FREE: Free = Free { taken: AtomicBool::new(false), first: AtomicU64::new(0) };

impl Free {
    fn with<R>(&self, f: impl FnOnce(&AtomicU64) -> R) -> R {
        // Acquire. PAIRS(stacks): with the Release below.
        while self.taken.swap(true, Acquire) {
            core::hint::spin_loop();
        }
        let result = f(&self.first);
        // Release. PAIRS(stacks): with the Acquire above.
        self.taken.store(false, Release);
        result
    }
}
