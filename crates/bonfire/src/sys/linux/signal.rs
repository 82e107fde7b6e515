//! A heavy fence made of signals: one to every thread, each acknowledged.
//!
//! The handler is a full fence and an acknowledgement. A heavy fence lists the
//! threads of the process, signals each, waits for each, and lists again,
//! until a listing brings no thread that it has not met. A thread that ends
//! meanwhile needs no fence, nor does one that begins: the kernel's own
//! barriers stand between its creation and its first access.
//!
//! | edge | one side | other side |
//! |------|----------|------------|
//! | heavy | the light fences of a thread | the fence in its handler |
//! | round | [`play_round`], after all have answered | [`has_ended_since`], of those who shared it |
//! | ack | [`answer`], after the fence | [`Asked::has_answered`], before the fence at the end |

use std::string::{String, ToString};
use std::sync::atomic::{
    AtomicI32, AtomicU32,
    Ordering::{Acquire, Relaxed, Release, SeqCst},
    fence,
};
use std::time::Duration;
use std::vec::Vec;
use std::{fs, thread};

use libc::{c_int, c_void, pid_t, siginfo_t};

use crate::turn::Turn;
use crate::{Barrier, Refusal, late};

/// Light and heavy fences where the kernel has no barrier: the heavy one
/// signals every thread (feature `signal`).
///
/// # What it needs
/// - A signal that nothing else uses; a real-time one is a good choice
///   (`SIGRTMIN()+n` of libc).
/// - That no thread blocks it, now or later: threads inherit the mask of their
///   creator. A thread found asleep with the signal blocked ends the process
///   with a message, for without its answer nothing is ordered. (C libraries
///   block all signals while a thread begins and ends; that is waited out.)
/// - `/proc`, to list the threads.
///
/// Blocking system calls of the program are restarted, except those that never
/// are (`epoll_wait`, `nanosleep` …; signal(7)), which fail with `EINTR`.
///
/// # Cost and bounds
/// About 6 microseconds for each thread, more than linear beyond some hundred
/// threads. One round of signals at a time runs in the process; callers who find
/// one under way share the next, so nobody waits for more than two. A thread
/// that does not answer for a minute of the waiter's patience ends the process
/// with a message.
///
/// Not for signal handlers: the thread that has the turn may be the one
/// interrupted. A forked child may use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signal(());

/// The signal that was installed; 0 for none. Set once.
static NUMBER: AtomicI32 = AtomicI32::new(0);

/// The turn of heavy fences.
static TURN: Turn = Turn::new();

impl Signal {
    /// Installs the handler for signal `number`, once for the process.
    ///
    /// # Errors
    /// [`Refusal::SignalTaken`] if the signal has a handler, is ignored, cannot
    /// be caught, or if another was installed before;
    /// [`Refusal::SignalBlocked`] if a thread blocks it or the threads cannot
    /// be listed.
    pub fn install(number: i32) -> Result<Self, Refusal> {
        // SeqCst: pairs with the same exchange of whoever else installs, of whom
        // one is the first.
        let installed = NUMBER.compare_exchange(0, number, SeqCst, SeqCst).unwrap_or_else(|before| before);
        match installed {
            0 => install_handler(number).inspect_err(|_| NUMBER.store(0, SeqCst))?,
            before if before == number => {}
            _ => return Err(Refusal::SignalTaken),
        }
        for _ in 0..SETTLING {
            let threads = threads().ok_or(Refusal::SignalBlocked)?;
            if !threads.into_iter().any(|thread| blocks(thread, number)) {
                return Ok(Self(()));
            }
            nap();
        }
        Err(Refusal::SignalBlocked)
    }
}

impl Barrier for Signal {
    #[inline(always)]
    fn light(self) {
        // PAIRS(heavy): with the fence in `answer`, on this same thread.
        super::light();
    }

