//! What the compiler takes for granted and a hosted program gets from libc: the
//! memory functions, and two names of the unwinder, which is never called. Both
//! programs contain it.

#[cfg(not(target_arch = "x86_64"))]
mod words;
#[cfg(target_arch = "x86_64")]
mod x86_64;

/// Named by `core`'s unwind tables; panics abort.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}

/// As above.
#[unsafe(no_mangle)]
extern "C" fn _Unwind_Resume() -> ! {
    unreachable!("panics abort")
}
