//! Signals: sent to a process or a thread, taken on the way to user mode.
//!
//! A handler gets the frame that Linux lays out (`struct rt_sigframe`) below
//! the stack it interrupts or on an alternate one, and goes back by `rt_sigreturn`.
//! Signals are counted once however often they are sent, as Linux does with those below 32.

use crate::arch::{RED_ZONE, TrapFrame, USER_TOP};
use crate::lock::Lock;
use crate::process::Process;
use crate::sched;
use crate::thread::Thread;
use crate::user::Fault;
use crate::wait;
use alloc::sync::Arc;
use bonfire_testbed::calls::Sysnum;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

pub(crate) const SIGILL: i32 = 4;
pub(crate) const SIGTRAP: i32 = 5;
/// RISC-V's divisions and floating point operations do not trap.
#[cfg(not(target_arch = "riscv64"))]
pub(crate) const SIGFPE: i32 = 8;
/// Nothing is misaligned on x86-64, unless a program asks for that.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) const SIGBUS: i32 = 7;
pub(crate) const SIGKILL: i32 = 9;
pub(crate) const SIGSEGV: i32 = 11;
pub(crate) const SIGPIPE: i32 = 13;
const SIGSTOP: i32 = 19;
/// The last one.
const MOST: i32 = 64;

/// What a process wants done for a signal: the words of Linux's `struct sigaction`.
#[derive(Clone, Copy, Default)]
pub(crate) struct Action {
    pub(crate) handler: u64,
    pub(crate) flags: u64,
    pub(crate) restorer: u64,
    pub(crate) mask: u64,
}

const DEFAULT: u64 = 0;
const IGNORE: u64 = 1;
const ON_ALTERNATE_STACK: u64 = 0x0800_0000;
const RESTART: u64 = 0x1000_0000;
const NO_DEFER: u64 = 0x4000_0000;
const RESET: u64 = 0x8000_0000;

/// What a call returns inside the kernel when a signal ended it early: it starts again,
/// unless a handler runs that was not meant for that.
pub(crate) const ERESTART: isize = -512;
/// Likewise, of a call that goes on where it was, by `restart_syscall`, unless a handler runs.
pub(crate) const ERESTART_BLOCK: isize = -516;
/// Likewise, of a call that starts again unless a handler runs, whatever that was meant for.
pub(crate) const ERESTART_NO_HANDLER: isize = -514;
const EINTR: i64 = -4;
const RESTART_SYSCALL: u64 = Sysnum::RestartSyscall.number().expect("every Linux has it");

/// The actions of a process, and what was sent to all of it.
pub(crate) struct Signals {
    actions: Lock<[Action; MOST as usize]>,
    pending: AtomicU64,
}

impl Signals {
    /// The defaults.
    pub(crate) const fn new() -> Self {
        let default = Action { handler: DEFAULT, flags: 0, restorer: 0, mask: 0 };
        Self { actions: Lock::new([default; MOST as usize]), pending: AtomicU64::new(0) }
    }

    /// Those of a forked process.
    pub(crate) fn fork(&self) -> Self {
        let actions = *self.actions.lock();
        Self { actions: Lock::new(actions), pending: AtomicU64::new(0) }
    }

    /// A new image has none of the old one's handlers.
    pub(crate) fn exec(&self) {
        self.actions.lock().iter_mut().filter(|action| action.handler > IGNORE).for_each(|action| {
            *action = Action::default();
        });
    }

    /// Whether children are not to be waited for when they have ended.
    pub(crate) fn ignores_children(&self) -> bool {
        const SIGCHLD: i32 = 17;
        const NO_CHILD_WAIT: u64 = 2;
        self.action(SIGCHLD)
            .is_some_and(|action| action.handler == IGNORE || action.flags & NO_CHILD_WAIT != 0)
    }

    /// The action for a signal, if there is such a signal.
    pub(crate) fn action(&self, signal: i32) -> Option<Action> {
        index(signal).map(|index| self.actions.lock()[index])
    }

