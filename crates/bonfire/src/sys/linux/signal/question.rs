//! What is asked of a thread, and its answer: a full fence.

use std::sync::atomic::{
    AtomicI32,
    Ordering::{Acquire, Relaxed, Release, SeqCst},
    fence,
};

use bonfire_abi::Error;
use libc::{c_int, c_void, pid_t, siginfo_t};

use super::Patience;
use crate::SignalFault;

/// How many threads can be asked at a time.
pub(super) const SLOTS: usize = 1024;

/// Where handlers answer: a question turned round by `!` is open, as it is, answered.
static ANSWERS: [AtomicI32; SLOTS] = [const { AtomicI32::new(0) }; SLOTS];

/// Questions so far. Changed in a turn only.
static QUESTION: AtomicI32 = AtomicI32::new(0);

/// A thread that was signalled.
pub(super) struct Asked {
    pub(super) thread: pid_t,
    slot: usize,
    question: i32,
}

/// Signals `thread`, to answer in `slot`; `None` if it is gone.
pub(super) fn ask(
    number: c_int,
    slot: usize,
    thread: pid_t,
    patience: &mut Patience,
) -> Result<Option<Asked>, SignalFault> {
    // The slot in the low bits, so that a signal carries both in one number, and
    // never negative, so that the negation of one question is no other.
    let count = QUESTION.fetch_add(1, Relaxed).wrapping_add(1);
    let question = (count.wrapping_mul(SLOTS as i32) | slot as i32) & i32::MAX;
    ANSWERS[slot].store(!question, Relaxed);
    loop {
        match queue(number, thread, question) {
            Ok(()) => return Ok(Some(Asked { thread, slot, question })),
            Err(libc::ESRCH) => return Ok(None),
            // The queue of signals is full (RLIMIT_SIGPENDING).
            Err(libc::EAGAIN) => patience.wait_or(SignalFault::QueueFull)?,
            Err(errno) => return Err(SignalFault::NotSent(Error::from_errno(errno))),
        }
    }
}

impl Asked {
    pub(super) fn has_answered(&self) -> bool {
        // Acquire. PAIRS(ack): with the exchange in `answer`.
        ANSWERS[self.slot].load(Acquire) == self.question
    }
}

/// The handler. No call that could touch `errno`.
extern "C" fn answer(_number: c_int, info: *mut siginfo_t, _context: *mut c_void) {
    // SAFETY: with SA_SIGINFO the kernel passes a live structure.
    let info = unsafe { &*info };
    // SAFETY: queued signals have a value; of another's signal any bits will do.
    let question = unsafe { info.si_value() }.sival_ptr as usize as i32;
    // PAIRS(heavy): with the light fences of this thread: all that it accessed
    // before them is before this, all after them is after it.
    fence(SeqCst);
    // A signal of a stranger may carry anything, and an answer may come so late
    // that its slot was given to another: neither finds its question open.
    let slot = question as usize % SLOTS;
    // Release. PAIRS(ack): with the load in `has_answered`.
    let _ = ANSWERS[slot].compare_exchange(!question, question, Release, Relaxed);
}

/// Sets the handler, unless it is set.
///
/// On the alternative stack, where a thread has one: the other may be too small.
pub(super) fn install_handler(number: c_int) -> Result<(), SignalFault> {
    if !(libc::SIGRTMIN()..=libc::SIGRTMAX()).contains(&number) {
        return Err(SignalFault::NotRealTime);
    }
    let handler = answer as *const () as usize;
    // SAFETY: all zeros is an action: the default one.
    let mut before: libc::sigaction = unsafe { core::mem::zeroed() };
    // SAFETY: only asks, into a structure that is ours.
    let asked = unsafe { libc::sigaction(number, core::ptr::null(), &raw mut before) };
    if asked == 0 && before.sa_sigaction == handler {
        return Ok(());
    }
    if asked != 0 || before.sa_sigaction != libc::SIG_DFL {
        return Err(SignalFault::Taken);
    }
    let mut ours = before;
    ours.sa_sigaction = handler;
    ours.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART | libc::SA_ONSTACK;
    // SAFETY: the handler fences, loads and exchanges words of its own, and no more.
    let installed = unsafe { libc::sigaction(number, &raw const ours, core::ptr::null_mut()) };
    if installed == 0 { Ok(()) } else { Err(SignalFault::Taken) }
}

/// Keeps the library that the handler is in from being unloaded, if it is in one.
pub(super) fn stay_loaded() {
    // SAFETY: all zeros is such a structure: null pointers.
    let mut object: libc::Dl_info = unsafe { core::mem::zeroed() };
    // SAFETY: the address is that of a function, the structure is ours.
    let found = unsafe { libc::dladdr(answer as *const c_void, &raw mut object) };
    if found != 0 && !object.dli_fname.is_null() {
        // What is never closed is never unloaded. Of the program itself, which
        // needs none of this, the loader knows no such name.
        // SAFETY: the loader's name of an object that is loaded; loads nothing.
        unsafe { libc::dlopen(object.dli_fname, libc::RTLD_NOW | libc::RTLD_NOLOAD | libc::RTLD_NODELETE) };
    }
}

/// Queues the signal to one thread of this process, with a number.
fn queue(number: c_int, thread: pid_t, question: i32) -> Result<(), c_int> {
    /// The head of the kernel's `siginfo_t` as `rt_tgsigqueueinfo` wants it.
    #[repr(C)]
    struct Info {
        signal: c_int,
        errno: c_int,
        code: c_int,
        #[cfg(target_pointer_width = "64")]
        padding: c_int,
        process: pid_t,
        user: libc::uid_t,
        value: usize,
        rest: [u64; 14],
    }
    // SAFETY: numbers only, all zeros is fine.
    let mut info: Info = unsafe { core::mem::zeroed() };
    info.signal = number;
    info.code = libc::SI_QUEUE;
    info.process = std::process::id() as pid_t;
    info.value = question as usize;
    // SAFETY: the structure is at least as long as the kernel reads (128 bytes).
    let sent =
        unsafe { libc::syscall(libc::SYS_rt_tgsigqueueinfo, info.process, thread, number, &raw const info) };
    if sent == 0 { Ok(()) } else { Err(std::io::Error::last_os_error().raw_os_error().unwrap_or(0)) }
}
