//! Processes: programs with a number, a parent, children, and an end.

use crate::arch::{TrapFrame, UserState};
use crate::descriptors::Descriptors;
use crate::family;
use crate::limits;
use crate::lock::Lock;
use crate::program;
use crate::robust;
use crate::sched;
use crate::signals::Signals;
pub(crate) use crate::signals::{SIGKILL, SIGSEGV};
use crate::space::{OutOfMemory, Space};
use crate::thread::Thread;
use crate::wait::{self, Event, Woken};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ptr;
use core::sync::atomic::Ordering::{Relaxed, Release};
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, fence};

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
    pub(crate) status: AtomicI32,
    pub(crate) has_ended: AtomicBool,
    /// The orphans among its descendants become its children.
    pub(crate) is_subreaper: AtomicBool,
    /// The signal that it gets when its parent ends; 0 for none.
    pub(crate) death_signal: AtomicI32,
    /// Its parent waits until it leaves the parent's space.
    is_vfork_child: AtomicBool,
    /// One of its threads is about to become a new image.
    is_replaced: AtomicBool,
}

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
            is_subreaper: AtomicBool::new(false),
            death_signal: AtomicI32::new(0),
            is_vfork_child: AtomicBool::new(false),
            is_replaced: AtomicBool::new(false),
        })
    }

    /// Whether it has been told to end.
    pub(crate) fn is_killed(&self) -> bool {
        self.is_killed.load(Relaxed)
    }

    /// Tells every thread to end, with this status for the parent.
    pub(crate) fn kill(&self, status: i32) {
        self.condemn(status);
        self.each_thread(nudge);
    }

    /// How many threads it has.
    pub(crate) fn threads(&self) -> usize {
        self.threads.lock().len()
    }

    /// Its thread of that number.
    pub(crate) fn thread(&self, id: u32) -> Option<Arc<Thread>> {
        self.threads.lock().iter().find(|thread| thread.id() == id).cloned()
    }

    /// Calls `f` with each of its threads.
    pub(crate) fn each_thread(&self, f: impl FnMut(&Arc<Thread>)) {
        let threads = self.threads.lock().clone();
        threads.iter().for_each(f);
    }

    /// From here on each of its threads ends at its next way out of the kernel.
    pub(crate) fn condemn(&self, status: i32) {
        if !self.is_killed.swap(true, Relaxed) {
            self.status.store(status, Relaxed);
        }
    }

    /// Ends all its threads but this one, and waits until they have.
    fn end_others(&self, thread: &Thread) -> Result<(), NoExec> {
        if self.is_replaced.swap(true, Relaxed) {
            return Err(NoExec::Ending);
        }
        let threads = self.threads.lock();
        let others: Vec<_> = threads.iter().filter(|other| !ptr::eq(&***other, thread)).cloned().collect();
        others.iter().for_each(|other| other.dismiss());
        drop(threads);
        others.iter().for_each(nudge);
        while self.threads() > 1 && !thread.is_killed() {
            let woken = wait::wait(thread, Event::Alone(self.id), None, || self.threads() > 1);
            if woken == Woken::Interrupted {
                // The signal is for the new program; until then there is no sleeping.
                crate::arch::without_interrupts(|| sched::schedule(sched::After::Ready));
            }
        }
        self.is_replaced.store(false, Relaxed);
        if thread.is_killed() { Err(NoExec::Ending) } else { Ok(()) }
    }

    /// Whether its parent is still waiting for it to leave the parent's space.
    pub(crate) fn holds_parent(&self) -> bool {
        self.is_vfork_child.load(Relaxed)
    }

    fn let_parent_go(&self) {
        if self.is_vfork_child.swap(false, Relaxed) {
            wait::wake(Event::Left(self.id), 1);
        }
    }
}

/// Has the thread look whether it has to end.
fn nudge(thread: &Arc<Thread>) {
    wait::interrupt(thread);
    if thread.on_cpu.load(Relaxed) {
        sched::kick(thread.last_cpu.load(Relaxed));
    }
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
    /// Signals do with it what they usually do.
    pub(crate) has_no_handlers: bool,
}

/// Why there is no new thread.
pub(crate) enum NoSpawn {
    OutOfMemory,
    TooMany,
}

impl From<OutOfMemory> for NoSpawn {
    fn from(OutOfMemory: OutOfMemory) -> Self {
        limits::tell_no_page();
        Self::OutOfMemory
    }
}

