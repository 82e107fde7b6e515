//! The world of the cases, as user mode sees it: this program on Linux's calls.

use crate::threads::{self, Stack};
use crate::{rseq, sys};
use bonfire_conformance::{
    Arena, CodePage, Ending, Fetch, Page, Restartable, RseqArea, Start, Subject, Task, World, enter,
};
use bonfire_testbed::{Line, calls::Sysnum};
use core::fmt::Write;
use core::ptr::NonNull;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32};

/// Tells a new image of this program to go on with a task.
pub(crate) const RESUME: &str = "resume";

/// The machine from the outside: what all threads of this process share.
pub(crate) struct Machine {
    arena: &'static Arena,
    /// The number by which a new image finds the arena again.
    file: u64,
    /// Memory that nobody uses, for stores that take long.
    cold: &'static [Page],
    code: Option<Alone>,
}

/// A function that nobody calls while it is patched. QEMU's emulator drops its
/// translation of the old code before it stores over it; another CPU may
/// translate the old code once more in between, and keep that for ever: stale
/// code that no CPU would run and no barrier prevents.
struct Alone {
    code: CodePage,
    taken: AtomicBool,
}

impl Alone {
    fn with<R>(&self, f: impl FnOnce(&CodePage) -> R) -> R {
        // Acquire. PAIRS(code): with the Release below.
        while self.taken.swap(true, Acquire) {
            sys::yield_now();
        }
        let result = f(&self.code);
        // Release. PAIRS(code): with the Acquire above.
        self.taken.store(false, Release);
        result
    }
}

impl Fetch for Alone {
    fn patch(&self, value: u32) {
        self.with(|code| code.patch(value));
    }

    fn execute(&self) -> u32 {
        self.with(CodePage::execute)
    }
}

impl Machine {
    /// With an arena of its own.
    pub(crate) fn new() -> Option<Self> {
        let mut machine = Self::with_arena(sys::memory_file(size_of::<Arena>())?)?;
        machine.cold = cold_memory().unwrap_or(&[]);
        Some(machine)
    }

    /// With an arena that an earlier image made.
    pub(crate) fn with_arena(file: u64) -> Option<Self> {
        let arena = sys::shared_memory(file, size_of::<Arena>())?;
        // SAFETY: zeros at first, which is what an arena begins with; mapped for
        // ever, and all atomic.
        let arena = unsafe { &*arena.cast::<Arena>() };
        let page = NonNull::new(sys::memory(CodePage::SIZE)?.cast())?;
        // SAFETY: a fresh page, all of which is executable, and which stays.
        let code = unsafe { CodePage::new(page) }.map(|code| Alone { code, taken: AtomicBool::new(false) });
        Some(Self { arena, file, cold: &[], code })
    }

    /// Does on this thread what the task says.
    pub(crate) fn enter(&self, task: Task) {
        rseq::with_area(|rseq| enter(&Inside { machine: self, rseq }, task));
    }
}

/// More than the caches of a host's CPU hold, and not all the memory of a small
/// machine.
fn cold_memory() -> Option<&'static [Page]> {
    const PAGES: usize = (16 << 20) / size_of::<Page>();
    let length = PAGES * size_of::<Page>();
    let memory = sys::shared_memory(sys::memory_file(length)?, length)?;
    // SAFETY: zeros at first, mapped for ever, a page aligned, and all atomic.
    Some(unsafe { core::slice::from_raw_parts(memory.cast::<Page>(), PAGES) })
}

/// The machine for threads, which begin with nothing but a number.
static MACHINE: AtomicPtr<Machine> = AtomicPtr::new(core::ptr::null_mut());

/// Calls `f`, during which new threads find `machine`.
pub(crate) fn share(machine: &Machine, f: impl FnOnce(&Machine)) {
    MACHINE.store(core::ptr::from_ref(machine).cast_mut(), Relaxed);
    f(machine);
    MACHINE.store(core::ptr::null_mut(), Relaxed);
}

/// For a thread that was started while `share` called its function, which waits
/// for all of them.
fn shared<'a>() -> &'a Machine {
    // SAFETY: the machine outlives the function.
    unsafe { &*MACHINE.load(Relaxed) }
}

/// The machine from the inside, as one thread sees it.
struct Inside<'a> {
    machine: &'a Machine,
    rseq: Option<RseqArea>,
}

impl Subject for Machine {
    fn arena(&self) -> &Arena {
        self.arena
    }

    fn cpus(&self) -> u32 {
        sys::affinity().count_ones()
    }

    fn is_emulated(&self) -> bool {
        true
    }

    fn now_ns(&self) -> u64 {
        sys::now_ns()
    }

    fn process(&self, task: Task, limit_ns: u64) -> Ending {
        let child = sys::fork();
        match child {
            0 => {
                sys::lead_group();
                self.enter(task);
                sys::exit(0)
            }
            1.. => watch(child, sys::now_ns().saturating_add(limit_ns)),
            _ => Ending::Missing,
        }
    }
}

