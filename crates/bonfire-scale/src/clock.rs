//! Virtual time: which CPU goes next, and what makes it wait.
//!
//! Each CPU is a stack of its own with a clock of its own. Whatever takes time
//! goes through [`Clock::spend`]: it moves the CPU's clock on, and if anything
//! else is due before that, suspends the CPU until it is its turn. So whatever
//! CPUs do to each other happens in the order of virtual time, and one OS thread
//! runs it all. A seed reproduces a run exactly.
//!
//! Interrupts arrive by the same queue. A CPU takes one between two steps of
//! whatever it does, if its interrupts are on: [`Clock::take_interrupts`] calls
//! the handler on the CPU's own stack.

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::{Rc, Weak};

use crate::count::Counts;
use crate::hardware::{Hardware, Ps};
use crate::line::Lines;
use crate::measure::Measure;
use crate::queue::{Due, Queue};
use crate::sys::{Context, WayBack};
use crate::trace::{Trace, What};

thread_local! {
    static CLOCK: RefCell<Option<Rc<Clock>>> = const { RefCell::new(None) };
}

/// The clock of the machine that this OS thread runs.
///
/// # Panics
/// Outside [`Clock::run`].
pub(crate) fn clock() -> Rc<Clock> {
    CLOCK.with_borrow(|clock| clock.clone()).expect("a machine runs on this thread")
}

/// Virtual time, and all that CPUs share.
pub(crate) struct Clock {
    pub(crate) hardware: Hardware,
    pub(crate) lines: RefCell<Lines>,
    pub(crate) counts: Counts,
    pub(crate) trace: Option<Trace>,
    pub(crate) measure: Rc<Measure>,
    /// The number of the interrupt that never arrives.
    loses: Option<u64>,
    cores: Box<[Core]>,
    queue: RefCell<Queue>,
    /// When the next thing in the queue is due.
    next: Cell<Ps>,
    now: Cell<Ps>,
    running: Cell<usize>,
    kernel: OnceCell<Weak<dyn Kernel>>,
}

/// What runs on the machine. All is called on the CPU that it concerns.
pub(crate) trait Kernel {
    /// What a CPU does, from its first moment to its last.
    fn cpu(&self, cpu: usize);
    /// The handler of interrupts.
    fn interrupt(&self, cpu: usize);
    /// When the thread that has this CPU is to leave it to others; `None` if nobody
    /// else wants it.
    fn slice_ends(&self, cpu: usize) -> Option<Ps>;
    /// Somebody else has the CPU for a slice, or until the thread that gave it away
    /// is [recalled](Clock::recall).
    fn lend(&self, cpu: usize);
}

/// A CPU, as the clock sees it.
struct Core {
    way_back: Rc<WayBack>,
    clock: Cell<Ps>,
    /// Counts the times it was suspended.
    suspension: Cell<u64>,
    /// It is in a wait that others may end.
    parked: Cell<bool>,
    /// It is in a wait that an interrupt ends.
    open: Cell<bool>,
    /// How many times interrupts were turned off and not yet on again.
    off: Cell<u32>,
    pending: Cell<bool>,
    /// Sent, and not yet taken.
    undelivered: Cell<u32>,
    /// When the loads that are under way will be done.
    loads: RefCell<Loads>,
    /// A thread that lent it wants it back.
    recalled: Cell<bool>,
    /// Since when it looks for the CPUs to ask.
    scanning: Cell<Option<Ps>>,
}

/// Loads that are under way, in the order in which they began.
struct Loads {
    done: [Ps; 64],
    began: usize,
    latest: Ps,
}

impl Clock {
    pub(crate) fn new(
        hardware: Hardware,
        traced: bool,
        loses: Option<u64>,
        measure: Rc<Measure>,
    ) -> Rc<Self> {
        let cores = (0..hardware.cpus).map(|_| Core::new()).collect::<Box<[_]>>();
        Rc::new(Self {
            counts: Counts::new(hardware.cpus),
            trace: traced.then(Trace::default),
            loses,
            measure,
            hardware,
            lines: RefCell::new(Lines::new()),
            cores,
            queue: RefCell::default(),
            next: Cell::new(Ps::MAX),
            now: Cell::new(0),
            running: Cell::new(0),
            kernel: OnceCell::new(),
        })
    }

    /// Runs every CPU of `kernel` until nothing is due any more. Returns the CPUs
    /// that have not ended.
    ///
    /// # Errors
    /// If there is no memory for the stacks.
    pub(crate) fn run(
        self: &Rc<Self>,
        kernel: &Rc<impl Kernel + 'static>,
        finish: impl Fn(),
    ) -> std::io::Result<Vec<usize>> {
        let weak: Weak<dyn Kernel> = Rc::downgrade(kernel) as _;
        let _ = self.kernel.set(weak);
        let before = CLOCK.replace(Some(Rc::clone(self)));
        let contexts = self.contexts(kernel);
        if let Ok(mut contexts) = contexts {
            self.turn(&mut contexts);
            // Everybody waits: let those go who only wait for more to do.
            finish();
            self.turn(&mut contexts);
            let stuck = (0..contexts.len()).filter(|&cpu| !contexts[cpu].is_done()).collect();
            CLOCK.set(before);
            return Ok(stuck);
        }
        CLOCK.set(before);
        contexts.map(|_| Vec::new())
    }