    /// Changes it.
    pub(crate) fn set_action(&self, signal: i32, action: Action) {
        if let Some(index) = index(signal).filter(|_| !is_certain(signal)) {
            self.actions.lock()[index] = action;
        }
    }
}

/// What a thread keeps of signals.
pub(crate) struct OfThread {
    /// Those that it holds off, one bit each. Changed by itself.
    mask: AtomicU64,
    pending: AtomicU64,
    /// Where the last fault was, for its handler.
    fault: AtomicU64,
    /// The start and the length of a stack for handlers.
    pub(crate) alternate: Lock<[u64; 2]>,
}

impl OfThread {
    /// Of a new thread, which holds off what its parent does.
    pub(crate) const fn new() -> Self {
        Self {
            mask: AtomicU64::new(0),
            pending: AtomicU64::new(0),
            fault: AtomicU64::new(0),
            alternate: Lock::new([0; 2]),
        }
    }

    /// The signals held off.
    pub(crate) fn mask(&self) -> u64 {
        self.mask.load(Relaxed)
    }

    /// A new image has no stack for handlers yet.
    pub(crate) fn exec(&self) {
        *self.alternate.lock() = [0; 2];
    }

    /// Holds off these.
    pub(crate) fn set_mask(&self, mask: u64) {
        self.mask.store(mask & !(bit(SIGKILL) | bit(SIGSTOP)), Relaxed);
    }
}

/// Whether a signal waits for this thread that it does not hold off.
pub(crate) fn is_due(thread: &Thread) -> bool {
    let Some(process) = &thread.process else { return false };
    let pending = thread.signals.pending.load(Relaxed) | process.signals.pending.load(Relaxed);
    pending & !thread.signals.mask() != 0
}

/// Sends a signal to a thread.
pub(crate) fn send(thread: &Arc<Thread>, signal: i32) {
    let Some(process) = &thread.process else { return };
    if signal == SIGKILL {
        process.kill(signal);
    } else if !is_dropped(process, signal) {
        thread.signals.pending.fetch_or(bit(signal), Relaxed);
        notice(thread);
    }
}

/// Sends a signal to a process: the first thread that does not hold it off takes it.
pub(crate) fn send_to_all(process: &Process, signal: i32) {
    if signal == SIGKILL {
        process.kill(signal);
    } else if !is_dropped(process, signal) {
        process.signals.pending.fetch_or(bit(signal), Relaxed);
        process.each_thread(notice);
    }
}

/// Has the thread look.
fn notice(thread: &Arc<Thread>) {
    if is_due(thread) {
        wait::interrupt(thread);
        if thread.on_cpu.load(Relaxed) {
            sched::kick(thread.last_cpu.load(Relaxed));
        }
    }
}

/// A fault of the calling thread's: its handler runs, or the process ends. Says whether
/// there is a handler.
pub(crate) fn fault(thread: &Thread, signal: i32, address: u64) -> bool {
    let process = thread.process.as_ref().expect("a program faults");
    let handler = process.signals.action(signal).map_or(DEFAULT, |action| action.handler);
    if handler <= IGNORE || thread.signals.mask() & bit(signal) != 0 {
        return false;
    }
    thread.signals.fault.store(address, Relaxed);
    thread.signals.pending.fetch_or(bit(signal), Relaxed);
    true
}

/// On the way to user mode: takes the signals that are due. A call that one of them ended
/// starts again, or returns `EINTR`.
pub(crate) fn before_user(thread: &Thread, frame: &mut TrapFrame) {
    let process = thread.process.as_ref().expect("a program's thread");
    while let Some(signal) = take(thread, process) {
        let Some(action) = process.signals.action(signal) else { continue };
        if action.handler == IGNORE || action.handler == DEFAULT && is_ignored_by_default(signal) {
            continue;
        }
        if action.handler == DEFAULT {
            process.kill(signal);
            return;
        }
        match ended_early(frame) {
            Some(ERESTART) if action.flags & RESTART != 0 => frame.call_again(),
            Some(_) => frame.set_answer(EINTR as u64),
            None => {}
        }
        if call_handler(thread, frame, signal, action).is_err() {
            process.kill(SIGSEGV);
            return;
        }
        if action.flags & RESET != 0 {
            process.signals.set_action(signal, Action::default());
        }
    }
    match ended_early(frame) {
        Some(ERESTART_BLOCK) => frame.call_instead(RESTART_SYSCALL),
        Some(_) => frame.call_again(),
        None => {}
    }
}

