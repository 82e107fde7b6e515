//! What the compiler takes for granted and a hosted program gets from its C library:
//! the memory functions, and two names of the unwinder, which is never called.
//!
//! Each byte is moved by an access of its own kind, or the compiler would take the
//! loop for the very function that it is in. None of it is in a hurry.

/// Copies bytes forwards.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, count: usize) -> *mut u8 {
    // SAFETY: as the caller of the C function promises.
    (0..count).for_each(|at| unsafe { copy(to, from, at) });
    to
}

/// Copies bytes that may overlap.
#[unsafe(no_mangle)]
unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, count: usize) -> *mut u8 {
    if (to as usize).wrapping_sub(from as usize) >= count {
        // SAFETY: as the caller of the C function promises.
        (0..count).for_each(|at| unsafe { copy(to, from, at) });
    } else {
        // SAFETY: as above.
        (0..count).rev().for_each(|at| unsafe { copy(to, from, at) });
    }
    to
}

unsafe fn copy(to: *mut u8, from: *const u8, at: usize) {
    // SAFETY: the caller's promise.
    let byte = unsafe { from.wrapping_add(at).read_volatile() };
    // SAFETY: as above.
    unsafe { to.wrapping_add(at).write_volatile(byte) };
}

/// Fills bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn memset(to: *mut u8, byte: i32, count: usize) -> *mut u8 {
    // SAFETY: as the caller of the C function promises.
    (0..count).for_each(|at| unsafe { to.wrapping_add(at).write_volatile(byte as u8) });
    to
}

/// Compares bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcmp(one: *const u8, other: *const u8, count: usize) -> i32 {
    for at in 0..count {
        // SAFETY: as the caller of the C function promises.
        let one = unsafe { one.wrapping_add(at).read_volatile() };
        // SAFETY: as above.
        let other = unsafe { other.wrapping_add(at).read_volatile() };
        if one != other {
            return i32::from(one) - i32::from(other);
        }
    }
    0
}

/// Compares bytes for equality.
#[unsafe(no_mangle)]
unsafe extern "C" fn bcmp(one: *const u8, other: *const u8, count: usize) -> i32 {
    // SAFETY: as the caller of the C function promises.
    unsafe { memcmp(one, other, count) }
}

/// Counts the bytes before the first zero.
#[unsafe(no_mangle)]
unsafe extern "C" fn strlen(text: *const u8) -> usize {
    // SAFETY: as the caller of the C function promises.
    (0..).find(|&at| unsafe { text.wrapping_add(at).read_volatile() } == 0).unwrap_or(0)
}

/// Named by `core`'s unwind tables; panics abort.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}

/// As above.
#[unsafe(no_mangle)]
extern "C" fn _Unwind_Resume() -> ! {
    unreachable!("panics abort")
}