    fn contexts(&self, kernel: &Rc<impl Kernel + 'static>) -> std::io::Result<Vec<Context>> {
        let context = |(cpu, core): (usize, &Core)| {
            let kernel = Rc::clone(kernel);
            self.put(0, Due::Resume { cpu, suspension: core.suspension.get() });
            Context::new(Rc::clone(&core.way_back), cpu, move || kernel.cpu(cpu))
        };
        self.cores.iter().enumerate().map(context).collect()
    }

    /// Lets whatever is due happen, until nothing is.
    fn turn(&self, contexts: &mut [Context]) {
        while let Some((at, due)) = self.take() {
            self.counts.check(at >= self.now.get(), "time went backwards");
            match due {
                Due::Resume { cpu, suspension } => {
                    // Or it was woken earlier, and nothing happens now.
                    if self.cores[cpu].suspension.get() == suspension {
                        self.now.set(at);
                        self.resume(contexts, cpu, at);
                    }
                }
                Due::Interrupt { cpu, from } => {
                    let core = &self.cores[cpu];
                    self.now.set(at);
                    core.pending.set(true);
                    self.note(at, cpu, What::Arrives { from });
                    if core.open.get() {
                        self.resume(contexts, cpu, at);
                    }
                }
            }
        }
    }

    fn resume(&self, contexts: &mut [Context], cpu: usize, at: Ps) {
        let core = &self.cores[cpu];
        core.suspension.set(core.suspension.get() + 1);
        self.counts.check(at >= core.clock.get(), "a CPU's clock went backwards");
        core.clock.set(at);
        self.running.set(cpu);
        contexts[cpu].resume();
    }

    /// The CPU that runs this.
    pub(crate) fn here(&self) -> usize {
        self.running.get()
    }

    /// The time on the CPU that runs this.
    pub(crate) fn now(&self) -> Ps {
        self.core().clock.get()
    }

    /// Takes `time`, and then the interrupt that arrived meanwhile, if there is one
    /// and they are on.
    pub(crate) fn spend(&self, time: Ps) {
        self.until(self.now() + time);
    }

    /// As [`spend`](Self::spend), to a point in time.
    pub(crate) fn until(&self, at: Ps) {
        self.counts.step();
        let core = self.core();
        if at <= self.next.get() {
            core.clock.set(at);
        } else {
            self.suspend(Some(at));
        }
        self.take_interrupts();
    }

    /// Waits until it is woken, until `at`, or until an interrupt arrives that it
    /// can take. The clock stands where that happened.
    pub(crate) fn wait(&self, at: Option<Ps>) {
        self.counts.step();
        let core = self.core();
        if core.off.get() == 0 && core.pending.get() {
            return;
        }
        match at {
            Some(at) if at <= self.next.get() => core.clock.set(at),
            at => self.park(at),
        }
    }

    /// How the CPU will be suspended next, for who is to wake it.
    pub(crate) fn suspension(&self) -> u64 {
        self.core().suspension.get()
    }

    /// Wakes a CPU at `at`, if it is still suspended as it was.
    pub(crate) fn wake(&self, cpu: usize, suspension: u64, at: Ps) {
        self.put(at, Due::Resume { cpu, suspension });
    }

    /// Wakes a CPU at `at` if it is in [`wait`](Self::wait) now. If it is not, it
    /// looks at what it waits for before it waits again.
    pub(crate) fn wake_parked(&self, cpu: usize, at: Ps) {
        let core = &self.cores[cpu];
        if core.parked.get() {
            self.put(at, Due::Resume { cpu, suspension: core.suspension.get() });
        }
    }

    fn kernel(&self) -> Option<Rc<dyn Kernel>> {
        self.kernel.get()?.upgrade()
    }

    /// When the thread that runs here is to leave its CPU to others, if any wait.
    pub(crate) fn slice_ends(&self) -> Option<Ps> {
        self.kernel()?.slice_ends(self.here())
    }

    /// The thread that runs here waits off its CPU, which somebody else has meanwhile.
    pub(crate) fn lend(&self) {
        self.core().recalled.set(false);
        if let Some(kernel) = self.kernel() {
            kernel.lend(self.here());
        }
    }

    /// What the thread that lent this CPU waits for is there: it goes on at `at`.
    pub(crate) fn recall(&self, cpu: usize, at: Ps) {
        self.cores[cpu].recalled.set(true);
        self.wake_parked(cpu, at);
    }

    /// Whether the thread that lent the CPU that runs this wants it back.
    pub(crate) fn is_recalled(&self) -> bool {
        self.core().recalled.get()
    }

    fn park(&self, at: Option<Ps>) {
        let core = self.core();
        core.parked.set(true);
        core.open.set(core.off.get() == 0);
        self.suspend(at);
        core.parked.set(false);
        core.open.set(false);
    }

