//! What the host put into the machine: QEMU's `fw_cfg` device, which is named files.
//! How it is reached is the architecture's.

use crate::arch::{self, DIRECT_MAP, PAGE, fw_cfg};
use crate::start_info::take_end;
use core::ops::Range;

const DIRECTORY: u16 = 0x19;
const NAME: usize = 56;

/// Takes the files of these names to the end of `free`, if there is the first of them; one that
/// is not there is empty. Says how many bytes are missing if it is too little.
pub(crate) fn take_files<const N: usize>(
    names: [&str; N],
    free: &mut Range<u64>,
) -> Result<Option<[&'static [u8]; N]>, u64> {
    if HostFile::find(names[0]).is_none() {
        return Ok(None);
    }
    let mut files = [&[][..]; N];
    for (place, name) in files.iter_mut().zip(names) {
        if let Some(file) = HostFile::find(name) {
            *place = take(file, free)?;
        }
    }
    Ok(Some(files))
}

fn take(file: HostFile, free: &mut Range<u64>) -> Result<&'static [u8], u64> {
    let length = u64::from(file.length);
    let start = take_end(free, length)?;
    let scratch = free.start.next_multiple_of(PAGE);
    if scratch + PAGE > free.end {
        return Err(PAGE);
    }
    // SAFETY: memory that was free, and is now taken; and memory that is still free.
    let copied = unsafe { file.copy_to(start, scratch) };
    assert!(copied, "QEMU can copy its files");
    // SAFETY: just copied there, within the direct map, and nobody changes it.
    Ok(unsafe { core::slice::from_raw_parts((DIRECT_MAP + start) as *const u8, length as usize) })
}

/// A file of the host's.
#[derive(Clone, Copy)]
struct HostFile {
    selector: u16,
    /// Its length in bytes.
    length: u32,
}

impl HostFile {
    /// The file of that name. For one CPU at a time.
    fn find(name: &str) -> Option<Self> {
        fw_cfg::select(DIRECTORY);
        let count = u32::from_be_bytes(next());
        (0..count).find_map(|_| {
            let length = u32::from_be_bytes(next());
            let selector = u16::from_be_bytes(next());
            let [_, _] = next();
            let bytes: [u8; NAME] = next();
            let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(NAME);
            (&bytes[..end] == name.as_bytes()).then_some(Self { selector, length })
        })
    }

    /// Copies it to physical memory; whether the device could. The request lies at
    /// `scratch`, physical.
    ///
    /// # Safety
    /// Its length of bytes at `to` is memory that nobody uses, and so is a page at
    /// `scratch`, apart from that.
    unsafe fn copy_to(self, to: u64, scratch: u64) -> bool {
        const ERROR: u32 = 1;
        const READ: u32 = 2;
        const SELECT: u32 = 8;
        let request = (DIRECT_MAP + scratch) as *mut [u32; 4];
        let control = u32::from(self.selector) << 16 | SELECT | READ;
        let words = [control, self.length, (to >> 32) as u32, to as u32].map(u32::to_be);
        // SAFETY: our caller's promise.
        unsafe { request.write_volatile(words) };
        // SAFETY: a request to write what is nobody's, where that stays until it is done.
        unsafe { fw_cfg::request(scratch) };
        loop {
            // SAFETY: as above.
            let [control, ..] = unsafe { request.read_volatile() };
            match u32::from_be(control) {
                0 => return true,
                control if control & ERROR != 0 => return false,
                _ => arch::relax(),
            }
        }
    }
}

/// The next bytes of what is selected.
fn next<const N: usize>() -> [u8; N] {
    core::array::from_fn(|_| fw_cfg::next())
}
