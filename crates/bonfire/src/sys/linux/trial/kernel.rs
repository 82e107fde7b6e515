//! The kernel's real release, without a system call.
//!
//! The kernel maps a small library of its own into every program, the vDSO, and
//! writes its version into a note there. Neither a personality (`setarch
//! --uname-2.6`) nor a filter stands before that, and nobody is killed for reading.
//! Where to find it is in the auxiliary vector, which the C library keeps.

use core::ffi::c_ulong;

unsafe extern "C" {
    fn getauxval(kind: c_ulong) -> c_ulong;
}

/// Major and minor number of the release that this kernel was built from; `None`
/// of a kernel that does not say, as one in user space may not.
pub(super) fn release() -> Option<(u32, u32)> {
    const AT_SYSINFO_EHDR: c_ulong = 33;
    // SAFETY: looks a number up in a table of the C library.
    let start = unsafe { getauxval(AT_SYSINFO_EHDR) } as *const u8;
    if start.is_null() {
        return None;
    }
    let code = notes(start)?;
    Some((code >> 16, code >> 8 & 0xff))
}

/// Looks for the kernel's note in each segment of notes of an ELF image of 64 bits
/// in memory; its number, `LINUX_VERSION_CODE`.
fn notes(image: *const u8) -> Option<u32> {
    const PT_NOTE: u32 = 4;
    let headers = word(image, 32)? as usize;
    let (size, count) = (half(image, 54), half(image, 56));
    (0..count).map(|index| headers + index * size).find_map(|header| {
        (int(image, header) == PT_NOTE).then_some(())?;
        let (offset, length) = (word(image, header + 8)? as usize, word(image, header + 32)? as usize);
        version(image, offset, offset + length)
    })
}

/// The number in the note of the name `Linux` and the kind 0, between two offsets.
fn version(image: *const u8, mut at: usize, end: usize) -> Option<u32> {
    while at + 12 <= end {
        let (name, content) = (int(image, at) as usize, int(image, at + 4) as usize);
        let content_at = at + 12 + name.next_multiple_of(4);
        let is_ours = int(image, at + 8) == 0 && name == 6 && int(image, at + 12) == LINU;
        if is_ours && content == 4 {
            return Some(int(image, content_at));
        }
        at = content_at + content.next_multiple_of(4);
    }
    None
}

/// The first four letters of the name.
const LINU: u32 = u32::from_ne_bytes(*b"Linu");

fn half(image: *const u8, at: usize) -> usize {
    (int(image, at & !3) >> (8 * (at & 2)) & 0xffff) as usize
}

fn word(image: *const u8, at: usize) -> Option<u64> {
    let (low, high) = (u64::from(int(image, at)), u64::from(int(image, at + 4)));
    Some(low | high << 32)
}

/// Four bytes of the image; all offsets of an ELF file that are used are multiples of 4.
fn int(image: *const u8, at: usize) -> u32 {
    // SAFETY: the image is mapped as long as the program runs, and its headers
    // name places in it; the kernel wrote both.
    let place = unsafe { image.add(at) };
    // SAFETY: as above; it is read and never written.
    u32::from_le(unsafe { place.cast::<u32>().read_unaligned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_says_what_it_is() {
        // Linux has the note on each of these architectures.
        assert!(release().is_some_and(|release| release >= (4, 14)), "{:?}", release());
    }
}