/// What a call returned that a signal ended early.
fn ended_early(frame: &TrapFrame) -> Option<isize> {
    let answer = frame.answer() as isize;
    (frame.is_of_call() && matches!(answer, ERESTART | ERESTART_BLOCK | ERESTART_NO_HANDLER))
        .then_some(answer)
}

/// The first signal that is due, which is not pending any more.
fn take(thread: &Thread, process: &Process) -> Option<i32> {
    let mask = thread.signals.mask();
    [&thread.signals.pending, &process.signals.pending].into_iter().find_map(|pending| {
        let due = pending.load(Relaxed) & !mask;
        let signal = (due != 0).then(|| due.trailing_zeros() as i32 + 1)?;
        // Another thread may have taken it.
        (pending.fetch_and(!bit(signal), Relaxed) & bit(signal) != 0).then_some(signal)
    })
}

/// What a handler is called for.
pub(crate) struct Delivery {
    pub(crate) signal: i32,
    /// Where the last fault was.
    pub(crate) fault: u64,
    pub(crate) action: Action,
    /// The signals held off, for when it goes back.
    pub(crate) mask: u64,
    /// The start and the length of the stack for handlers.
    pub(crate) alternate: [u64; 2],
}

/// Has the thread go on in its handler, on the stack that it interrupts or the alternate one.
fn call_handler(thread: &Thread, frame: &mut TrapFrame, signal: i32, action: Action) -> Result<(), Fault> {
    let alternate = *thread.signals.alternate.lock();
    let [stack, length] = alternate;
    let is_there = frame.stack().wrapping_sub(stack) <= length && length != 0;
    let goes_there = action.flags & ON_ALTERNATE_STACK != 0 && length != 0 && !is_there;
    let top = if goes_there { stack + length } else { frame.stack().wrapping_sub(RED_ZONE) };
    if action.handler >= USER_TOP {
        return Err(Fault);
    }
    let mask = thread.signals.mask();
    let fault = thread.signals.fault.load(Relaxed);
    frame.call_handler(thread.own_space(), top, &Delivery { signal, fault, action, mask, alternate })?;
    let own = if action.flags & NO_DEFER != 0 { 0 } else { bit(signal) };
    thread.signals.set_mask(mask | action.mask | own);
    Ok(())
}

/// `rt_sigreturn`: the thread goes on where its handler interrupted it.
pub(crate) fn go_back(thread: &Thread, frame: &mut TrapFrame) -> Result<(), Fault> {
    let mask = frame.return_from_handler(thread.own_space())?;
    *thread.restart.lock() = None;
    thread.signals.set_mask(mask);
    Ok(())
}

/// Nobody wants it.
fn is_dropped(process: &Process, signal: i32) -> bool {
    match process.signals.action(signal) {
        None => true,
        Some(Action { handler: IGNORE, .. }) => true,
        Some(Action { handler: DEFAULT, .. }) => is_ignored_by_default(signal),
        Some(_) => false,
    }
}

/// `SIGCHLD`, `SIGCONT`, `SIGURG`, `SIGWINCH`.
fn is_ignored_by_default(signal: i32) -> bool {
    matches!(signal, 17 | 18 | 23 | 28)
}

/// No action changes what these do.
fn is_certain(signal: i32) -> bool {
    matches!(signal, SIGKILL | SIGSTOP)
}

fn index(signal: i32) -> Option<usize> {
    (1..=MOST).contains(&signal).then(|| signal as usize - 1)
}

fn bit(signal: i32) -> u64 {
    index(signal).map_or(0, |index| 1 << index)
}
