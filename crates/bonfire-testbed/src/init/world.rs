//! The world of the cases, as ring 3 sees it: this program on Linux's calls.

use crate::code::Code;
use crate::rseq::Section;
use crate::sys;
use bonfire_conformance::{
    Arena, Ending, Fetch, MemoryOrder, Restartable, Start, Subject, Task, World, enter,
};
use bonfire_testbed::Line;
use core::fmt::Write;
use core::sync::atomic::{
    AtomicBool, AtomicU32, AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release,
};

/// Tells a new image of this program to go on with a task.
pub(crate) const RESUME: &str = "resume";

/// The machine, from the outside and the inside.
#[derive(Clone, Copy)]
pub(crate) struct Machine {
    arena: &'static Arena,
    /// The number by which a new image finds the arena again.
    file: u64,
    code: Code,
    section: Section,
}

impl Machine {
    /// With an arena of its own.
    pub(crate) fn new() -> Option<Self> {
        Self::with_arena(sys::memory_file(size_of::<Arena>())?)
    }

    /// With an arena that an earlier image made.
    pub(crate) fn with_arena(file: u64) -> Option<Self> {
        let arena = sys::shared_memory(file, size_of::<Arena>())?;
        // SAFETY: zeros at first, which is what an arena begins with; mapped for
        // ever, and all atomic.
        let arena = unsafe { &*arena.cast::<Arena>() };
        FILE.store(file, Relaxed);
        Some(Self { arena, file, code: Code::new(), section: Section })
    }

    /// Does on this thread what the task says.
    pub(crate) fn enter(&self, task: Task) {
        enter(self, task);
    }
}

/// For threads that begin with nothing but a number.
static FILE: AtomicU64 = AtomicU64::new(0);
static MACHINE: Shared = Shared(core::cell::UnsafeCell::new(None), AtomicBool::new(false));

/// The machine, for threads.
struct Shared(core::cell::UnsafeCell<Option<Machine>>, AtomicBool);
// SAFETY: written once, by the first thread before there are others.
unsafe impl Sync for Shared {}

/// Makes `machine` what new threads find.
pub(crate) fn share(machine: Machine) {
    // SAFETY: there are no other threads yet.
    unsafe { *MACHINE.0.get() = Some(machine) };
    // Release: pairs with the acquire in `shared`.
    MACHINE.1.store(true, Release);
}

fn shared() -> Machine {
    // Acquire: pairs with the release in `share`.
    assert!(MACHINE.1.load(Acquire), "shared before the first thread starts");
    // SAFETY: written before, and never again.
    unsafe { (*MACHINE.0.get()).expect("shared") }
}

impl Subject for Machine {
    fn arena(&self) -> &Arena {
        self.arena
    }

    fn cpus(&self) -> u32 {
        sys::affinity().count_ones()
    }

    fn memory_order(&self) -> MemoryOrder {
        MemoryOrder::NATIVE
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

impl Machine {
    fn forks(&self, tasks: &[Task]) -> Ending {
        let mut children = [0; MOST];
        for (child, &task) in children.iter_mut().zip(tasks) {
            *child = sys::fork();
            if *child == 0 {
                self.enter(task);
                sys::exit(0);
            }
        }
        wait_for(&children[..tasks.len()])
    }

    fn clones(flags: u64, tasks: &[Task]) -> Ending {
        let (mut children, unused) = ([0; MOST], AtomicU32::new(0));
        let mut stacks = [core::ptr::null_mut(); MOST];
        for ((child, stack), task) in children.iter_mut().zip(&mut stacks).zip(tasks) {
            *child = match take_stack() {
                Some(top) => {
                    *stack = top;
                    // SAFETY: a stack of its own, until it has been waited for.
                    unsafe { sys::clone(flags, top, &unused, run_process, task.number()) }
                }
                None => -1,
            };
        }
        let ending = wait_for(&children[..tasks.len()]);
        stacks.into_iter().filter(|stack| !stack.is_null()).for_each(give_stack);
        ending
    }

    fn threads(tasks: &[Task]) -> Ending {
        let words = [const { AtomicU32::new(0) }; MOST];
        let mut stacks = [core::ptr::null_mut(); MOST];
        let mut all = Ending::Ended;
        for ((word, stack), task) in words.iter().zip(&mut stacks).zip(tasks) {
            let Some(top) = take_stack() else { return Ending::Missing };
            *stack = top;
            word.store(1, Relaxed);
            // SAFETY: a stack of its own, until its word is clear.
            if unsafe { sys::clone(sys::THREAD, top, word, run_thread, task.number()) } < 0 {
                word.store(0, Relaxed);
                all = Ending::Missing;
            }
        }
        for word in &words {
            // Acquire: pairs with the kernel's clearing of the word.
            while word.load(Acquire) != 0 {
                sys::sleep_while(word, 1, None);
            }
        }
        stacks.into_iter().filter(|stack| !stack.is_null()).for_each(give_stack);
        all
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

impl World for Machine {
    fn arena(&self) -> &Arena {
        self.arena
    }

    fn call(&self, [command, flags, cpu]: [u64; 3]) -> isize {
        sys::call3(324, command, flags, cpu)
    }

    fn ordinary_call(&self) {
        sys::call3(39, 0, 0, 0);
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
        let _ = write!(file, "{}\0", self.file);
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

    fn now_ns(&self) -> u64 {
        sys::now_ns()
    }

    fn code(&self) -> Option<&dyn Fetch> {
        Some(&self.code)
    }

    fn restartable(&self) -> Option<&dyn Restartable> {
        Some(&self.section)
    }
}

/// Stacks that are free, each pointing at the next from its last word.
static STACKS: Stacks = Stacks { taken: AtomicBool::new(false), first: AtomicU64::new(0) };
const STACK: usize = 64 << 10;

struct Stacks {
    taken: AtomicBool,
    first: AtomicU64,
}

impl Stacks {
    fn with<R>(&self, f: impl FnOnce(&AtomicU64) -> R) -> R {
        // Acquire: PAIRS(stacks) with the Release below.
        while self.taken.swap(true, Acquire) {
            core::hint::spin_loop();
        }
        let result = f(&self.first);
        // Release: PAIRS(stacks) with the Acquire above.
        self.taken.store(false, Release);
        result
    }
}

/// The end of a stack that nobody uses. Memory is never unmapped here, so
/// stacks are kept.
fn take_stack() -> Option<*mut u64> {
    let kept = STACKS.with(|first| {
        let top = first.load(Relaxed) as *mut u64;
        // SAFETY: a stack on the list, whose last word is the next one.
        (!top.is_null()).then(|| first.store(unsafe { top.wrapping_sub(1).read() }, Relaxed))?;
        Some(top)
    });
    // SAFETY: the end of the memory that was just mapped.
    kept.or_else(|| Some(unsafe { sys::memory(STACK)?.add(STACK) }.cast()))
}

fn give_stack(top: *mut u64) {
    STACKS.with(|first| {
        // SAFETY: whoever ran on it has ended.
        unsafe { top.wrapping_sub(1).write(first.load(Relaxed)) };
        first.store(top as u64, Relaxed);
    });
}