    fn suspend(&self, at: Option<Ps>) {
        let core = self.core();
        if let Some(at) = at {
            self.put(at, Due::Resume { cpu: self.here(), suspension: core.suspension.get() });
        }
        core.way_back.suspend();
    }

    /// A load begins that will be done at `done`: takes time only if too many
    /// are under way.
    pub(crate) fn load_begins(&self, done: Ps) {
        let core = self.core();
        let at = core.clock.get() + self.hardware.line.hit;
        let at = core.loads.borrow_mut().begin(at, done, self.hardware.line.overlap);
        self.until(at);
    }

    /// Waits for the loads that are under way.
    pub(crate) fn drain(&self) {
        let at = self.core().loads.borrow().latest;
        if at > self.now() {
            self.until(at);
        }
    }

    /// Sends an interrupt that will arrive at `at`.
    pub(crate) fn interrupt(&self, cpu: usize, at: Ps) {
        let core = &self.cores[cpu];
        core.undelivered.set(core.undelivered.get() + 1);
        self.counts.sent(core.undelivered.get());
        self.note(self.now(), self.here(), What::Sends { to: cpu });
        if self.loses != Some(self.counts.interrupts()) {
            self.put(at, Due::Interrupt { cpu, from: self.here() });
        }
    }

    /// Takes the interrupt that is pending, if interrupts are on.
    pub(crate) fn take_interrupts(&self) {
        let core = self.core();
        while core.off.get() == 0 && core.pending.replace(false) {
            let began = self.now();
            core.off.set(1);
            self.counts.taken(core.undelivered.replace(0));
            self.drain();
            self.spend(self.hardware.interrupt.entry);
            if let Some(kernel) = self.kernel() {
                kernel.interrupt(self.here());
            }
            self.drain();
            self.spend(self.hardware.interrupt.exit);
            core.off.set(0);
            self.counts.interrupted(self.here(), self.now() - began);
            self.note(began, self.here(), What::Handles { until: self.now() });
        }
    }

    /// Calls `body` with interrupts off.
    pub(crate) fn without_interrupts<R>(&self, body: impl FnOnce() -> R) -> R {
        let core = self.core();
        core.off.set(core.off.get() + 1);
        let result = body();
        core.off.set(core.off.get() - 1);
        self.take_interrupts();
        result
    }

    /// Whether interrupts are off on the CPU that runs this.
    pub(crate) fn interrupts_are_off(&self) -> bool {
        self.core().off.get() != 0
    }

    /// `item` is new: what used to be where it is, and its lines, are forgotten.
    pub(crate) fn is_new<T>(&self, item: &T) {
        let first = std::ptr::from_ref(item).addr();
        self.lines.borrow_mut().forget(first..first + size_of::<T>());
    }

    /// The CPU begins to look for the CPUs to ask.
    pub(crate) fn scan_begins(&self) {
        self.core().scanning.set(Some(self.now()));
    }

    /// It has found them, if it was looking.
    pub(crate) fn scan_ends(&self) {
        if let Some(began) = self.core().scanning.take() {
            self.measure.scan(self.now(), self.now() - began);
        }
    }

    /// Writes into the timeline, if there is one.
    pub(crate) fn note(&self, at: Ps, cpu: usize, what: What) {
        if let Some(trace) = &self.trace {
            trace.note(at, cpu, what);
        }
    }

    /// The latest time that any CPU has reached.
    pub(crate) fn end(&self) -> Ps {
        self.cores.iter().map(|core| core.clock.get()).max().unwrap_or(0)
    }

    fn core(&self) -> &Core {
        &self.cores[self.here()]
    }

    fn put(&self, at: Ps, due: Due) {
        self.queue.borrow_mut().put(at, due);
        self.next.set(self.next.get().min(at));
    }

    fn take(&self) -> Option<(Ps, Due)> {
        let mut queue = self.queue.borrow_mut();
        let taken = queue.take();
        self.next.set(queue.next().unwrap_or(Ps::MAX));
        taken
    }
}

impl Core {
    fn new() -> Self {
        Self {
            way_back: WayBack::new(),
            clock: Cell::new(0),
            suspension: Cell::new(0),
            parked: Cell::new(false),
            open: Cell::new(false),
            off: Cell::new(0),
            pending: Cell::new(false),
            undelivered: Cell::new(0),
            loads: RefCell::default(),
            recalled: Cell::new(false),
            scanning: Cell::new(None),
        }
    }
}

impl Default for Loads {
    fn default() -> Self {
        Self { done: [0; 64], began: 0, latest: 0 }
    }
}

impl Loads {
    /// Puts a load in; returns when the CPU can go on.
    fn begin(&mut self, at: Ps, done: Ps, overlap: usize) -> Ps {
        let slot = self.began % overlap;
        let freed = self.done[slot];
        self.began += 1;
        self.done[slot] = done;
        self.latest = self.latest.max(done);
        at.max(freed)
    }
}
