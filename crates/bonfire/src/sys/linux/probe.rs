//! Which commands the kernel has, asked so that asking harms nobody.
//!
//! A filter may kill whoever makes a call that it does not list: Android
//! before 10 and old container runtimes do. So the order of the checks counts:
//!
//! 1. *The API level*, on Android: below 29 the call is not made at all.
//! 2. *The kernel's release* (`uname`, which every filter lets through):
//!    before 4.14 there is nothing to ask for.
//! 3. *Is a filter in force?* `/proc/thread-self/status` says. If it says no,
//!    step 5 is safe.
//! 4. If it says yes, or says nothing: *a child makes the calls first*. It is a
//!    copy of this process with the same filter and one thread; if it is
//!    killed, or the call is refused to it, that is the answer.
//! 5. `QUERY`.
//!
//! The child is made by the system call, not by the C library: no handlers of
//! `pthread_atfork` run, no `SIGCHLD` is sent, no `wait` of the program finds
//! it, and all signals are blocked in it, so that none of the program's
//! handlers runs there. It costs what a `fork` costs, once, in filtered
//! processes only.

use bonfire_abi::{Call, Command, Commands, Error, Flavour};

use super::arch::{number, syscall};
use super::file::{leading_number, number_after, read};
use crate::{Filter, Refusal};

/// The commands of this kernel that this thread may use.
pub(crate) fn probe() -> Result<Commands, Refusal> {
    if !android::allows() {
        return Err(Refusal::Filtered(Filter::Platform));
    }
    if kernel_release().is_some_and(|release| release < (4, 14)) {
        return Err(Refusal::NoSuchCall);
    }
    let filtered = is_filtered();
    if filtered {
        in_child(try_everything)?;
    }
    super::call(Call::new(Command::Query)).map(Commands::from_mask).map_err(|error| match error {
        Error::NotSupported if !filtered => Refusal::NoSuchCall,
        error => Refusal::Filtered(Filter::Refuses(error)),
    })
}

/// Whether this process has one thread, now or, where the C library knows, so
/// far. A process that cannot tell says no.
///
/// The C library's word costs a fifth of `/proc`'s, which no filter minds.
#[cfg(any(feature = "std", all(feature = "early", target_os = "linux")))]
pub(crate) fn is_single_threaded() -> bool {
    c_library::is_single_threaded().unwrap_or_else(|| {
        let mut buffer = [0; 4096];
        let status = read(c"/proc/self/status", &mut buffer).unwrap_or_default();
        number_after(status, b"\nThreads:") == Some(1)
    })
}

/// What only the C library knows; a program with `std` has one.
#[cfg(any(feature = "std", all(feature = "early", target_os = "linux")))]
mod c_library {
    /// Whether no thread was ever started, if the library tells (glibc 2.32).
    #[cfg(feature = "std")]
    pub(super) fn is_single_threaded() -> Option<bool> {
        use core::ffi::{c_char, c_void};
        unsafe extern "C" {
            fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
        }
        // SAFETY: a null handle means the libraries of the program; the name is a C string.
        let word = unsafe { dlsym(core::ptr::null_mut(), c"__libc_single_threaded".as_ptr()) };
        // SAFETY: where the name is defined it is that of a `char`, which the
        // library changes only when it starts the first thread: in this one.
        (!word.is_null()).then(|| unsafe { word.cast::<u8>().read_volatile() } != 0)
    }

    #[cfg(not(feature = "std"))]
    pub(super) fn is_single_threaded() -> Option<bool> {
        None
    }
}

/// Major and minor number of the running kernel, if it tells them.
fn kernel_release() -> Option<(u32, u32)> {
    // Six fields of 65 bytes (uname(2)); the release is the third.
    const FIELD: usize = 65;
    let mut names = [0_u8; 6 * FIELD];
    // SAFETY: the buffer is as large as the structure that the call fills.
    let result = unsafe { syscall(number::UNAME, [names.as_mut_ptr() as usize, 0, 0, 0, 0]) };
    if result != 0 {
        return None;
    }
    let (major, rest) = leading_number(&names[2 * FIELD..3 * FIELD])?;
    let (minor, _) = leading_number(rest.strip_prefix(b".")?)?;
    Some((major, minor))
}

/// Whether a seccomp filter is in force for this thread, or may be.
pub(super) fn is_filtered() -> bool {
    let mut buffer = [0; 4096];
    let status = read(c"/proc/thread-self/status", &mut buffer).unwrap_or_default();
    number_after(status, b"\nSeccomp:") != Some(0)
}

