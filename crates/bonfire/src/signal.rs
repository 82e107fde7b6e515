//! Fences where the kernel has no barrier and readers must not pay: a signal to
//! every thread (feature `signal`).
//!
//! How a round of signals goes is told where it is done, in `sys/linux/signal`.
//! What is here is what a program sees of it: the token, and what can go wrong.

use core::fmt::{self, Write};
use std::time::Duration;

use bonfire_abi::Error;

use crate::barrier::{Sealed, fence_between};
use crate::{Barrier, Refusal, late, sys};

/// Light and heavy fences where the kernel has no barrier: the heavy one
/// signals every thread and waits until each has answered (feature `signal`).
///
/// # What it needs
/// - A *real-time* signal that nothing else uses (`SIGRTMIN()+n` of libc). Others
///   are not queued: a question could be lost.
/// - That no thread blocks it for long, or waits for it with `sigwait`: threads
///   inherit the mask of their creator. (C libraries block all signals while a
///   thread begins and ends; that is waited out.)
/// - `/proc`, to list the threads. It is kept open from installation on, so
///   that a later `chroot`, or a want of descriptors, does no harm; a forked
///   child opens its own at its first heavy fence.
///
/// [`install`](Self::install) proves all that by one round, or refuses with the
/// cause. What it cannot know is what comes later, so a heavy fence may still
/// wait in vain: [`heavy_within`](Self::heavy_within) then says for whom, and
/// [`heavy`](Barrier::heavy) ends the process with the same words.
///
/// # Where it stands, place by place
/// | a thread that | is |
/// |---|---|
/// | begins or ends | met, or in no need of a fence |
/// | runs on a small stack with an alternative one (`sigaltstack`) | answers there |
/// | blocks the signal, or takes it with `sigwait` | [`Silence::Blocks`], after 2 seconds asleep |
/// | is in `vfork`, or in a file system that does not answer | waited for, then [`Silence::Uninterruptible`] |
/// | is stopped, or held by a debugger | waited for, then [`Silence::Stopped`], [`Silence::Traced`] |
/// | shares the memory but not the process (`CLONE_VM` alone) | **not met**: it is not listed; use none |
///
/// A process whose `/proc` is that of another PID namespace is refused
/// ([`SignalFault::OtherNamespace`]). Stops of the whole process, and sleeps of
/// the machine, do not count as waiting. A library that installs is never
/// unloaded again: `dlclose` would leave the handler without code.
///
/// # Cost
/// About 6 microseconds for each thread. One round of signals at a time runs in
/// the process; callers who find one under way share the next, so nobody waits
/// for more than two. Blocking system calls of the program are restarted, except
/// those that never are (`epoll_wait`, `nanosleep` …; signal(7)), which fail with
/// `EINTR`.
///
/// Not for signal handlers: the thread that has the turn may be the one
/// interrupted. A forked child may use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signal(());

/// How long installation waits, at most, for every thread to answer once.
const AT_INSTALLATION: Duration = Duration::from_secs(5);

/// How long a heavy fence waits, at most, before it ends the process.
const AT_HEAVY: Duration = Duration::from_secs(60);

