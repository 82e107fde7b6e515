//! Issues a command for which the process is registered.
//!
//! What can still fail is memory in the kernel, which is met here by the one
//! policy that the crate has: ask again, [`RETRIES`] times, then end the
//! process. The kernel itself waits for memory before it says that there is
//! none, so no time needs to pass in between.

use bonfire_abi::{Call, Error};

use crate::{late, sys};

/// How often a call that found no memory is repeated.
pub(crate) const RETRIES: usize = 1000;

/// Issues `call`, come what may.
#[inline]
pub(crate) fn issue(call: Call) {
    if let Err(error) = attempt(call) {
        insist(call, error);
    }
}

/// Issues `call` once; `false` if the kernel found no memory for it.
#[inline]
pub(crate) fn issue_once(call: Call) -> bool {
    match attempt(call) {
        Ok(_) => true,
        Err(Error::OutOfMemory) => false,
        Err(error) => late::fail(call, error),
    }
}

#[cold]
fn insist(call: Call, first: Error) {
    let mut error = first;
    for _ in 0..RETRIES {
        match error {
            Error::OutOfMemory => core::hint::spin_loop(),
            // A filter that came late, or a kernel that changed its mind.
            error => late::fail(call, error),
        }
        match attempt(call) {
            Ok(_) => return,
            Err(next) => error = next,
        }
    }
    late::fail(call, error)
}

/// The call, counted if the program wants counts.
#[inline]
pub(crate) fn attempt(call: Call) -> Result<u32, Error> {
    #[cfg(feature = "statistics")]
    return crate::statistics::counted(call, || sys::call(call));
    #[cfg(not(feature = "statistics"))]
    sys::call(call)
}
