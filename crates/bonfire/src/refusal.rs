//! Why a process cannot have a barrier, by cause.

use core::fmt;

use bonfire_abi::{Command, Error};

/// Why there is no token to be had.
///
/// # Design
/// Causes, not numbers: one error number stands for several causes
/// (`EPERM` is a filter here, and a missing registration there), and the
/// remedies differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// The system has no such call: Linux before 4.14 or built without it,
    /// FreeBSD before 14.1.
    NoSuchCall,
    /// The system has the call, but not this command.
    NoSuchCommand(Command),
    /// The kernel was booted with `nohz_full`, so it refuses
    /// [`Command::Global`]. The other commands are not concerned.
    NohzFull,
    /// A filter stands before the call.
    Filtered(Filter),
    /// The call says that it succeeded and orders nothing: [`verify`] saw it.
    ///
    /// [`verify`]: crate#verify
    Lying,
    /// The kernel found no memory to register this process; asking again may
    /// help.
    OutOfMemory,
    /// No thread could be started for what was to happen in the background.
    NoThread,
    /// There can be no fences by signals either, for this cause.
    #[cfg(feature = "signal")]
    Signal(crate::SignalFault),
}

/// What the filter before the call does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Filter {
    /// It fails the call with this error, which the kernel would not give.
    Refuses(Error),
    /// It kills the caller; a child was killed in place of this process.
    Kills,
    /// The platform is known to kill (Android before 10): nothing was called.
    Platform,
    /// There is a filter, and no child could be made to ask what it does.
    NotAskable,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchCall => f.write_str(
                "the system has no process-wide barrier; use Linux 4.14, FreeBSD 14.1 or later, or a policy \
                 other than to refuse",
            ),
            Self::NoSuchCommand(command) => write!(
                f,
                "the kernel has membarrier but not {command}; a later kernel, or one built with it, has"
            ),
            Self::NohzFull => f.write_str(
                "the kernel runs with nohz_full, where GLOBAL is not available; use the private commands",
            ),
            Self::Filtered(filter) => write!(f, "{filter}; let membarrier through it"),
            Self::Lying => f.write_str(
                "the kernel says that membarrier succeeded, but nothing was ordered; look for an emulator or \
                 a filter that returns 0",
            ),
            Self::OutOfMemory => f.write_str("the kernel found no memory to register; try again"),
            Self::NoThread => f.write_str("no thread could be started; register in this one"),
            #[cfg(feature = "signal")]
            Self::Signal(fault) => fault.fmt(f),
        }
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refuses(error) => write!(f, "a filter fails membarrier with error {}", error.errno()),
            Self::Kills => f.write_str("a filter kills whoever calls membarrier"),
            Self::Platform => f.write_str("this Android kills whoever calls membarrier; 10 and later do not"),
            Self::NotAskable => f.write_str("a filter is in force, and no child could be made to try it"),
        }
    }
}

impl core::error::Error for Refusal {}