impl Signal {
    /// Installs the handler for signal `number`, once for the process, and has
    /// every thread answer it once: at most 5 seconds.
    ///
    /// Any number of threads may do so at once; a token means that the handler
    /// stands. After a refusal the handler stays where it was set, for the
    /// signal may still be on its way, and may be asked for again.
    ///
    /// ```
    /// # #[cfg(target_os = "linux")] {
    /// use bonfire::{Barrier, Signal};
    /// # mod libc { pub fn SIGRTMAX() -> i32 { 64 } }
    /// match Signal::install(libc::SIGRTMAX() - 1) {
    ///     Ok(signal) => signal.heavy(),
    ///     Err(refusal) => eprintln!("no fences by signals: {refusal}"),
    /// }
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Refusal::Signal`], with the cause.
    pub fn install(number: i32) -> Result<Self, Refusal> {
        sys::signal::install(number, AT_INSTALLATION).map_err(Refusal::Signal)?;
        Ok(Self(()))
    }

    /// The token, if a signal was installed: one load.
    #[inline]
    #[must_use]
    pub fn get() -> Option<Self> {
        sys::signal::is_installed().then_some(Self(()))
    }

    /// A heavy fence, if every thread answers before the caller has waited for
    /// about as long as `patience`.
    ///
    /// # Errors
    /// Who did not answer, or what else was in the way. *Nothing is ordered
    /// then*; the caller may try again.
    pub fn heavy_within(self, patience: Duration) -> Result<(), SignalFault> {
        // PAIRS(heavy): with `light`, through the handler of each thread.
        sys::signal::heavy_within(patience)
    }
}

impl Sealed for Signal {}

impl Barrier for Signal {
    #[inline(always)]
    fn light(self) {
        // PAIRS(heavy): with the fence in the handler, on this same thread.
        sys::light();
    }

    /// Ends the process with a message if a thread does not answer for a minute,
    /// or is found to block the signal.
    fn heavy(self) {
        if let Err(fault) = self.heavy_within(AT_HEAVY) {
            let mut text = late::Text::new();
            let _ = writeln!(text, "bonfire: no heavy fence by signals: {fault}");
            late::end(text.as_str());
        }
    }

    fence_between!();
}

/// What is in the way of fences by signals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignalFault {
    /// This platform has none; they are for Linux.
    Unsupported,
    /// The signal is not a real-time one.
    NotRealTime,
    /// The signal has another handler, or is ignored, or cannot be caught; or
    /// another signal was installed before.
    Taken,
    /// The threads cannot be listed, for this reason: there is no `/proc`, or no
    /// descriptor left.
    Hidden(Error),
    /// `/proc` is that of another PID namespace, whose numbers are not ours.
    OtherNamespace,
    /// A thread did not answer.
    Silent {
        /// Its number (`gettid`).
        thread: i32,
        /// Why, as far as can be seen.
        silence: Silence,
    },
    /// The queue of signals was full all the time (`RLIMIT_SIGPENDING`).
    QueueFull,
    /// The signal cannot be sent, for this reason: a filter.
    NotSent(Error),
    /// Another thread was at it all the time.
    Busy,
}

/// Why a thread does not answer a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Silence {
    /// It blocks the signal, or takes it with `sigwait`.
    Blocks,
    /// It was stopped by a signal.
    Stopped,
    /// A debugger holds it.
    Traced,
    /// It waits in the kernel where no signal reaches it: in `vfork`, until the
    /// child starts its program, or in a file system that does not answer.
    Uninterruptible,
    /// It could run, and was given no time to.
    NotRun,
    /// Nothing is to be seen.
    Unknown,
}

impl fmt::Display for SignalFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsupported => f.write_str("this platform has no fences by signals; use full fences"),
            Self::NotRealTime => f.write_str("the signal is not queued; choose a real-time one"),
            Self::Taken => f.write_str("the signal has a handler or cannot be caught; choose another"),
            Self::Hidden(error) => write!(
                f,
                "the threads of this process cannot be listed (error {}); mount /proc, or leave a descriptor \
                 free",
                error.errno()
            ),
            Self::OtherNamespace => f.write_str(
                "/proc is that of another PID namespace; mount one for this namespace (unshare --mount-proc)",
            ),
            Self::Silent { thread, silence } => write!(f, "thread {thread} does not answer: {silence}"),
            Self::QueueFull => f.write_str("the kernel queues no signal; raise RLIMIT_SIGPENDING"),
            Self::NotSent(error) => write!(
                f,
                "the signal cannot be sent (error {}); let rt_tgsigqueueinfo through the filter",
                error.errno()
            ),
            Self::Busy => f.write_str("another thread was at it all the time; try again, with more patience"),
        }
    }
}

impl fmt::Display for Silence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Blocks => "it blocks the signal, or waits for it; unblock it in every thread",
            Self::Stopped => "it is stopped; let it go on (SIGCONT)",
            Self::Traced => "a debugger holds it; let it go on",
            Self::Uninterruptible => {
                "it waits where no signal reaches it, as in vfork; have more patience, or start programs by \
                 posix_spawn"
            }
            Self::NotRun => "it is given no time to run; have more patience, or look at its priority",
            Self::Unknown => "nothing is to be seen of why; have more patience",
        })
    }
}

impl core::error::Error for SignalFault {}
