//! A trial: a child makes calls of which a filter may kill whoever makes them.
//!
//! What a filter does with a call nobody can know without making it; only what is
//! killed can be chosen. So a child makes it, which
//!
//! - *shares the memory* of this process (`CLONE_VM`), so that nothing is copied,
//!   and runs on a stack of its own while its parent waits (`CLONE_VFORK`);
//! - is a process of its own, so that killing it kills nobody else; it writes down
//!   in shared memory how far it came, so nobody needs its exit status;
//! - has no handlers (`CLONE_CLEAR_SIGHAND`): a filter that traps ends it;
//! - sends no signal when it ends, so that no `wait` of the program finds it.
//!
//! All that takes 45 to 85 microseconds, whatever the size of the process. A child that
//! was a copy took 250 milliseconds of one with 1 GB, and 1.1 seconds of faults after.
//!
//! It is made by `clone3`, never by `fork`, `vfork` or `clone`. GNU's C library
//! starts every thread by that call (since 2.34), and no filter sees its flags: one
//! that forbids processes and allows threads answers `ENOSYS`, and the library falls
//! back on `clone`. So it is the one way to a process that a program with threads is
//! known to survive. Where it is refused, there is no trial.
//!
//! There is none either
//!
//! - where the next child would be the first of a new PID namespace, and would end
//!   it with its own end: `clone3` is asked for the number 2 first, which such a
//!   namespace refuses with `EINVAL`;
//! - under a kernel before 5.16, told by its vDSO: the core dump of a child that is
//!   killed would take with it whoever shares its memory.
//!
//! | edge | one side | other side |
//! |------|----------|------------|
//! | step | the child, after each of its calls | [`Trial::done`], of its parent |

mod kernel;

use core::ffi::c_void;
use core::mem::MaybeUninit;
use core::sync::atomic::{
    AtomicIsize, AtomicUsize,
    Ordering::{Acquire, Relaxed, Release},
};

use super::arch::{clone3, number, syscall};

/// A call to be tried.
#[derive(Clone, Copy)]
pub(super) struct Step {
    pub(super) number: usize,
    pub(super) arguments: [usize; 4],
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The call returned this.
    Returned(isize),
    /// Whoever made it was killed.
    Killed,
}

/// No trial can be had without harm.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Impossible;

/// The most steps of a trial, with its own.
const MOST: usize = 24;

/// Has children make these calls, in order, and tells each outcome.
pub(super) fn run(steps: &[Step], mut tell: impl FnMut(usize, Outcome)) -> Result<(), Impossible> {
    // The first release in which a core dump is limited to one process.
    if kernel::release().is_none_or(|release| release < (5, 16)) {
        return Err(Impossible);
    }
    let trial = Trial::of(steps);
    while trial.done() < trial.count {
        trial.start_child()?;
    }
    for at in 0..steps.len() {
        tell(at, trial.outcome(OWN + at));
    }
    Ok(())
}

impl Step {
    fn make(&self) -> isize {
        // SAFETY: the steps ask, or fail before they do anything; only the limit of
        // cores is set, for a child that has nothing to write one for.
        unsafe { syscall(self.number, self.arguments) }
    }
}

/// Calls that every trial begins with, for its own sake.
const OWN: usize = 2;
const LIMIT: usize = 0;
const WAIT: usize = 1;

/// What parent and child share.
struct Trial {
    steps: [Step; MOST],
    count: usize,
    /// Steps that were made, or killed for.
    done: AtomicUsize,
    results: [AtomicIsize; MOST],
}

/// No call returns this: errors are small.
const KILLED: isize = isize::MIN;

/// A limit of 1 byte: no core is to be written of a child that is killed, not even
/// to a program that takes cores (core(5)).
static NO_CORE: [u64; 2] = [1, 1];

impl Trial {
    fn of(steps: &[Step]) -> Self {
        const RLIMIT_CORE: usize = 4;
        const WNOHANG: usize = 1;
        let no_core = [0, RLIMIT_CORE, NO_CORE.as_ptr() as usize, 0];
        // The child has no children, so a kernel answers `ECHILD`.
        let wait = [usize::MAX, 0, WNOHANG, 0];
        let own = [
            Step { number: number::PRLIMIT64, arguments: no_core },
            Step { number: number::WAIT4, arguments: wait },
        ];
        let mut all = [own[0]; MOST];
        all[..OWN].copy_from_slice(&own);
        all[OWN..OWN + steps.len()].copy_from_slice(steps);
        let results = [const { AtomicIsize::new(KILLED) }; MOST];
        Self { steps: all, count: OWN + steps.len(), done: AtomicUsize::new(0), results }
    }

    fn done(&self) -> usize {
        // Acquire. PAIRS(step): with the store in `in_child`.
        self.done.load(Acquire)
    }

    fn outcome(&self, at: usize) -> Outcome {
        match self.results[at].load(Relaxed) {
            KILLED => Outcome::Killed,
            result => Outcome::Returned(result),
        }
    }

