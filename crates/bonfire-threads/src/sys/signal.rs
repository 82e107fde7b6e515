//! Interrupt lines that are signals.
//!
//! A line of a virtual CPU is raised by a real-time signal to its OS thread. Its
//! handler runs on the stack of the virtual thread that is interrupted, at an
//! arbitrary instruction, as an interrupt would; and if that thread's time is
//! up, it is suspended right there.
//!
//! *Interrupts off* is a flag of the virtual CPU, not the signal mask: masking
//! would cost a system call for each critical section. A signal that finds the
//! flag set is noted and served when it is cleared. The signal mask is used in
//! one place: a thread that is suspended within a handler takes signals again
//! before it leaves (the scheduler runs on with them, interrupts off), and masks
//! them again before it clears the flag, so that handlers do not nest on one
//! stack however often their thread is suspended.

use std::io;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::context::Leave;
use super::this_cpu::{self, Line};

/// The number of the real-time signal of a line.
fn number(line: Line) -> libc::c_int {
    libc::SIGRTMIN()
        + match line {
            Line::Poke => 3,
            Line::Tick => 4,
        }
}

/// The wire to the OS thread that is a virtual CPU.
#[derive(Default)]
pub(crate) struct Wire(AtomicUsize);

impl Wire {
    /// Connects the wire to this OS thread, which takes interrupts from now on.
    /// It stays connected until [`disconnect`](Self::disconnect).
    pub(crate) fn connect(&self) {
        install_handlers();
        disable_signal_stack();
        // SAFETY: has no conditions.
        let this = unsafe { libc::pthread_self() };
        self.0.store(this as usize, Relaxed);
    }

    /// Nobody can raise a line of this OS thread any more. It calls this itself,
    /// before it ends and when no other can still be about to.
    pub(crate) fn disconnect(&self) {
        self.0.store(0, Relaxed);
    }

    /// Raises `line`, if somebody is connected.
    pub(crate) fn raise(&self, line: Line) {
        let thread = self.0.load(Relaxed);
        if thread != 0 {
            // SAFETY: the OS thread is alive: it disconnects before it ends.
            // An error is impossible but for a full queue of signals (EAGAIN).
            let result = unsafe { libc::pthread_kill(thread as libc::pthread_t, number(line)) };
            assert_eq!(result, 0, "a signal could not be queued; raise the limit `ulimit -i`");
        }
    }
}

/// Binds this OS thread to one of the host's CPUs, the one in this place among
/// those it may use. It is only faster with it: what fails is left alone.
pub(crate) fn bind(place: usize) {
    let mut allowed = MaybeUninit::<libc::cpu_set_t>::zeroed();
    let size = size_of::<libc::cpu_set_t>();
    // SAFETY: the pointer is to a set of that size.
    let result = unsafe { libc::sched_getaffinity(0, size, allowed.as_mut_ptr()) };
    if result != 0 {
        return;
    }
    // SAFETY: zeroed, and filled in by the call.
    let allowed = unsafe { allowed.assume_init() };
    // SAFETY: each number is below the size of the set.
    let usable = |&cpu: &usize| unsafe { libc::CPU_ISSET(cpu, &allowed) };
    let cpus: Vec<usize> = (0..libc::CPU_SETSIZE as usize).filter(usable).collect();
    let Some(&cpu) = place.checked_rem(cpus.len()).and_then(|place| cpus.get(place)) else { return };
    // SAFETY: a set of bits, for which zeroes are a value.
    let mut one: libc::cpu_set_t = unsafe { MaybeUninit::zeroed().assume_init() };
    // SAFETY: the number came out of such a set.
    unsafe { libc::CPU_SET(cpu, &mut one) };
    // SAFETY: the pointer is to a set of that size.
    let _ = unsafe { libc::sched_setaffinity(0, size, &one) };
}

/// Puts this OS thread before all that have no real-time priority, if that is
/// allowed. It is only steadier with it: what fails is left alone.
pub(crate) fn prioritise(priority: libc::c_int) {
    let parameters = libc::sched_param { sched_priority: priority };
    // SAFETY: the pointer is to parameters of that policy.
    let _ = unsafe { libc::sched_setscheduler(0, libc::SCHED_RR, &parameters) };
}

/// A host's CPU that has more to do may run somebody else now.
pub(crate) fn relax() {
    // SAFETY: has no conditions.
    let _ = unsafe { libc::sched_yield() };
}

/// Installs the handlers, once for the process.
fn install_handlers() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        install(Line::Poke, on_poke);
        install(Line::Tick, on_tick);
    });
}

fn install(line: Line, handler: extern "C" fn(libc::c_int)) {
    // SAFETY: a plain C structure, for which zeroes are a value.
    let mut action: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
    action.sa_sigaction = handler as libc::sighandler_t;
    action.sa_flags = libc::SA_RESTART;
    action.sa_mask = lines();
    // SAFETY: the handlers are async-signal-safe: they allocate nothing, take no
    // lock, and touch only what the virtual CPU of this OS thread owns, unless
    // they interrupt user code, which does none of that either.
    let result = unsafe { libc::sigaction(number(line), &action, ptr::null_mut()) };
    assert_eq!(result, 0, "no signal handler: {}", io::Error::last_os_error());
}

/// The signals of all lines.
fn lines() -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: the pointer is to a set.
    unsafe { libc::sigemptyset(set.as_mut_ptr()) };
    for line in [Line::Poke, Line::Tick] {
        // SAFETY: the set is initialised, and the number is a signal's.
        unsafe { libc::sigaddset(set.as_mut_ptr(), number(line)) };
    }
    // SAFETY: initialised by `sigemptyset`.
    unsafe { set.assume_init() }
}

/// A signal frame remembers the signal stack of the OS thread that it was made
/// on, and its return restores it wherever the thread is by then. None is the
/// same everywhere.
fn disable_signal_stack() {
    let none = libc::stack_t { ss_sp: ptr::null_mut(), ss_flags: libc::SS_DISABLE, ss_size: 0 };
    // SAFETY: the structure is valid, and this does not run on a signal stack.
    unsafe { libc::sigaltstack(&none, ptr::null_mut()) };
}

extern "C" fn on_poke(_: libc::c_int) {
    handle(Line::Poke);
}

extern "C" fn on_tick(_: libc::c_int) {
    handle(Line::Tick);
}

fn handle(line: Line) {
    let mut leaves = this_cpu::current().and_then(|core| core.interrupted(line));
    while let Some(anchor) = leaves {
        mask(libc::SIG_UNBLOCK);
        anchor.suspend(Leave::Preempted);
        // Maybe another OS thread by now; its interrupts are off.
        mask(libc::SIG_BLOCK);
        leaves = this_cpu::current().and_then(|core| core.enable_interrupts());
    }
}

fn mask(how: libc::c_int) {
    // SAFETY: the set is valid.
    let result = unsafe { libc::pthread_sigmask(how, &lines(), ptr::null_mut()) };
    debug_assert_eq!(result, 0);
}
