//! Kernel threads that get in between: they borrow the address space of whom
//! they interrupt, or use one that they were given, again and again, so that a
//! barrier's caller finds them there.

use crate::arch;
use crate::sched;
use crate::space::Space;
use crate::thread::Thread;
use crate::user;
use crate::wait::{self, Event};
use alloc::boxed::Box;
use alloc::sync::Arc;

/// The calling program's CPU number is none of this machine's.
pub(crate) struct NoSuchCpu;

/// Starts a kernel thread on `cpu` that takes `turns`: in each it sleeps for a
/// moment, so that a program runs there; then, if there is a `word`, uses the
/// caller's space, adds 1 to it, and gives the space back.
pub(crate) fn start(space: &Arc<Space>, cpu: u64, turns: u64, word: u64) -> Result<u64, NoSuchCpu> {
    if cpu >= sched::cpu_count() as u64 {
        return Err(NoSuchCpu);
    }
    let space = space.clone();
    let body = Box::new(move |thread: &Thread| {
        for _ in 0..turns {
            nap(thread);
            if word != 0 {
                visit(thread, &space, word);
            }
        }
    });
    sched::make_ready(Thread::kernel(1 << cpu, body));
    Ok(0)
}

/// Starts a kernel thread on `cpu` that uses the caller's space twice, and adds 1
/// to the `word` there: the first time for a moment, the second time until the
/// program makes the word 0.
pub(crate) fn stay(space: &Arc<Space>, cpu: u64, word: u64) -> Result<u64, NoSuchCpu> {
    if cpu >= sched::cpu_count() as u64 {
        return Err(NoSuchCpu);
    }
    let space = space.clone();
    let body = Box::new(move |thread: &Thread| {
        visit(thread, &space, word);
        sched::use_space(thread, &space);
        count_in(&space, word);
        // PAIRS(scene): with the Release of the program's, when it has called.
        while user::read::<u32>(&space, word).is_ok_and(|count| count != 0) {
            arch::relax();
        }
        sched::unuse_space(thread);
    });
    sched::make_ready(Thread::kernel(1 << cpu, body));
    Ok(0)
}

fn visit(thread: &Thread, space: &Arc<Space>, word: u64) {
    sched::use_space(thread, space);
    count_in(space, word);
    sched::unuse_space(thread);
}

fn count_in(space: &Space, word: u64) {
    if let Ok(count) = user::read::<u32>(space, word) {
        // What is no longer writable was not ours to count in.
        let _ = user::write(space, word, count.wrapping_add(1));
    }
}

fn nap(thread: &Thread) {
    let deadline = arch::clock() + arch::clock_ticks_per_ms() / 100;
    let _ = wait::wait(thread, Event::Time, Some(deadline), || true);
}
