//! Linux and Android: the call, by the instruction that traps.
//!
//! No C library is needed, so that the crate serves programs without one, and
//! programs that start before theirs does. What is asked, and in which order,
//! before a call is made for the first time is told in [`asking`].
#![expect(unsafe_code, reason = "a system call is foreign code")]

#[cfg(feature = "std")]
mod affinity;
mod arch;
mod asking;
mod lineage;
#[cfg(all(feature = "signal", target_os = "linux"))]
pub(crate) mod signal;
#[cfg(all(feature = "signal", not(target_os = "linux")))]
#[path = "../no_signal.rs"]
pub(crate) mod signal;
#[cfg_attr(
    not(all(
        feature = "std",
        target_pointer_width = "64",
        any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")
    )),
    path = "no_trial.rs"
)]
mod trial;

use core::arch::asm;

use bonfire_abi::{Call, Error, Flavour, SYSTEM_CALL, from_return};

#[cfg(feature = "std")]
pub(crate) use self::affinity::{cpus, settler};
pub(crate) use asking::{may_be_filtered, may_call};
pub(crate) use lineage::{prepare, word};

use self::arch::{number, syscall};

/// Nothing for the processor, an order to the compiler.
///
/// An empty `asm!` that may touch memory is to the compiler what a call of an
/// unknown function is: it may contain any synchronisation, so no access of
/// memory that others can see moves across it. What it stands for, in Rust: a
/// point at which the handler of another thread's heavy fence, a
/// `fence(SeqCst)`, may have run. Not `compiler_fence`: that one is defined
/// for signal handlers of the same thread only, and is a full `sync` on POWER.
///
/// PAIRS(heavy): with [`call`] of a barrier command, of any thread of this
/// process. Without it the compiler could make the load before the store, and
/// no interrupt would order what is already in the wrong order.
#[inline(always)]
pub(crate) fn light() {
    // SAFETY: there is no instruction; stack and flags are as they were.
    unsafe { asm!("", options(nostack, preserves_flags)) }
}

/// The system call.
///
/// As a heavy fence it stands for `fence(SeqCst)` in the caller and in every
/// thread that a light fence of this process runs on.
/// PAIRS(heavy): with [`light`], of any thread of this process. The asm
/// clobbers memory, so the compiler keeps both sides' accesses in place.
#[inline]
pub(crate) fn call(call: Call) -> Result<u32, Error> {
    let Some(membarrier) = SYSTEM_CALL else { return Err(Error::NotSupported) };
    let arguments = [call.number as usize, call.flags as usize, call.cpu_id as usize, 0];
    // SAFETY: membarrier takes no pointers and changes no memory of the
    // process; with any argument at all, it fails at worst.
    from_return(unsafe { syscall(membarrier, arguments) })
}

/// Whether no thread was ever started, as far as the C library tells (glibc 2.32).
/// A process that cannot tell says no.
#[cfg(feature = "std")]
pub(crate) fn is_single_threaded() -> bool {
    use core::ffi::{c_char, c_void};
    unsafe extern "C" {
        fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
    }
    // SAFETY: a null handle means the libraries of the program; the name is a C string.
    let word = unsafe { dlsym(core::ptr::null_mut(), c"__libc_single_threaded".as_ptr()) };
    // SAFETY: where the name is defined it is that of a `char`, which the library
    // changes only when it starts the first thread: in this one.
    !word.is_null() && unsafe { word.cast::<u8>().read_volatile() } != 0
}

/// Without `std` nothing tells.
#[cfg(all(feature = "early", not(feature = "std")))]
pub(crate) fn is_single_threaded() -> bool {
    true
}

/// Registers, and issues one barrier for a trial: a filter may let a process
/// register for what it will not let it do.
pub(crate) fn register(flavour: Flavour) -> Result<(), Error> {
    call(Call::new(flavour.registration()))?;
    call(Call::new(flavour.command()))?;
    Ok(())
}

/// Standard error is where a process says why it dies. The system's own call:
/// this must work in a signal handler and without `std`.
pub(crate) fn complain(text: &str) {
    // SAFETY: the bytes live through the call. That it fails is not to be helped.
    unsafe { syscall(number::WRITE, [2, text.as_ptr() as usize, text.len(), 0]) };
}

/// The number of this process, which a forked child does not share.
#[cfg(feature = "std")]
pub(crate) fn process_id() -> u32 {
    // SAFETY: takes nothing and cannot fail.
    unsafe { syscall(number::GETPID, [0; 4]) as u32 }
}
