//! The world of the cases as this program sees it: processes and threads, by `clone`.
//!
//! Threads cannot be placed, no code is patched and no sequence restarted here; the
//! cases that want that are not among this program's.

use core::sync::atomic::{
    AtomicU32,
    Ordering::{Acquire, Relaxed},
};

use bonfire_conformance::{Arena, Ending, Fetch, Restartable, Start, Subject, Task, World, enter};

use crate::sys::{self, Birth, Child};

/// What all processes of this program share.
pub(crate) struct Machine {
    arena: &'static Arena,
    /// By which a new image finds the arena; `None` where the kernel has no such file.
    file: Option<u64>,
}

/// As many tasks as a case starts at once, and more.
const MOST: usize = 16;

impl Machine {
    /// With an arena of its own.
    pub(crate) fn new() -> Option<&'static Self> {
        let file = sys::memory_file(size_of::<Arena>());
        Some(sys::keep(Self { arena: sys::arena(file)?, file })?)
    }

    /// With the arena that an earlier image made.
    pub(crate) fn inherited(file: u64) -> Option<&'static Self> {
        Some(sys::keep(Self { arena: sys::arena(Some(file))?, file: Some(file) })?)
    }

    /// Does on this thread what the task says.
    pub(crate) fn enter(&'static self, task: Task) {
        enter(&self, task);
    }

    fn processes(&'static self, how: Birth, tasks: &[Task]) -> Ending {
        /// How many were born into this very memory.
        static BORN: AtomicU32 = AtomicU32::new(0);
        let before = BORN.load(Relaxed);
        let mut children = [const { None }; MOST];
        for (child, &task) in children.iter_mut().zip(tasks) {
            *child = sys::start(how, move || {
                BORN.fetch_add(1, Relaxed);
                self.enter(task);
            });
        }
        let endings = children[..tasks.len()].iter().map(|child| match child {
            Some(child) => sys::wait(*child),
            None => Ending::Missing,
        });
        let ending =
            endings.fold(Ending::Ended, |all, ending| if all == Ending::Ended { ending } else { all });
        // The end of each, which was waited for, orders its step.
        let born = BORN.load(Relaxed).wrapping_sub(before) as usize;
        let has_copies = !matches!(how, Birth::Fork) && born != tasks.len();
        if has_copies { Ending::Missing } else { ending }
    }

    fn threads(&'static self, tasks: &[Task]) -> Ending {
        let running = [const { AtomicU32::new(0) }; MOST];
        let mut started = 0;
        for (running, &task) in running.iter().zip(tasks) {
            started += usize::from(sys::start_thread(running, move || self.enter(task)));
        }
        for running in &running[..tasks.len()] {
            // Acquire. PAIRS(ended): with the store by which the thread ends.
            while running.load(Acquire) != 0 {
                sys::yield_now();
            }
        }
        if started == tasks.len() { Ending::Ended } else { Ending::Missing }
    }
}

impl Subject for &'static Machine {
    fn arena(&self) -> &Arena {
        self.arena
    }

    fn cpus(&self) -> u32 {
        1
    }

    fn now_ns(&self) -> u64 {
        sys::now_ns()
    }

    fn process(&self, task: Task, limit_ns: u64) -> Ending {
        let machine: &'static Machine = self;
        match sys::start(Birth::Fork, move || machine.enter(task)) {
            Some(child) => watch(child, sys::now_ns().saturating_add(limit_ns)),
            None => Ending::Missing,
        }
    }
}

/// Waits for the end of `child`, and ends it at the deadline. What it started ends
/// with it or is left to the first process: this program makes no groups.
fn watch(child: Child, deadline_ns: u64) -> Ending {
    loop {
        if let Some(ending) = sys::poll(child) {
            return ending;
        }
        if sys::now_ns() > deadline_ns {
            sys::kill(child);
            return Ending::Hung;
        }
        sys::yield_now();
    }
}

impl World for &'static Machine {
    fn arena(&self) -> &Arena {
        self.arena
    }

    fn call(&self, registers: [u64; 3]) -> isize {
        sys::membarrier(registers)
    }

    fn ordinary_call(&self) {
        sys::yield_now();
    }

    fn start(&self, how: Start, tasks: &[Task]) -> Ending {
        match how {
            Start::Thread => self.threads(tasks),
            Start::Fork => self.processes(Birth::Fork, tasks),
            Start::CloneVm => self.processes(Birth::SameMemory, tasks),
            Start::Vfork => self.processes(Birth::Vfork, tasks),
        }
    }

    fn exec(&self, task: Task) -> Ending {
        if let Some(file) = self.file {
            sys::exec(file, task.number());
        }
        Ending::Missing
    }

    fn place(&self, _: u32) -> bool {
        false
    }

    fn cpu_number(&self, cpu: u32) -> u32 {
        cpu
    }

    fn nap(&self) {
        sys::yield_now();
    }

    fn now_ns(&self) -> u64 {
        sys::now_ns()
    }

    fn code(&self) -> Option<&dyn Fetch> {
        None
    }

    fn restartable(&self) -> Option<&dyn Restartable> {
        None
    }
}