/// Tries `work` in a child, which ends with what it returns: 0, or the number of
/// the error that stopped it. It makes system calls only.
///
/// # Errors
/// What stopped the child, which would have stopped this process.
pub(super) fn in_child(work: fn() -> u8) -> Result<(), Refusal> {
    let every_signal = u64::MAX;
    let before = block_signals(every_signal);
    // No flags: a copy of the address space, and no signal when it ends.
    // SAFETY: in the child only `work` runs, on its own copy of the stack, and
    // then it ends.
    let child = unsafe { syscall(number::CLONE, [0; 5]) };
    if child == 0 {
        exit(work());
    }
    let outcome = usize::try_from(child).map_or(Err(Refusal::Filtered(Filter::NotAskable)), outcome_of);
    block_signals(before);
    outcome
}

fn exit(code: u8) -> ! {
    loop {
        // SAFETY: ends this process, which has nothing to lose.
        unsafe { syscall(number::EXIT_GROUP, [usize::from(code), 0, 0, 0, 0]) };
    }
}

/// Makes every call that a registration makes; the number of the error that
/// would keep this process from having memory fences, or 0.
fn try_everything() -> u8 {
    let needed = [Command::Query, Command::RegisterPrivateExpedited, Command::PrivateExpedited];
    let refused = needed.into_iter().find_map(|command| super::call(Call::new(command)).err());
    for flavour in [Flavour::SyncCore, Flavour::Rseq] {
        // Refused is fine, killed is not: this is asked for the second.
        let _ = super::call(Call::new(flavour.registration()));
        let _ = super::call(Call::new(flavour.command()));
    }
    refused.map_or(0, |error| u8::try_from(error.errno()).unwrap_or(u8::MAX))
}

/// Waits for the child and reads what it has to say in its status.
fn outcome_of(child: usize) -> Result<(), Refusal> {
    // Children that send no signal are found with this flag only.
    const WCLONE: usize = 0x8000_0000;
    const EINTR: isize = -4;
    let mut status = 0_i32;
    let arguments = [child, (&raw mut status) as usize, WCLONE, 0, 0];
    let waited = loop {
        // SAFETY: the status is ours to write; the child is ours to wait for.
        let waited = unsafe { syscall(number::WAIT4, arguments) };
        if waited != EINTR {
            break waited;
        }
    };
    match (waited >= 0, status & 0x7f, (status >> 8) & 0xff) {
        (true, 0, 0) => Ok(()),
        (true, 0, errno) => Err(Refusal::Filtered(Filter::Refuses(Error::from_errno(errno)))),
        (true, _, _) => Err(Refusal::Filtered(Filter::Kills)),
        (false, _, _) => Err(Refusal::Filtered(Filter::NotAskable)),
    }
}

/// Sets this thread's mask of blocked signals; the mask before.
fn block_signals(mask: u64) -> u64 {
    const SIG_SETMASK: usize = 2;
    let mut before = 0_u64;
    let (new, old) = ((&raw const mask) as usize, (&raw mut before) as usize);
    // SAFETY: both masks live through the call and are as long as said.
    unsafe { syscall(number::RT_SIGPROCMASK, [SIG_SETMASK, new, old, size_of::<u64>(), 0]) };
    before
}

#[cfg(not(target_os = "android"))]
mod android {
    pub(super) fn allows() -> bool {
        true
    }
}

#[cfg(target_os = "android")]
mod android {
    use core::ffi::{CStr, c_char, c_int};

    unsafe extern "C" {
        fn __system_property_get(name: *const c_char, value: *mut c_char) -> c_int;
    }

    /// Android 10, the first whose filter lists the call.
    const FIRST_LEVEL: u32 = 29;

    pub(super) fn allows() -> bool {
        // PROP_VALUE_MAX in the system's headers.
        let mut value = [0_u8; 92];
        let name: &CStr = c"ro.build.version.sdk";
        // SAFETY: the name is a C string, the buffer as long as a value can be.
        unsafe { __system_property_get(name.as_ptr(), value.as_mut_ptr().cast()) };
        super::leading_number(&value).is_some_and(|(level, _)| level >= FIRST_LEVEL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_kernel_has_a_release() {
        assert!(kernel_release().is_some_and(|release| release > (2, 6)));
    }

    #[test]
    fn a_child_says_what_the_parent_would_meet() {
        // Without a filter the child meets what `QUERY` promises.
        if !is_filtered() {
            assert_eq!(in_child(try_everything).is_ok(), probe().is_ok());
        }
    }

    #[cfg(any(feature = "std", feature = "early"))]
    #[test]
    fn a_test_harness_has_more_than_one_thread() {
        std::thread::spawn(|| assert!(!is_single_threaded())).join().unwrap();
    }
}
