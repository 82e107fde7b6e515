//! Windows: `FlushProcessWriteBuffers`.
//!
//! It interrupts every processor that runs a thread of the process, since
//! Vista, and knows neither registration nor failure. It is not said to
//! serialise instruction streams, so core fences are refused here.
#![expect(unsafe_code, reason = "the system's function is foreign")]

use core::arch::asm;

use bonfire_abi::{Call, Command, Commands, Error, Flavour};

use crate::Refusal;

#[cfg(feature = "signal")]
#[path = "no_signal.rs"]
pub(crate) mod signal;

#[link(name = "kernel32")]
unsafe extern "system" {
    fn FlushProcessWriteBuffers();
}

/// An order to the compiler; see the platform of Linux, which says why.
#[inline(always)]
pub(crate) fn light() {
    // SAFETY: there is no instruction.
    unsafe { asm!("", options(nostack, preserves_flags)) }
}

/// What Linux would be asked for, of a system that has the barrier alone.
pub(crate) fn call(call: Call) -> Result<u32, Error> {
    match call.command()?.0 {
        Command::RegisterPrivateExpedited => Ok(0),
        Command::Query => Ok(commands().mask()),
        Command::PrivateExpedited => {
            // PAIRS(heavy): with `light`, of any thread of this process.
            // SAFETY: takes nothing, returns nothing, cannot fail.
            unsafe { FlushProcessWriteBuffers() };
            Ok(0)
        }
        _ => Err(Error::InvalidArgument),
    }
}

/// Nothing to register with: the system asks for none.
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

#[cfg(feature = "std")]
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
