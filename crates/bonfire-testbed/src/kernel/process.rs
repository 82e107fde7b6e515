//! Processes: programs with a number, a parent, children, and an end.

use crate::arch::TrapFrame;
use crate::descriptors::Descriptors;
use crate::lock::Lock;
use crate::program;
use crate::sched;
use crate::signals::{self, Signals};
pub(crate) use crate::signals::{SIGKILL, SIGSEGV};
use crate::space::{OutOfMemory, Space};
use crate::thread::Thread;
use crate::wait::{self, Event};
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, Ordering::Relaxed};

/// Of the first process: its end is the machine's.
pub(crate) const INIT: u32 = 1;

/// A process.
pub(crate) struct Process {
    /// Its number.
    pub(crate) id: u32,
    pub(crate) parent: AtomicU32,
    /// The process group, for killing a family.
    pub(crate) group: AtomicU32,
    /// What it reads and writes.
    pub(crate) descriptors: Descriptors,
    /// What it wants done for signals.
    pub(crate) signals: Signals,
    threads: Lock<Vec<Arc<Thread>>>,
    /// Set once; then every thread leaves at its next way out of the kernel.
    is_killed: AtomicBool,
    /// As `wait4` reports it: for a signal, its number.
    status: AtomicI32,
    has_ended: AtomicBool,
    /// The signal that it gets when its parent ends; 0 for none.
    pub(crate) death_signal: AtomicI32,
    /// Its parent waits until it leaves the parent's space.
    is_vfork_child: AtomicBool,
}

static PROCESSES: Lock<BTreeMap<u32, Arc<Process>>> = Lock::new(BTreeMap::new());

impl Process {
    fn new(id: u32, parent: u32, group: u32, descriptors: Descriptors, signals: Signals) -> Arc<Self> {
        Arc::new(Self {
            id,
            parent: AtomicU32::new(parent),
            group: AtomicU32::new(group),
            descriptors,
            signals,
            threads: Lock::new(Vec::new()),
            is_killed: AtomicBool::new(false),
            status: AtomicI32::new(0),
            has_ended: AtomicBool::new(false),
            death_signal: AtomicI32::new(0),
            is_vfork_child: AtomicBool::new(false),
        })
    }

    /// Whether it has been told to end.
    pub(crate) fn is_killed(&self) -> bool {
        self.is_killed.load(Relaxed)
    }

    /// Tells every thread to end, with this status for the parent.
    pub(crate) fn kill(&self, status: i32) {
        self.condemn(status);
        self.each_thread(|thread| {
            wait::interrupt(thread);
            if thread.on_cpu.load(Relaxed) {
                sched::kick(thread.last_cpu.load(Relaxed));
            }
        });
    }

    /// How many threads it has.
    pub(crate) fn threads(&self) -> usize {
        self.threads.lock().len()
    }

    /// Its thread of that number.
    pub(crate) fn thread(&self, id: u32) -> Option<Arc<Thread>> {
        self.threads.lock().iter().find(|thread| thread.id == id).cloned()
    }

    /// Calls `f` with each of its threads.
    pub(crate) fn each_thread(&self, f: impl FnMut(&Arc<Thread>)) {
        let threads = self.threads.lock().clone();
        threads.iter().for_each(f);
    }

    /// From here on each of its threads ends at its next way out of the kernel.
    fn condemn(&self, status: i32) {
        if !self.is_killed.swap(true, Relaxed) {
            self.status.store(status, Relaxed);
        }
    }

    /// Whether its parent is still waiting for it to leave the parent's space.
    pub(crate) fn holds_parent(&self) -> bool {
        self.is_vfork_child.load(Relaxed)
    }

    fn is_meant(&self, id: i32) -> bool {
        match u32::try_from(id) {
            Ok(id) => self.id == id,
            Err(_) => self.group.load(Relaxed) == id.unsigned_abs(),
        }
    }

    fn let_parent_go(&self) {
        if self.is_vfork_child.swap(false, Relaxed) {
            wait::wake(Event::Left(self.id), 1);
        }
    }
}

/// The processes of that number, or of that group if it is negative, that have not ended.
pub(crate) fn find(id: i32) -> Vec<Arc<Process>> {
    let processes = PROCESSES.lock();
    let alive = processes.values().filter(|process| !process.has_ended.load(Relaxed));
    alive.filter(|process| process.is_meant(id)).cloned().collect()
}

