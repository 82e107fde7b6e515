//! What the machine tells the kernel when it boots.

use crate::arch::{DIRECT_MAP_SIZE, KERNEL_OFFSET, PAGE};
use core::ops::Range;

/// What the kernel wants to know of it.
pub(crate) struct StartInfo {
    /// The text after `-append`.
    pub(crate) command_line: &'static str,
    /// Memory behind the kernel's image that nobody uses, physical.
    pub(crate) free_memory: Range<u64>,
}

/// The rest of the region that the kernel's image is in.
pub(crate) fn behind_kernel(mut regions: impl Iterator<Item = Range<u64>>) -> Range<u64> {
    let end = kernel_end();
    let region = regions.find(|region| region.contains(&end)).expect("the kernel lies in memory");
    end..region.end.min(DIRECT_MAP_SIZE)
}

/// Takes that many bytes off the end of free memory, from a page's beginning on: where they
/// lie, or how many are missing.
pub(crate) fn take_end(free: &mut Range<u64>, length: u64) -> Result<u64, u64> {
    let start = free.end.saturating_sub(length) / PAGE * PAGE;
    if start < free.start {
        return Err(free.start - start);
    }
    free.end = start;
    Ok(start)
}

/// Where the kernel's image ends, physical.
fn kernel_end() -> u64 {
    unsafe extern "C" {
        /// The link script's.
        #[link_name = "KERNEL_END"]
        static KERNEL_END: u8;
    }
    (&raw const KERNEL_END) as u64 - KERNEL_OFFSET
}