/// Makes a thread that goes on where its parent is, from `frame`.
pub(crate) fn spawn(
    parent: &Thread,
    kind: Spawn,
    mut frame: TrapFrame,
    own: Own,
) -> Result<Arc<Thread>, NoSpawn> {
    if !limits::allows_thread() {
        return Err(NoSpawn::TooMany);
    }
    let space = parent.own_space().clone();
    let (id, owner) = (Thread::next_id(), parent.process.as_ref().expect("a program forks"));
    let process = if kind == Spawn::Thread {
        owner.clone()
    } else {
        let (descriptors, signals) = (owner.descriptors.fork(), owner.signals.fork());
        if own.has_no_handlers {
            signals.exec();
        }
        Process::new(id, owner.id, owner.group.load(Relaxed), descriptors, signals)
    };
    parent.state.lock().save();
    let mut state = parent.state.lock().clone();
    if let Some(pointer) = own.thread_pointer {
        state.set_thread_pointer(&mut frame, pointer);
    }
    if kind == Spawn::Vfork {
        process.is_vfork_child.store(true, Relaxed);
    }
    let child = if kind == Spawn::Fork {
        let copy = Arc::new(space.fork()?);
        crate::membarrier::forked(&space, &copy);
        let child = Thread::user(id, process, copy, frame);
        child.rseq.inherit(&parent.rseq);
        child
    } else {
        Thread::user(id, process, space, frame)
    };
    *child.state.lock() = state;
    child.affinity.store(parent.affinity.load(Relaxed), Relaxed);
    child.clear_at_exit.store(own.clear_at_exit, Relaxed);
    child.signals.set_mask(parent.signals.mask());
    child.nice.store(parent.nice.load(Relaxed), Relaxed);
    let spaces = [parent.own_space(), child.own_space()];
    for (space, at) in spaces.into_iter().zip(own.number_at) {
        // As in Linux, a number that cannot be written is not worth a failure.
        let _ = at.map(|at| crate::user::write(space, at, id));
    }
    start(child.clone(), Some(parent));
    Ok(child)
}

fn start(thread: Arc<Thread>, parent: Option<&Thread>) {
    let process = thread.process.as_ref().expect("a program's thread").clone();
    let mut threads = process.threads.lock();
    if parent.is_some_and(|parent| parent.is_dismissed() && threads.iter().any(|t| ptr::eq(&**t, parent))) {
        thread.dismiss();
    }
    threads.push(thread.clone());
    drop(threads);
    family::join(&process, parent.and_then(|parent| parent.process.as_deref()));
    sched::make_ready(thread);
}

/// Why a program cannot become another one.
pub(crate) enum NoExec {
    OutOfMemory,
    /// It has been told to end, or another thread is at it.
    Ending,
}

impl From<OutOfMemory> for NoExec {
    fn from(OutOfMemory: OutOfMemory) -> Self {
        Self::OutOfMemory
    }
}

/// Replaces the caller's program by a fresh image of it, with these arguments. The other
/// threads of the process end, and the caller gets the number of the first.
pub(crate) fn exec(
    thread: &Thread,
    frame: &mut TrapFrame,
    arguments: &[&[u8]],
    environment: &[&[u8]],
) -> Result<(), NoExec> {
    let space = Arc::new(Space::new()?);
    let fresh = program::load(&space, arguments, environment)?;
    let process = thread.process.as_ref().expect("a program");
    process.end_others(thread)?;
    thread.become_first();
    leave_memory(thread);
    sched::exec_space(thread, &space);
    thread.rseq.register(0, 0);
    *thread.state.lock() = UserState::new();
    thread.state.lock().restore();
    thread.signals.exec();
    process.signals.exec();
    process.descriptors.exec();
    *frame = fresh;
    process.let_parent_go();
    Ok(())
}

/// Ends the calling thread; with the last one, its process.
pub(crate) fn exit_thread(thread: &Thread, status: i32) -> ! {
    crate::arch::set_enabled(true);
    let process = thread.process.as_ref().expect("a program's thread exits");
    leave_memory(thread);
    sched::exit_space(thread);
    let is_last = {
        let mut threads = process.threads.lock();
        threads.retain(|other| !ptr::eq(&**other, thread));
        threads.is_empty()
    };
    wait::wake(Event::Alone(process.id), usize::MAX);
    if is_last {
        process.let_parent_go();
        end(process, status);
    }
    crate::arch::set_enabled(false);
    sched::schedule(sched::After::Gone);
    unreachable!("nobody switches to a thread that is gone")
}

/// What a thread leaves in its memory: locks that it held, and the word by which others
/// wait for it.
fn leave_memory(thread: &Thread) {
    robust::release(thread);
    let word = thread.clear_at_exit.swap(0, Relaxed);
    let space = thread.own_space();
    // Release. PAIRS(end): with the Acquire of whoever waits for the word; the store is the
    // last that user mode sees of this thread.
    fence(Release);
    if word != 0 && crate::user::write(space, word, 0u32).is_ok() {
        let _ = space.physical(word).map(|word| wait::wake(Event::word(word), usize::MAX));
    }
}

/// The last thread of a process has gone.
fn end(process: &Process, status: i32) {
    if !process.is_killed() {
        process.status.store(status, Relaxed);
    }
    if process.id == INIT {
        crate::power_off(process.status.load(Relaxed));
    }
    process.descriptors.close_all();
    family::bury(process);
}