/// Waits for the end of `child`; ends it, and all that it started, at the deadline.
fn watch(child: isize, deadline_ns: u64) -> Ending {
    let ending = loop {
        match sys::wait(child, true) {
            (0, _) if sys::now_ns() < deadline_ns => sys::sleep_ns(100_000),
            (0, _) => break Ending::Hung,
            (ended, status) if ended == child => break ended_with(status),
            _ => break Ending::Missing,
        }
    };
    sys::kill(-child);
    sys::kill(child);
    // What it left behind is ours now: this is the first process.
    while sys::wait(-1, false).0 > 0 {}
    ending
}

fn ended_with(status: i32) -> Ending {
    match (status & 0x7f, status >> 8) {
        (0, 0) => Ending::Ended,
        (0, _) => Ending::Missing,
        (signal, _) => Ending::Killed(signal),
    }
}

const MOST: usize = 64;

impl Inside<'_> {
    fn forks(&self, tasks: &[Task]) -> Ending {
        let mut children = [0; MOST];
        for (child, &task) in children.iter_mut().zip(tasks) {
            *child = sys::fork();
            if *child == 0 {
                // With its parent's area for rseq, which it inherited.
                enter(self, task);
                sys::exit(0);
            }
        }
        wait_for(&children[..tasks.len()])
    }

    fn clones(flags: u64, tasks: &[Task]) -> Ending {
        let (mut children, unused) = ([-1; MOST], AtomicU32::new(0));
        let mut stacks = [const { None }; MOST];
        for ((child, place), task) in children.iter_mut().zip(&mut stacks).zip(tasks) {
            if let Some(stack) = place.insert(Stack::take()) {
                // SAFETY: a stack of its own, until it has been waited for.
                *child = unsafe { sys::clone(flags, stack.0, &unused, run_process, task.number()) };
            }
        }
        wait_for(&children[..tasks.len()])
    }

    fn threads(tasks: &[Task]) -> Ending {
        let words = [const { AtomicU32::new(0) }; MOST];
        let mut threads = [const { None }; MOST];
        for ((word, thread), task) in words.iter().zip(&mut threads).zip(tasks) {
            *thread = threads::start(word, run_thread, task.number());
        }
        if threads[..tasks.len()].iter().any(Option::is_none) { Ending::Missing } else { Ending::Ended }
    }
}

extern "C" fn run_process(task: u64) -> ! {
    shared().enter(Task::from_number(task));
    sys::exit(0)
}

extern "C" fn run_thread(task: u64) -> ! {
    shared().enter(Task::from_number(task));
    sys::exit_thread()
}

fn wait_for(children: &[isize]) -> Ending {
    let mut all = Ending::Ended;
    for &child in children {
        let ending = if child < 0 { Ending::Missing } else { ended_with(sys::wait(child, false).1) };
        if all == Ending::Ended {
            all = ending;
        }
    }
    all
}

impl World for Inside<'_> {
    fn arena(&self) -> &Arena {
        self.machine.arena
    }

    fn call(&self, [command, flags, cpu]: [u64; 3]) -> isize {
        sys::call3(Sysnum::Membarrier, command, flags, cpu)
    }

    fn ordinary_call(&self) {
        sys::call3(Sysnum::Getpid, 0, 0, 0);
    }

    fn start(&self, how: Start, tasks: &[Task]) -> Ending {
        match how {
            Start::Thread => Self::threads(tasks),
            Start::Fork => self.forks(tasks),
            Start::CloneVm => Self::clones(sys::SAME_MEMORY, tasks),
            Start::Vfork => Self::clones(sys::VFORK, tasks),
        }
    }

    fn exec(&self, task: Task) -> Ending {
        let (mut file, mut number) = (Line::new(), Line::new());
        let _ = write!(file, "{}\0", self.machine.file);
        let _ = write!(number, "{}\0", task.number());
        let resume = c"resume";
        sys::exec(&[
            c"/init".as_ptr().cast(),
            resume.as_ptr().cast(),
            file.bytes().as_ptr(),
            number.bytes().as_ptr(),
            core::ptr::null(),
        ]);
        Ending::Missing
    }

    fn place(&self, cpu: u32) -> bool {
        sys::stay_on(cpu)
    }

    fn cpu_number(&self, cpu: u32) -> u32 {
        cpu
    }

    fn nap(&self) {
        sys::sleep_ns(10_000);
    }

    /// Nothing: at a `pause`, QEMU's emulator leaves its translated code and
    /// takes a lock that all its CPUs share, which keeps whoever is waited for
    /// from coming.
    fn pause(&self) {}

    fn now_ns(&self) -> u64 {
        sys::now_ns()
    }

    fn cold(&self) -> &[Page] {
        self.machine.cold
    }

    fn code(&self) -> Option<&dyn Fetch> {
        self.machine.code.as_ref().map(|code| code as &dyn Fetch)
    }

    fn restartable(&self) -> Option<&dyn Restartable> {
        self.rseq.as_ref().map(|rseq| rseq as &dyn Restartable)
    }
}
