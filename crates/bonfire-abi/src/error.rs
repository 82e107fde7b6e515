//! Errors by cause. The numbers are here and nowhere else.

use core::fmt;

/// What a call that was let through can fail with, by cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Error {
    /// `EPERM`: the address space did not register for this flavour.
    NotRegistered,
    /// `EINVAL`: no such command, flags it does not take, or a command this
    /// kernel does not have.
    InvalidArgument,
    /// `ENOSYS`: the kernel has no such call, or a filter says so.
    NotSupported,
    /// `ENOMEM`: the kernel found no memory for its set of CPUs.
    OutOfMemory,
    /// Any other number: of a filter, or of a kernel unlike any known.
    Other(i32),
}

/// The outcome of a call.
pub type Result<T> = core::result::Result<T, Error>;

impl Error {
    /// The cause with this (positive) number.
    #[must_use]
    pub const fn from_errno(errno: i32) -> Self {
        match errno {
            1 => Self::NotRegistered,
            12 => Self::OutOfMemory,
            22 => Self::InvalidArgument,
            ENOSYS => Self::NotSupported,
            other => Self::Other(other),
        }
    }

    /// The (positive) number of this cause.
    #[must_use]
    pub const fn errno(self) -> i32 {
        match self {
            Self::NotRegistered => 1,
            Self::OutOfMemory => 12,
            Self::InvalidArgument => 22,
            Self::NotSupported => ENOSYS,
            Self::Other(errno) => errno,
        }
    }
}

/// `ENOSYS` is one of the numbers on which architectures do not agree.
const ENOSYS: i32 = if cfg!(any(target_arch = "mips", target_arch = "mips64")) {
    89
} else if cfg!(any(target_arch = "sparc", target_arch = "sparc64")) {
    90
} else {
    38
};

/// What a raw return value says: a value, or an error as its negated number.
///
/// # Errors
/// The cause, for values from -4095 to -1.
pub const fn from_return(value: isize) -> Result<u32> {
    match value {
        -4095..=-1 => Err(Error::from_errno(-(value as i32))),
        value => Ok(value as u32),
    }
}

/// The raw return value that says this: of a [`Result`], or of one whose errors
/// are some of these.
#[must_use]
pub fn to_return<E: Into<Error>>(result: core::result::Result<u32, E>) -> isize {
    match result {
        Ok(value) => value as isize,
        Err(error) => -(error.into().errno() as isize),
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRegistered => {
                f.write_str("the process did not register for this command; issue its REGISTER command first")
            }
            Self::InvalidArgument => f.write_str(
                "the kernel does not have this command, or not with these flags; ask QUERY what it has",
            ),
            Self::NotSupported => f.write_str("the kernel has no membarrier, or a filter hides it"),
            Self::OutOfMemory => f.write_str("the kernel found no memory for the call; try again"),
            Self::Other(errno) => write!(
                f,
                "membarrier failed with error number {errno}, which no kernel gives; look for a filter"
            ),
        }
    }
}

impl core::error::Error for Error {}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::ToString;

    #[test]
    fn an_error_says_its_cause_and_what_to_do() {
        assert!(Error::NotRegistered.to_string().contains("issue its REGISTER command first"));
        assert!(Error::InvalidArgument.to_string().contains("ask QUERY"));
        assert!(Error::NotSupported.to_string().contains("a filter hides it"));
        assert!(Error::OutOfMemory.to_string().contains("try again"));
        assert!(Error::Other(5).to_string().contains("error number 5"));
    }

    #[test]
    fn a_cause_survives_the_way_through_a_register() {
        for errno in 1..=4095 {
            let error = Error::from_errno(errno);
            assert_eq!(error.errno(), errno);
            assert_eq!(from_return(to_return(Err(error))), Err(error));
        }
        for value in [0, 1, 0x3ff, 0x7fff_ffff] {
            assert_eq!(from_return(to_return(Ok::<_, Error>(value))), Ok(value));
        }
    }
}
