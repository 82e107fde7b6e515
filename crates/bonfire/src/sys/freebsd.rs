//! FreeBSD: `membarrier` as it is there since 14.1.
//!
//! Numbers and semantics are those of Linux, without the rseq commands and
//! without `FLAG_CPU` (membarrier(2)). Three things differ:
//!
//! - Registration sets a flag of the process and waits for nothing. It belongs
//!   to the process, so a forked child may lack it: its first heavy fence
//!   registers again, which costs two more calls once.
//! - A kernel that does not know a call's number kills the caller by `SIGSYS`,
//!   so the version is looked at before the first call.
//! - The call is made by number through `syscall`, for the C library of an
//!   older system has no `membarrier` to link to.
#![expect(unsafe_code, reason = "the system's functions are foreign")]

use core::arch::asm;
use core::ffi::{c_int, c_long};

use bonfire_abi::{Call, Command, Error, Flavour};

use crate::Refusal;

#[cfg(feature = "signal")]
#[path = "no_signal.rs"]
pub(crate) mod signal;

unsafe extern "C" {
    fn syscall(number: c_int, ...) -> c_long;
    fn getosreldate() -> c_int;
    fn __error() -> *mut c_int;
    fn getpid() -> c_int;
    fn write(file: c_int, bytes: *const u8, count: usize) -> isize;
}

/// The number of `membarrier` in FreeBSD's table.
const MEMBARRIER: c_int = 584;

/// 14.1, the release in which the manual says that the call appeared.
const FIRST_RELEASE: c_int = 1_401_000;

/// An order to the compiler; see the platform of Linux, which says why.
#[inline(always)]
pub(crate) fn light() {
    // SAFETY: there is no instruction.
    unsafe { asm!("", options(nostack, preserves_flags)) }
}

/// The call.
pub(crate) fn call(call: Call) -> Result<u32, Error> {
    // SAFETY: no pointer is passed; at worst the call fails.
    let value = unsafe { syscall(MEMBARRIER, call.number, call.flags, call.cpu_id) };
    if value != -1 {
        return Ok(value as u32);
    }
    // SAFETY: the address of this thread's errno.
    let errno = unsafe { __error() };
    // SAFETY: it is this thread's own and lives as long as the thread.
    Err(Error::from_errno(unsafe { *errno }))
}

/// Registers; there is no filter to try.
pub(crate) fn register(flavour: Flavour) -> Result<(), Error> {
    call(Call::new(flavour.registration())).map(drop)
}

/// A kernel that does not know a call's number kills whoever makes it.
pub(crate) fn may_call(_commands: &[Command]) -> Result<(), Refusal> {
    // SAFETY: takes nothing and cannot fail on a running system.
    if unsafe { getosreldate() } < FIRST_RELEASE { Err(Refusal::NoSuchCall) } else { Ok(()) }
}

/// There are no filters of calls.
pub(crate) fn may_be_filtered() -> bool {
    false
}

/// Nothing to prepare.
pub(crate) fn prepare() {}

/// No word is emptied on the way to a child.
pub(crate) fn word() -> Option<&'static core::sync::atomic::AtomicU32> {
    None
}

/// Standard error is where a process says why it dies.
pub(crate) fn complain(text: &str) {
    // SAFETY: the bytes live through the call. That it fails is not to be helped.
    unsafe { write(2, text.as_ptr(), text.len()) };
}

/// The number of this process, which a forked child does not share.
#[cfg(feature = "std")]
pub(crate) fn process_id() -> u32 {
    // SAFETY: takes nothing and cannot fail.
    unsafe { getpid() as u32 }
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
