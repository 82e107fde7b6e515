//! Issues a command for which the process is registered.
//!
//! Two things can still fail, and each is met here by one policy:
//!
//! - *Memory in the kernel*: ask again, [`RETRIES`] times. The kernel itself waits for
//!   memory before it says that there is none, so no time needs to pass in between.
//! - *The registration*, which some kernels do not hand on to a forked child or
//!   restore from a checkpoint: register once more, and ask again.
//!
//! If that does not help, the process ends.

use core::mem;

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
        Err(error) => {
            insist(call, error);
            true
        }
    }
}

#[cold]
fn insist(call: Call, first: Error) {
    let (mut error, mut again) = (first, true);
    for _ in 0..RETRIES {
        match error {
            Error::OutOfMemory => core::hint::spin_loop(),
            Error::NotRegistered if mem::take(&mut again) => {
                register_again(call).unwrap_or_else(|refused| late::fail(call, refused));
            }
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

/// Registers for what `call` needs. What was registered before counts no more.
fn register_again(call: Call) -> Result<(), Error> {
    let (command, _) = call.command()?;
    let flavour = command.needs().ok_or(Error::NotRegistered)?;
    (0..RETRIES)
        .map(|_| sys::call(Call::new(flavour.registration())).map(drop))
        .find(|outcome| *outcome != Err(Error::OutOfMemory))
        .unwrap_or(Err(Error::OutOfMemory))
}

/// The call, counted if the program wants counts.
#[inline]
pub(crate) fn attempt(call: Call) -> Result<u32, Error> {
    #[cfg(feature = "statistics")]
    return crate::statistics::counted(call, || sys::call(call));
    #[cfg(not(feature = "statistics"))]
    sys::call(call)
}
