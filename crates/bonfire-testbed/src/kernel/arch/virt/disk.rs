//! What the host put into the machine, as QEMU's `-initrd` brings it: one list of files, which
//! lies in the middle of memory and is moved to its end.

use super::{DIRECT_MAP, tree};
use crate::start_info::take_end;
use core::ops::Range;

/// Takes the files of these names to the end of `free`, if there are any; one that is not there is
/// empty. Says how many bytes are missing if it is too little.
pub(crate) fn take_files<const N: usize>(
    names: [&str; N],
    free: &mut Range<u64>,
) -> Result<Option<[&'static [u8]; N]>, u64> {
    let Some(disk) = tree().initial_disk() else { return Ok(None) };
    let list = take(disk, free)?;
    let file = |name: &str| bonfire_testbed::given::files(list).find(|(found, _)| *found == name.as_bytes());
    Ok(Some(names.map(|name| file(name).map_or(&[][..], |(_, bytes)| bytes))))
}

fn take(disk: Range<u64>, free: &mut Range<u64>) -> Result<&'static [u8], u64> {
    let length = disk.end - disk.start;
    let start = take_end(free, length)?;
    let (from, to) = ((DIRECT_MAP + disk.start) as *const u8, (DIRECT_MAP + start) as *mut u8);
    // SAFETY: from where QEMU put it to memory that was free, and is now taken; `free` is still
    // nobody's, so it does not matter that the disk lies in it.
    unsafe { to.copy_from(from, length as usize) };
    // SAFETY: just copied there, within the direct map, and nobody changes it.
    Ok(unsafe { core::slice::from_raw_parts(to, length as usize) })
}
