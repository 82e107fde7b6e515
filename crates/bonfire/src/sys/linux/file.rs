//! Reads the beginning of a small file, with neither `std` nor allocation.

use super::arch::{number, syscall};

const AT_FDCWD: isize = -100;
const O_CLOEXEC: usize = 0o2_000_000;

/// Fills `buffer` from the start of the file at `path`; what was read, or
/// `None` if the file cannot be opened or read.
pub(super) fn read<'a>(path: &core::ffi::CStr, buffer: &'a mut [u8]) -> Option<&'a [u8]> {
    let open = [AT_FDCWD as usize, path.as_ptr() as usize, O_CLOEXEC, 0, 0];
    // SAFETY: the path is a live C string.
    let file = usize::try_from(unsafe { syscall(number::OPENAT, open) }).ok()?;
    let into = [file, buffer.as_mut_ptr() as usize, buffer.len(), 0, 0];
    // SAFETY: the buffer is live and ours alone, and as long as said.
    let count = unsafe { syscall(number::READ, into) };
    // SAFETY: the descriptor is ours and not used again.
    unsafe { syscall(number::CLOSE, [file, 0, 0, 0, 0]) };
    buffer.get(..usize::try_from(count).ok()?)
}

/// The number after `key` in a file of `key:<blank>number` lines.
pub(super) fn number_after(text: &[u8], key: &[u8]) -> Option<u32> {
    let at = text.windows(key.len()).position(|window| window == key)? + key.len();
    let digits = text[at..].trim_ascii_start();
    leading_number(digits).map(|(number, _)| number)
}

/// The number that `text` starts with, and what follows it.
pub(super) fn leading_number(text: &[u8]) -> Option<(u32, &[u8])> {
    let length = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = text.split_at(length);
    Some((core::str::from_utf8(digits).ok()?.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_and_a_missing_one_is_not() {
        let mut buffer = [0; 4096];
        let status = read(c"/proc/self/status", &mut buffer).expect("a process has a status");
        assert_eq!(number_after(status, b"\nPid:"), Some(std::process::id()));
        assert_eq!(read(c"/proc/self/no such file", &mut buffer), None);
    }

    #[test]
    fn numbers_are_found_by_their_key_or_not_at_all() {
        assert_eq!(number_after(b"Threads:\t12\nSeccomp:\t2\n", b"\nSeccomp:"), Some(2));
        assert_eq!(number_after(b"Seccomp_filters: 3\n", b"\nSeccomp:"), None);
        assert_eq!(leading_number(b"6.18.44-x"), Some((6, &b".18.44-x"[..])));
        assert_eq!(leading_number(b"x6"), None);
    }
}