/// Kills the process of that number, or the group of that number if it is
/// negative; says whether there was one.
///
/// All are condemned before any other can be born, and whoever is born to a
/// condemned parent is condemned (see [`start`]): nobody escapes by forking.
pub(crate) fn kill_all(id: i32, signal: i32) -> bool {
    let processes = PROCESSES.lock();
    let alive = processes.values().filter(|process| !process.has_ended.load(Relaxed));
    let found: Vec<_> = alive.filter(|process| process.is_meant(id)).cloned().collect();
    found.iter().for_each(|process| process.condemn(signal));
    drop(processes);
    found.iter().for_each(|process| process.kill(signal));
    !found.is_empty()
}

/// Starts the first process.
pub(crate) fn start_init(arguments: &[&[u8]], environment: &[&[u8]]) -> Result<(), OutOfMemory> {
    let space = Arc::new(Space::new()?);
    let frame = program::load(&space, arguments, environment)?;
    let process = Process::new(Thread::next_id(), 0, INIT, Descriptors::standard(), Signals::new());
    assert_eq!(process.id, INIT);
    start(Thread::user(INIT, process, space, frame), None);
    Ok(())
}

/// What [`spawn`] is to make.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spawn {
    /// A thread of the caller's process.
    Thread,
    /// A process in the caller's space.
    Sharing,
    /// As `Sharing`, and the caller waits until it leaves the space: see [`Process::holds_parent`].
    Vfork,
    /// A process in a copy of the caller's space.
    Fork,
}

/// What a new thread has that its parent has not.
#[derive(Clone, Copy, Default)]
pub(crate) struct Own {
    /// The word to clear at its end.
    pub(crate) clear_at_exit: u64,
    /// Where its number is written: in the parent's memory, and in its own.
    pub(crate) number_at: [Option<u64>; 2],
    /// Where its thread-local variables are, if not where the parent's are.
    pub(crate) thread_pointer: Option<u64>,
}

/// Makes a thread that goes on where its parent is, from `frame`.
pub(crate) fn spawn(
    parent: &Thread,
    kind: Spawn,
    frame: TrapFrame,
    own: Own,
) -> Result<Arc<Thread>, OutOfMemory> {
    if Thread::are_too_many() {
        return Err(OutOfMemory);
    }
    let space = parent.own_space().clone();
    let (id, owner) = (Thread::next_id(), parent.process.as_ref().expect("a program forks"));
    let process = if kind == Spawn::Thread {
        owner.clone()
    } else {
        let (descriptors, signals) = (owner.descriptors.fork(), owner.signals.fork());
        Process::new(id, owner.id, owner.group.load(Relaxed), descriptors, signals)
    };
    process.is_vfork_child.store(kind == Spawn::Vfork, Relaxed);
    let child = if kind == Spawn::Fork {
        let copy = Arc::new(space.fork()?);
        crate::membarrier::forked(&space, &copy);
        let child = Thread::user(id, process, copy, frame);
        child.rseq.inherit(&parent.rseq);
        child
    } else {
        Thread::user(id, process, space, frame)
    };
    parent.float.lock().save();
    *child.float.lock() = parent.float.lock().clone();
    child.affinity.store(parent.affinity.load(Relaxed), Relaxed);
    child.clear_at_exit.store(own.clear_at_exit, Relaxed);
    let thread_pointer = own.thread_pointer.unwrap_or(parent.thread_pointer.load(Relaxed));
    child.thread_pointer.store(thread_pointer, Relaxed);
    child.signals.set_mask(parent.signals.mask());
    let spaces = [parent.own_space(), child.own_space()];
    for (space, at) in spaces.into_iter().zip(own.number_at) {
        // As in Linux, a number that cannot be written is not worth a failure.
        let _ = at.map(|at| crate::user::write(space, at, child.id));
    }
    start(child.clone(), Some(owner));
    Ok(child)
}

fn start(thread: Arc<Thread>, parent: Option<&Process>) {
    let process = thread.process.as_ref().expect("a program's thread").clone();
    process.threads.lock().push(thread.clone());
    let mut processes = PROCESSES.lock();
    if parent.is_some_and(Process::is_killed) {
        process.condemn(SIGKILL);
    }
    processes.entry(process.id).or_insert(process);
    drop(processes);
    sched::make_ready(thread);
}

