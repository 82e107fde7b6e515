//! A CPU's stack: it is suspended wherever another CPU has to go first, and
//! resumed on the one OS thread that runs the whole machine.

use std::cell::{Cell, UnsafeCell};
use std::io;
use std::ptr;
use std::rc::Rc;

use corosensei::stack::{DefaultStack, Stack as _};
use corosensei::{Coroutine, Yielder};

/// Room for a call, the interrupt handler that interrupts it, and a panic's
/// message. Mapped, and paid for only where it is touched.
const STACK_BYTES: usize = 128 * 1024;

/// Stacks begin at this many different places of a page: if all began at one,
/// those of thousands of CPUs would compete for a few sets of the host's caches.
const COLOURS: usize = 32;

/// Calls `body` some frames further down the stack.
#[inline(never)]
fn lower(frames: usize, body: &mut dyn FnMut()) {
    let room = std::hint::black_box([0u8; 64]);
    if frames == 0 {
        body()
    } else {
        lower(frames - 1, body)
    }
    std::hint::black_box(room);
}

/// A CPU's stack and registers while another CPU runs.
pub(crate) struct Context {
    coroutine: Coroutine<(), (), ()>,
    way_back: Rc<WayBack>,
}

/// What a running CPU needs to be suspended: the way back to the clock that
/// resumed it.
pub(crate) struct WayBack {
    yielder: Cell<*const Yielder<(), ()>>,
    stack: Cell<(usize, usize)>,
}

impl Context {
    /// CPU `number`, which will run `body`, and suspends itself by `way_back` only.
    ///
    /// # Errors
    /// If there is no memory for its stack.
    pub(crate) fn new(
        way_back: Rc<WayBack>,
        number: usize,
        body: impl FnOnce() + 'static,
    ) -> io::Result<Self> {
        let colour = number % COLOURS;
        let stack = DefaultStack::new(STACK_BYTES)?;
        way_back.stack.set((stack.limit().get(), stack.base().get()));
        let own = Rc::clone(&way_back);
        let coroutine = Coroutine::with_stack(stack, move |yielder: &Yielder<(), ()>, ()| {
            own.yielder.set(ptr::from_ref(yielder));
            let mut body = Some(body);
            lower(colour, &mut || body.take().into_iter().for_each(|body| body()));
            own.yielder.set(ptr::null());
        });
        Ok(Self { coroutine, way_back })
    }

    /// Runs the CPU until it is suspended, or its body ends.
    pub(crate) fn resume(&mut self) {
        if !self.coroutine.done() {
            let _ = self.coroutine.resume(());
        }
    }

    /// Whether its body has ended.
    pub(crate) fn is_done(&self) -> bool {
        self.coroutine.done()
    }
}

impl Drop for Context {
    /// A CPU that is stopped half-way is forgotten as it is: what is on its stack
    /// is not dropped.
    fn drop(&mut self) {
        if self.coroutine.started() && !self.coroutine.done() {
            self.way_back.yielder.set(ptr::null());
            // SAFETY: nothing on the stack must be dropped for memory to stay
            // sound: frames of this crate hold reference counts, which leak, and no
            // borrow of this stack is handed out.
            unsafe { self.coroutine.force_reset() };
        }
    }
}

impl WayBack {
    /// Of a CPU that does not run yet.
    pub(crate) fn new() -> Rc<Self> {
        Rc::new(Self { yielder: Cell::new(ptr::null()), stack: Cell::new((0, 0)) })
    }

    /// Suspends the CPU that runs this. Returns when it is resumed.
    ///
    /// # Panics
    /// If it is not the running CPU's own way back.
    pub(crate) fn suspend(&self) {
        assert!(self.is_on_own_stack(), "a CPU can suspend only itself");
        // SAFETY: the pointer was stored when the body began and is cleared when it
        // ends; the yielder lives at the base of the stack that this runs on.
        let yielder = unsafe { &*self.yielder.get() };
        yielder.suspend(());
    }

    fn is_on_own_stack(&self) -> bool {
        let probe = UnsafeCell::new(0u8);
        let (limit, base) = self.stack.get();
        (limit..base).contains(&probe.get().addr()) && !self.yielder.get().is_null()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cpu_goes_on_where_it_was_suspended() {
        let way_back = WayBack::new();
        let seen = Rc::new(Cell::new(0));
        let (own, count) = (Rc::clone(&way_back), Rc::clone(&seen));
        let body = move || {
            for turn in 1..=3 {
                count.set(turn);
                own.suspend();
            }
        };
        let mut context = Context::new(way_back, 7, body).expect("memory for one stack");
        for turn in 1..=3 {
            context.resume();
            assert_eq!(seen.get(), turn);
        }
        context.resume();
        assert!(context.is_done());
    }

    #[test]
    #[should_panic(expected = "only itself")]
    fn nobody_suspends_another() {
        WayBack::new().suspend();
    }
}