    fn heavy(self) {
        // PAIRS(heavy): what was stored before is seen by whoever is created,
        // or handles a signal, after the threads were listed: here, or by
        // another whose round begins after `BEGUN` was read.
        fence(SeqCst);
        let begun = BEGUN.load(Relaxed);
        while !has_ended_since(begun) {
            match TURN.take() {
                Some(_taken) => play_round(),
                None => thread::yield_now(),
            }
        }
        // PAIRS(heavy): what every thread stored before it answered is seen by
        // loads from here on.
        fence(SeqCst);
    }
}

/// Rounds of signals begun, and the last that ended. Changed in a turn only.
///
/// Who finds the turn taken need not have it: a round that begins after its own
/// fence does what its own would. So nobody waits for more than two.
static BEGUN: AtomicU32 = AtomicU32::new(0);
static ENDED: AtomicU32 = AtomicU32::new(0);

/// One round, in a turn.
fn play_round() {
    let round = BEGUN.fetch_add(1, Relaxed).wrapping_add(1);
    // PAIRS(heavy): with the fence of whoever read an older `BEGUN` after it. Its
    // fence is the earlier one, so its stores are seen wherever this round's are.
    fence(SeqCst);
    ask_everyone();
    // Release. PAIRS(round): with the load in `has_ended_since`, of those who
    // waited: the answers are theirs, too.
    ENDED.store(round, Release);
}

/// Whether a round that came after this number has ended.
fn has_ended_since(begun: u32) -> bool {
    // Acquire. PAIRS(round): with the store in `play_round`.
    ENDED.load(Acquire).wrapping_sub(begun) as i32 > 0
}

/// Signals and awaits every thread but this one.
fn ask_everyone() {
    // SAFETY: takes nothing and cannot fail.
    let mut met = Vec::from([unsafe { libc::gettid() }]);
    let mut quiet = 0;
    // A listing is not made in one instant, and a thread that ends may hide
    // others behind it: only the second one without news counts.
    while quiet < 2 {
        let Some(threads) = threads() else {
            late::end("bonfire: /proc/self/task cannot be read any more\n")
        };
        let new: Vec<pid_t> = threads.into_iter().filter(|thread| !met.contains(thread)).collect();
        quiet = if new.is_empty() { quiet + 1 } else { 0 };
        for batch in new.chunks(ANSWERS.len()) {
            let asked: Vec<Asked> =
                batch.iter().enumerate().map(|(slot, &thread)| ask(slot, thread)).collect();
            asked.iter().for_each(Asked::await_answer);
        }
        met.extend(new);
    }
}

/// Where handlers answer: with the number of the question.
static ANSWERS: [AtomicI32; 1024] = [const { AtomicI32::new(0) }; 1024];

/// Questions so far. Changed in a turn only.
static QUESTION: AtomicI32 = AtomicI32::new(0);

/// A thread that was signalled.
struct Asked {
    thread: pid_t,
    slot: usize,
    question: i32,
}

/// Signals `thread`, to answer in `slot`.
fn ask(slot: usize, thread: pid_t) -> Asked {
    // The slot in the low bits, so that a signal carries both in one number.
    let count = QUESTION.fetch_add(1, Relaxed).wrapping_add(1);
    let question = count.wrapping_mul(1 << 10) | slot as i32;
    let asked = Asked { thread, slot, question };
    // An answer of long ago could bear the same number.
    ANSWERS[slot].store(!question, Relaxed);
    for _ in 0..PATIENCE {
        match queue(thread, question) {
            // The queue of signals is full (RLIMIT_SIGPENDING).
            Err(libc::EAGAIN) => nap(),
            // Sent, or the thread is gone, which `await_answer` finds out.
            _ => return asked,
        }
    }
    late::end("bonfire: the kernel queues no signal; raise RLIMIT_SIGPENDING\n")
}

/// How many naps a thread has to answer.
const PATIENCE: u32 = 60_000;

/// How many naps a thread may sleep with the signal blocked: C libraries block
/// all signals for moments, in which a thread may wait for a lock.
const BLOCKED_PATIENCE: u32 = 2_000;

/// How many naps installation waits for such moments to pass.
const SETTLING: u32 = 200;

fn nap() {
    thread::sleep(Duration::from_millis(1));
}