/// Replaces the caller's program by a fresh image of it, with these arguments.
/// Linux ends the other threads of the process; here there may be none.
pub(crate) fn exec(
    thread: &Thread,
    frame: &mut TrapFrame,
    arguments: &[&[u8]],
    environment: &[&[u8]],
) -> Result<(), OutOfMemory> {
    let space = Arc::new(Space::new()?);
    let fresh = program::load(&space, arguments, environment)?;
    sched::exec_space(thread, &space);
    thread.rseq.register(0, 0);
    thread.clear_at_exit.store(0, Relaxed);
    thread.thread_pointer.store(0, Relaxed);
    crate::arch::set_thread_pointer(0);
    thread.process.as_ref().expect("a program").signals.exec();
    *frame = fresh;
    thread.process.as_ref().expect("a program").let_parent_go();
    Ok(())
}

/// Whether the caller is its process's only thread.
pub(crate) fn is_single(thread: &Thread) -> bool {
    thread.process.as_ref().is_some_and(|process| process.threads.lock().len() == 1)
}

/// Ends the calling thread; with the last one, its process.
pub(crate) fn exit_thread(thread: &Thread, status: i32) -> ! {
    crate::arch::set_enabled(true);
    let process = thread.process.as_ref().expect("a program's thread exits");
    // PAIRS(end): with the Acquire of whoever waits for the word; the store is the
    // last that ring 3 sees of this thread, and x86 keeps stores in order.
    let word = thread.clear_at_exit.load(Relaxed);
    let space = thread.own_space();
    if word != 0 && crate::user::write(space, word, 0u32).is_ok() {
        let _ = space.physical(word).map(|word| wait::wake(Event::Word(word), usize::MAX));
    }
    sched::exit_space(thread);
    process.let_parent_go();
    let is_last = {
        let mut threads = process.threads.lock();
        threads.retain(|other| !core::ptr::eq(&**other, thread));
        threads.is_empty()
    };
    if is_last {
        end(process, status);
    }
    crate::arch::set_enabled(false);
    sched::schedule(sched::After::Gone);
    unreachable!("nobody switches to a thread that is gone")
}

/// The last thread of a process has gone.
fn end(process: &Process, status: i32) {
    if !process.is_killed() {
        process.status.store(status, Relaxed);
    }
    if process.id == INIT {
        crate::power_off(process.status.load(Relaxed));
    }
    let processes = PROCESSES.lock();
    let is_child = |child: &&Arc<Process>| child.parent.load(Relaxed) == process.id;
    let children: Vec<_> = processes.values().filter(is_child).cloned().collect();
    children.iter().for_each(|child| child.parent.store(INIT, Relaxed));
    process.has_ended.store(true, Relaxed);
    drop(processes);
    for child in children {
        match child.death_signal.load(Relaxed) {
            0 => {}
            signal => signals::send_to_all(&child, signal),
        }
    }
    wait::wake(Event::Child(process.parent.load(Relaxed)), usize::MAX);
    wait::wake(Event::Child(INIT), usize::MAX);
    const SIGCHLD: i32 = 17;
    find(process.parent.load(Relaxed) as i32).iter().for_each(|parent| signals::send_to_all(parent, SIGCHLD));
}

/// A child of `parent` that has ended, `id` or any; it is forgotten.
pub(crate) fn reap(parent: u32, id: Option<u32>) -> Reaped {
    let mut processes = PROCESSES.lock();
    let found = look(&processes, parent, id);
    if let Reaped::Child { id, .. } = found {
        processes.remove(&id);
    }
    found
}

/// Whether such children are all running: then it is worth to wait for one.
pub(crate) fn none_has_ended(parent: u32, id: Option<u32>) -> bool {
    matches!(look(&PROCESSES.lock(), parent, id), Reaped::NoneEnded)
}

fn look(processes: &BTreeMap<u32, Arc<Process>>, parent: u32, id: Option<u32>) -> Reaped {
    let is_meant =
        |child: &&Arc<Process>| child.parent.load(Relaxed) == parent && id.is_none_or(|id| id == child.id);
    let mut children = processes.values().filter(is_meant).peekable();
    if children.peek().is_none() {
        return Reaped::NoChild;
    }
    children
        .find(|child| child.has_ended.load(Relaxed))
        .map_or(Reaped::NoneEnded, |child| Reaped::Child { id: child.id, status: child.status.load(Relaxed) })
}

/// What [`reap`] found.
pub(crate) enum Reaped {
    /// This one, with its status word.
    Child { id: u32, status: i32 },
    /// Children, all running.
    NoneEnded,
    /// No such child.
    NoChild,
}
