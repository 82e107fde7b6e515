//! Registering without making the caller wait.

use std::thread::{self, JoinHandle};
use std::{io, mem};

use crate::{Memory, Refusal, Rseq, SyncCore, sys};

/// A registration under way; what it comes to is a `T`.
#[derive(Debug)]
#[must_use = "dropping it is fine, but then nobody learns why a registration was refused"]
pub struct Background<T> {
    progress: Progress<T>,
    register: fn() -> Result<T, Refusal>,
}

#[derive(Debug)]
enum Progress<T> {
    Done(Result<T, Refusal>),
    /// By a thread of the process with this number.
    UnderWay(JoinHandle<Result<T, Refusal>>, u32),
}

impl<T: Send + 'static> Background<T> {
    pub(crate) fn start(register: fn() -> Result<T, Refusal>) -> Self {
        if sys::is_single_threaded() {
            return Self { progress: Progress::Done(register()), register };
        }
        let progress = match spawn(register) {
            Ok(thread) => Progress::UnderWay(thread, sys::process_id()),
            Err(_) => Progress::Done(Err(Refusal::NoThread)),
        };
        Self { progress, register }
    }

    /// Whether [`wait`](Self::wait) would return at once, or nearly so.
    #[must_use]
    pub fn is_done(&self) -> bool {
        match &self.progress {
            Progress::Done(_) => true,
            // A child forked meanwhile has one thread, and registers when asked.
            Progress::UnderWay(thread, process) => *process != sys::process_id() || thread.is_finished(),
        }
    }

    /// Waits until it is done. In a child that was forked meanwhile, which has
    /// no such thread, it registers here.
    ///
    /// # Errors
    /// Why it was refused, or [`Refusal::NoThread`].
    pub fn wait(self) -> Result<T, Refusal> {
        match self.progress {
            Progress::Done(result) => result,
            Progress::UnderWay(thread, process) if process != sys::process_id() => {
                // To give it up would be a word with a thread of another process.
                mem::forget(thread);
                (self.register)()
            }
            Progress::UnderWay(thread, _) => thread.join().unwrap_or(Err(Refusal::NoThread)),
        }
    }
}

/// A thread that registers.
pub(crate) fn spawn<T: Send + 'static>(
    register: impl FnOnce() -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    let work = || {
        // A scheduler may run it first where its starter waits to go on.
        thread::yield_now();
        register()
    };
    // It makes a dozen system calls and no deep ones. A name would cost the
    // caller a fifteenth of its wait.
    thread::Builder::new().stack_size(64 << 10).spawn(work)
}

/// Adds registration in the background to the token of a flavour.
macro_rules! in_background {
    ($($token:ident)*) => {
        $(
            impl $token {
                /// Registers without making the caller wait, for this flavour alone; see
                /// [`process::register_in_background`](crate::process::register_in_background).
                pub fn register_in_background() -> Background<Self> {
                    Background::start(Self::register)
                }
            }
        )*
    };
}

in_background!(Memory SyncCore Rseq);