impl Asked {
    fn has_answered(&self) -> bool {
        // Acquire. PAIRS(ack): with the store in `answer`.
        ANSWERS[self.slot].load(Acquire) == self.question
    }

    /// Returns when the thread has answered or is gone.
    fn await_answer(&self) {
        for _ in 0..100 {
            if self.has_answered() {
                return;
            }
            thread::yield_now();
        }
        let mut asleep_blocking = 0;
        for _ in 0..PATIENCE {
            if self.has_answered() || is_gone(self.thread) {
                return;
            }
            asleep_blocking += u32::from(sleeps(self.thread) && blocks(self.thread, NUMBER.load(Relaxed)));
            if asleep_blocking == BLOCKED_PATIENCE {
                late::end(
                    "bonfire: a thread blocks the signal that heavy fences need; unblock it in every thread\n",
                );
            }
            nap();
        }
        late::end("bonfire: a thread did not answer the signal that heavy fences need\n")
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
    // A signal of a stranger may carry anything: it is answered, and awaited
    // by nobody.
    let slot = question as usize % ANSWERS.len();
    // Release. PAIRS(ack): with the load in `has_answered`.
    ANSWERS[slot].store(question, Release);
}

fn install_handler(number: i32) -> Result<(), Refusal> {
    // SAFETY: all zeros is an action: the default one.
    let mut before: libc::sigaction = unsafe { core::mem::zeroed() };
    // SAFETY: only asks, into a structure that is ours.
    let asked = unsafe { libc::sigaction(number, core::ptr::null(), &raw mut before) };
    if asked != 0 || before.sa_sigaction != libc::SIG_DFL {
        return Err(Refusal::SignalTaken);
    }
    let mut ours = before;
    ours.sa_sigaction = answer as *const () as usize;
    ours.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART;
    // SAFETY: the handler fences, loads and stores words of its own, and no more.
    let installed = unsafe { libc::sigaction(number, &raw const ours, core::ptr::null_mut()) };
    if installed == 0 { Ok(()) } else { Err(Refusal::SignalTaken) }
}

/// Queues our signal to one thread, with a number.
fn queue(thread: pid_t, question: i32) -> Result<(), c_int> {
    /// The head of the kernel's `siginfo_t` as `rt_sigqueueinfo` wants it.
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
    info.signal = NUMBER.load(Relaxed);
    info.code = libc::SI_QUEUE;
    info.process = std::process::id() as pid_t;
    info.value = question as u32 as usize;
    // SAFETY: the structure is at least as long as the kernel reads (128 bytes).
    let sent = unsafe {
        libc::syscall(libc::SYS_rt_tgsigqueueinfo, info.process, thread, info.signal, &raw const info)
    };
    if sent == 0 { Ok(()) } else { Err(std::io::Error::last_os_error().raw_os_error().unwrap_or(0)) }
}

/// The threads of this process, at some moments; `None` without `/proc`.
fn threads() -> Option<Vec<pid_t>> {
    let entries = fs::read_dir("/proc/self/task").ok()?;
    Some(entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect())
}

/// Whether a thread has ended, or is a leader that waits for the others to.
fn is_gone(thread: pid_t) -> bool {
    let state = line_of(thread, "State:");
    state.is_none_or(|state| state.starts_with(['Z', 'X']))
}

/// Whether a thread waits for something in the kernel.
fn sleeps(thread: pid_t) -> bool {
    line_of(thread, "State:").is_some_and(|state| state.starts_with('S'))
}

/// Whether a thread blocks signal `number`.
fn blocks(thread: pid_t, number: i32) -> bool {
    let mask = line_of(thread, "SigBlk:").and_then(|mask| u64::from_str_radix(&mask, 16).ok());
    mask.is_some_and(|mask| mask & 1 << (number - 1) != 0)
}

/// What a thread's status says after `key`.
fn line_of(thread: pid_t, key: &str) -> Option<String> {
    let status = fs::read_to_string(std::format!("/proc/self/task/{thread}/status")).ok()?;
    Some(status.lines().find_map(|line| line.strip_prefix(key))?.trim().to_string())
}