    /// Starts a child at the first step that is not done, and waits until it has
    /// ended; the step for which it was killed, if it was, is done then.
    fn start_child(&self) -> Result<(), Impossible> {
        let mut stack = MaybeUninit::<Stack>::uninit();
        let begun = self.done();
        let child = self.clone(&mut stack, &[2]);
        let child = match child {
            EPERM | EEXIST => self.clone(&mut stack, &[]),
            child => child,
        };
        if child <= 0 {
            return Err(Impossible);
        }
        let died = self.done() < self.count;
        let status = self.reap(child);
        // A child that a signal for the whole group met says nothing of the filter.
        let by_filter = status.is_none_or(|status| status & 0x7f == SIGSYS) || self.done() == begun;
        if died && by_filter {
            self.done.fetch_add(1, Relaxed);
        }
        Ok(())
    }

    /// Makes a child, by one of these numbers if there are any; its number, or an error.
    fn clone(&self, stack: &mut MaybeUninit<Stack>, numbers: &[i32]) -> isize {
        let arguments = CloneArguments {
            flags: FLAGS,
            stack: stack.as_mut_ptr() as u64,
            stack_size: size_of::<Stack>() as u64,
            set_tid: if numbers.is_empty() { 0 } else { numbers.as_ptr() as u64 },
            set_tid_size: numbers.len() as u64,
            ..CloneArguments::default()
        };
        let (arguments, trial) = (&raw const arguments, (&raw const *self).cast_mut());
        // SAFETY: (1) arguments and numbers live through the call; (2) this thread
        // waits until the child has let go of the memory, so the stack and the trial
        // live as long as it; (3) `in_child` makes system calls and ends.
        unsafe { clone3(arguments.cast(), size_of::<CloneArguments>(), in_child, trial.cast()) }
    }

    /// Waits for a child that has ended, if a child of this process was not killed
    /// or refused when it tried to wait; the status.
    fn reap(&self, child: isize) -> Option<i32> {
        const ECHILD: isize = -10;
        const EINTR: isize = -4;
        // Children that send no signal are found with this flag only.
        const WALL: usize = 0x4000_0000;
        if self.outcome(WAIT) != Outcome::Returned(ECHILD) {
            return None;
        }
        let mut status = 0_i32;
        let arguments = [child as usize, (&raw mut status) as usize, WALL, 0];
        loop {
            // SAFETY: the status is ours to write, the child ours to wait for.
            match unsafe { syscall(number::WAIT4, arguments) } {
                EINTR => {}
                waited => return (waited == child).then_some(status),
            }
        }
    }
}

const EPERM: isize = -1;
const EEXIST: isize = -17;
const SIGSYS: i32 = 31;

/// What the child does: the steps from the first that is not done.
extern "C" fn in_child(trial: *mut c_void) -> ! {
    // SAFETY: the parent passed its trial, which lives until this has ended.
    let trial = unsafe { &*trial.cast::<Trial>() };
    if trial.done() > LIMIT && trial.outcome(LIMIT) != Outcome::Killed {
        // A limit is each child's own.
        trial.steps[LIMIT].make();
    }
    for at in trial.done()..trial.count {
        let result = trial.steps[at].make();
        trial.results[at].store(result, Relaxed);
        // Release. PAIRS(step): with the load in `done`, of the parent.
        trial.done.store(at + 1, Release);
    }
    loop {
        // SAFETY: ends this process, which has nothing to lose.
        unsafe { syscall(number::EXIT_GROUP, [0; 4]) };
    }
}

/// The child's stack. It calls two functions deep.
#[repr(C, align(16))]
struct Stack([u8; 8192]);

/// Memory, files, folder and the rest are shared, so that nothing is copied. No
/// tracer is told of the child; it has no handlers.
const FLAGS: u64 = VM | FS | FILES | VFORK | SYSVSEM | UNTRACED | IO | CLEAR_SIGHAND;
const VM: u64 = 0x100;
const FS: u64 = 0x200;
const FILES: u64 = 0x400;
const VFORK: u64 = 0x4000;
const SYSVSEM: u64 = 0x4_0000;
const UNTRACED: u64 = 0x80_0000;
const IO: u64 = 0x8000_0000;
const CLEAR_SIGHAND: u64 = 0x1_0000_0000;

/// `struct clone_args` (clone(2)).
#[repr(C)]
#[derive(Default)]
struct CloneArguments {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack: u64,
    stack_size: u64,
    tls: u64,
    set_tid: u64,
    set_tid_size: u64,
    cgroup: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_makes_the_calls_and_tells_what_they_returned() {
        let steps = [
            Step { number: number::GETPID, arguments: [0; 4] },
            // No such call: refused, and the next is made all the same.
            Step { number: 100_000, arguments: [0; 4] },
            Step { number: number::GETPID, arguments: [0; 4] },
        ];
        let mut outcomes = std::vec::Vec::new();
        if run(&steps, |at, outcome| outcomes.push((at, outcome))) == Err(Impossible) {
            bonfire_skip::skip!(bonfire_skip::Cause::Kernel("makes no child here that could ask"));
        }
        let Outcome::Returned(child) = outcomes[0].1 else { panic!("{outcomes:?}") };
        assert_ne!(child, isize::try_from(std::process::id()).unwrap(), "a process of its own");
        assert_eq!(outcomes[1], (1, Outcome::Returned(-38)));
        assert_eq!(outcomes[2], (2, Outcome::Returned(child)), "by the same child");
    }
}
