//! What can go wrong, by its cause.

use std::{error, fmt, io};

/// Why code could not be placed, published or patched. Nothing weaker was done instead.
#[derive(Debug)]
#[non_exhaustive]
pub enum Fault {
    /// There is no core serialisation: threads that check nothing cannot be made to see new
    /// code. [`Announcer`](crate::Announcer) serves threads that check.
    NoSyncCore(bonfire::Refusal),
    /// No memory of this kind could be had.
    Memory {
        /// What was to be done.
        doing: &'static str,
        /// What the system answered.
        because: io::Error,
    },
    /// The arena has no place left for this many bytes.
    Exhausted {
        /// How many bytes were asked for.
        wanted: usize,
        /// How many the arena has in all.
        length: usize,
    },
    /// The caches could not be maintained: no thread may execute the code.
    Caches {
        /// The call that failed.
        call: &'static str,
        /// What the system answered.
        because: io::Error,
    },
    /// A thread of this architecture, or of this system, cannot serialise itself.
    NoCheck(&'static str),
    /// This instruction cannot be replaced while threads execute it.
    NotPatchable(&'static str),
    /// The arena was made by a process of which this is a forked child: its code is not here.
    Forked,
}

impl Fault {
    /// The last error of the system, met while `doing` something with memory.
    pub(crate) fn of_memory(doing: &'static str) -> Self {
        Self::Memory { doing, because: io::Error::last_os_error() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSyncCore(refusal) => {
                write!(f, "no core serialisation: {refusal}; have threads check, with an `Announcer`")
            }
            Self::Memory { doing, because } if because.raw_os_error() == Some(libc::EACCES) => write!(
                f,
                "could not {doing}: {because}; a security policy refuses executable memory of this kind, \
                 try the other one (`DualMapping`, `Protection`)"
            ),
            Self::Memory { doing, because } => write!(f, "could not {doing}: {because}"),
            Self::Exhausted { wanted, length } => write!(
                f,
                "no place for {wanted} bytes of code in an arena of {length}; free functions, or make another arena"
            ),
            Self::Caches { call, because } => write!(
                f,
                "could not maintain the instruction caches: {call}: {because}; a filter may refuse that call: allow it"
            ),
            Self::NoCheck(reason) | Self::NotPatchable(reason) => f.write_str(reason),
            Self::Forked => {
                f.write_str("this arena is of the parent process; a forked child makes one of its own")
            }
        }
    }
}

impl error::Error for Fault {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Memory { because, .. } | Self::Caches { because, .. } => Some(because),
            Self::NoSyncCore(refusal) => Some(refusal),
            _ => None,
        }
    }
}
