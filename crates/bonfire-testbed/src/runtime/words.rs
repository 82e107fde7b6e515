//! The memory functions, word by word where that goes: an emulator takes as long for a
//! word as for a byte. The accesses are volatile, or the compiler would recognise the
//! loops as these very functions.

const WORD: usize = size_of::<u64>();

/// Whether all of these lie on words.
fn are_words(addresses: [usize; 2]) -> bool {
    addresses.iter().all(|address| address.is_multiple_of(WORD))
}

/// Copies bytes forward.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, count: usize) -> *mut u8 {
    let words = if are_words([to as usize, from as usize]) { count / WORD } else { 0 };
    for index in 0..words {
        let (from, to) = (from.cast::<u64>().wrapping_add(index), to.cast::<u64>().wrapping_add(index));
        // SAFETY: within what the caller says may be read, and on a word.
        let word = unsafe { from.read_volatile() };
        // SAFETY: within what the caller says may be written, and on a word.
        unsafe { to.write_volatile(word) };
    }
    for index in words * WORD..count {
        // SAFETY: our caller's promise.
        unsafe { copy_byte(to, from, index) };
    }
    to
}

/// # Safety
/// `from + index` may be read, and `to + index` written.
unsafe fn copy_byte(to: *mut u8, from: *const u8, index: usize) {
    // SAFETY: our caller's promise.
    let byte = unsafe { from.wrapping_add(index).read_volatile() };
    // SAFETY: our caller's promise.
    unsafe { to.wrapping_add(index).write_volatile(byte) };
}

/// Copies bytes that may overlap.
#[unsafe(no_mangle)]
unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, count: usize) -> *mut u8 {
    if (to as usize).wrapping_sub(from as usize) >= count {
        // SAFETY: our caller's promise; forward, nothing is written before it is read.
        return unsafe { memcpy(to, from, count) };
    }
    for index in (0..count).rev() {
        // SAFETY: our caller's promise.
        unsafe { copy_byte(to, from, index) };
    }
    to
}

/// Fills bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn memset(to: *mut u8, byte: i32, count: usize) -> *mut u8 {
    let byte = byte as u8;
    let words = if are_words([to as usize; 2]) { count / WORD } else { 0 };
    for index in 0..words {
        // SAFETY: within what the caller says may be written, and on a word.
        unsafe { to.cast::<u64>().wrapping_add(index).write_volatile(u64::from_ne_bytes([byte; WORD])) };
    }
    for index in words * WORD..count {
        // SAFETY: within what the caller says may be written.
        unsafe { to.wrapping_add(index).write_volatile(byte) };
    }
    to
}

/// Compares bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcmp(one: *const u8, other: *const u8, count: usize) -> i32 {
    for index in 0..count {
        // SAFETY: within what the caller says may be read.
        let byte = unsafe { one.wrapping_add(index).read_volatile() };
        // SAFETY: as above.
        let other = unsafe { other.wrapping_add(index).read_volatile() };
        if byte != other {
            return i32::from(byte) - i32::from(other);
        }
    }
    0
}

/// Compares bytes for equality.
#[unsafe(no_mangle)]
unsafe extern "C" fn bcmp(one: *const u8, other: *const u8, count: usize) -> i32 {
    // SAFETY: our caller's promise.
    unsafe { memcmp(one, other, count) }
}

/// Counts the bytes before the first zero.
#[unsafe(no_mangle)]
unsafe extern "C" fn strlen(text: *const u8) -> usize {
    let mut length = 0;
    // SAFETY: before the zero that the caller says is there, or that.
    while unsafe { text.wrapping_add(length).read_volatile() } != 0 {
        length += 1;
    }
    length
}
