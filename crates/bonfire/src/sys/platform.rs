//! The platform of every system without the call, of Miri, and of
//! `--cfg bonfire_fences`: a full fence on both sides.
//!
//! Two full fences are ordered with each other whatever the system, so the
//! contract holds; only the price of the light one is lost. Miri runs this
//! file, which makes the fallback the checkable model of all the others.

use core::sync::atomic::{Ordering::SeqCst, fence};

use bonfire_abi::{Call, Command, Commands, Error, Flavour};

use crate::Refusal;

#[cfg(feature = "signal")]
#[path = "no_signal.rs"]
pub(crate) mod signal;

/// PAIRS(heavy): with the fence in [`call`], of any other thread.
#[inline(always)]
pub(crate) fn light() {
    fence(SeqCst);
}

/// What a kernel would be asked for, done with the one means there is.
pub(crate) fn call(call: Call) -> Result<u32, Error> {
    match call.command()?.0 {
        Command::RegisterPrivateExpedited => Ok(0),
        Command::Query => Ok(commands().mask()),
        Command::PrivateExpedited => {
            // PAIRS(heavy): with the fence in `light`, of any other thread.
            fence(SeqCst);
            Ok(0)
        }
        _ => Err(Error::InvalidArgument),
    }
}

/// Nothing to register with: full fences need nobody's help.
pub(crate) fn register(flavour: Flavour) -> Result<(), Error> {
    call(Call::new(flavour.registration())).map(drop)
}

/// Nobody stands before these calls.
#[expect(clippy::unnecessary_wraps, reason = "platforms with a kernel can refuse")]
pub(crate) fn may_call(_commands: &[Command]) -> Result<(), Refusal> {
    Ok(())
}

/// There are no filters.
pub(crate) fn may_be_filtered() -> bool {
    false
}

/// Nothing forks here that this crate could know of.
pub(crate) fn prepare() {}

/// No word is emptied on the way to a child.
pub(crate) fn word() -> Option<&'static core::sync::atomic::AtomicU32> {
    None
}

fn commands() -> Commands {
    Commands::NONE.with(Command::PrivateExpedited).with(Command::RegisterPrivateExpedited)
}

/// Nobody to tell it to: the panic that follows carries the same text.
pub(crate) fn complain(_text: &str) {}

/// One number: nothing forks here that this crate could know of.
#[cfg(feature = "std")]
pub(crate) fn process_id() -> u32 {
    1
}

#[cfg(any(feature = "std", feature = "early"))]
pub(crate) fn is_single_threaded() -> bool {
    // Registration waits for nothing here.
    true
}

/// Left to the scheduler here.
#[cfg(feature = "std")]
pub(crate) fn settler() -> fn(usize) {
    |_| ()
}

/// Left to the scheduler here.
#[cfg(feature = "std")]
pub(crate) fn cpus() -> Option<usize> {
    std::thread::available_parallelism().ok().map(usize::from)
}
