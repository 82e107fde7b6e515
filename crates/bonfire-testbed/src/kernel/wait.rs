//! Waiting: threads off their CPUs until something happens, or some time has
//! passed, or their process is told to end.
//!
//! | edge | one side | other side |
//! |------|----------|------------|
//! | changed | a descriptor has become ready | whoever looks at descriptors, before it looks |

use crate::arch;
use crate::lock::Lock;
use crate::sched::{self, After};
use crate::signals;
use crate::thread::Thread;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{
    AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A wake-up of the word at this physical address, by somebody who means one of
    /// these bits (`futex`).
    Word(u64, u32),
    /// An exit among the children of this process.
    Child(u32),
    /// The child of this number to leave its parent's space (`vfork`).
    Left(u32),
    /// The other threads of this process to end (`execve`).
    Alone(u32),
    /// Something that can be read or written now, and could not before.
    Descriptor,
    /// Nothing but time.
    Time,
}

impl Event {
    /// A wake-up of the word at this physical address, whoever it is for.
    pub(crate) const fn word(physical: u64) -> Self {
        Self::Word(physical, u32::MAX)
    }

    fn meets(self, other: Self) -> bool {
        match (self, other) {
            (Self::Word(here, one), Self::Word(there, other)) => here == there && one & other != 0,
            _ => self == other,
        }
    }

    /// The same for whoever waits, elsewhere.
    fn moved_to(self, to: Self) -> Self {
        match (self, to) {
            (Self::Word(_, bits), Self::Word(there, _)) => Self::Word(there, bits),
            _ => to,
        }
    }
}

struct Waiter {
    event: Event,
    /// In ticks of the clock.
    deadline: Option<u64>,
    thread: Arc<Thread>,
}

static WAITERS: Lock<Vec<Waiter>> = Lock::new(Vec::new());

/// Waits, if `is_needed` still says so when nobody can wake any more before we
/// wait. Whoever returns looks again at what it waited for.
pub(crate) fn wait(
    thread: &Thread,
    event: Event,
    deadline: Option<u64>,
    is_needed: impl FnOnce() -> bool,
) -> Woken {
    arch::without_interrupts(|| {
        let mut waiters = WAITERS.lock();
        if !is_needed() {
            return Woken::Happened;
        }
        if thread.is_killed() || signals::is_due(thread) {
            return Woken::Interrupted;
        }
        thread.woken.store(Woken::Happened as u32, Relaxed);
        waiters.push(Waiter { event, deadline, thread: thread.keep() });
        drop(waiters);
        if deadline.is_some() {
            arch::set_timer(deadline);
        }
        // Interrupts stay off up to the switch: an interrupt's wake-up here
        // would wait for us to leave the CPU.
        sched::schedule(After::Blocked);
        let woken = thread.woken.load(Relaxed);
        [Woken::Interrupted, Woken::Late]
            .into_iter()
            .find(|&by| by as u32 == woken)
            .unwrap_or(Woken::Happened)
    })
}

/// Why a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Woken {
    /// What was waited for may have happened.
    Happened,
    /// The time has come.
    Late,
    /// A signal waits for the thread, or it has been told to end.
    Interrupted,
}

/// Lets up to `most` threads that wait for `from` wait for `to`; says how many.
pub(crate) fn requeue(from: Event, to: Event, most: usize) -> usize {
    let mut waiters = WAITERS.lock();
    let moved = waiters.iter_mut().filter(|waiter| waiter.event.meets(from)).take(most);
    moved.map(|waiter| waiter.event = waiter.event.moved_to(to)).count()
}

/// Wakes up to `most` threads that wait for `event`; says how many.
pub(crate) fn wake(event: Event, most: usize) -> usize {
    wake_if(most, Woken::Happened, |waiter| waiter.event.meets(event))
}

/// How often something could be read or written that could not before.
static CHANGES: AtomicU64 = AtomicU64::new(0);

/// How often that was, so far.
pub(crate) fn changes() -> u64 {
    // Acquire. PAIRS(changed): with `changed`. A change that is counted is seen by the look
    // that follows, which need not be woken for it.
    CHANGES.load(Acquire)
}

/// Something can be read or written now. Whoever looked at descriptors before, and goes to
/// sleep behind this, finds the count changed: it reads it with the waiters locked.
pub(crate) fn changed() {
    // Release. PAIRS(changed): with `changes`.
    CHANGES.fetch_add(1, Release);
    wake(Event::Descriptor, usize::MAX);
}

/// Wakes this thread, whatever it waits for.
pub(crate) fn interrupt(thread: &Thread) {
    wake_if(1, Woken::Interrupted, |waiter| core::ptr::eq(&*waiter.thread, thread));
}

/// Wakes the threads whose time has come.
pub(crate) fn expire(now: u64) {
    wake_if(usize::MAX, Woken::Late, |waiter| waiter.deadline.is_some_and(|deadline| deadline <= now));
}

/// When the first of those that waited on this CPU is to be woken, if any has a
/// time: each CPU's timer sees to its own.
pub(crate) fn next_deadline(cpu: usize) -> Option<u64> {
    let waiters = WAITERS.lock();
    let own = waiters.iter().filter(|waiter| waiter.thread.last_cpu.load(Relaxed) == cpu);
    own.filter_map(|waiter| waiter.deadline).min()
}

fn wake_if(most: usize, by: Woken, mut is_meant: impl FnMut(&Waiter) -> bool) -> usize {
    let mut left = most;
    let woken: Vec<_> = WAITERS
        .lock()
        .extract_if(.., |waiter| {
            let wakes = left > 0 && is_meant(waiter);
            left -= usize::from(wakes);
            wakes
        })
        .collect();
    let count = woken.len();
    for waiter in woken {
        waiter.thread.woken.store(by as u32, Relaxed);
        sched::make_ready(waiter.thread);
    }
    count
}
