//! What QEMU tells the kernel: Xen's `hvm_start_info`, version 1.

use crate::arch::{DIRECT_MAP, DIRECT_MAP_SIZE};
use core::ffi::CStr;
use core::ops::Range;

/// What the kernel wants to know of it.
pub(crate) struct StartInfo {
    /// The text after `-append`.
    pub(crate) command_line: &'static str,
    /// Memory behind the kernel's image that nobody uses, physical.
    pub(crate) free_memory: Range<u64>,
}

#[repr(C)]
struct Raw {
    magic: u32,
    version: u32,
    flags: u32,
    modules: u32,
    module_list: u64,
    command_line: u64,
    rsdp: u64,
    memory_map: u64,
    memory_map_entries: u32,
    reserved: u32,
}

#[repr(C)]
struct Region {
    start: u64,
    size: u64,
    kind: u32,
    reserved: u32,
}

const MAGIC: u32 = 0x336e_c578;
const RAM: u32 = 1;
const LONGEST_COMMAND_LINE: usize = 4096;

/// Reads what lies at this physical address.
pub(crate) fn read(address: u64) -> StartInfo {
    // SAFETY: boot's assembly passes on what QEMU put into `ebx`, and nothing
    // has been written there since.
    let raw = unsafe { &*at::<Raw>(address) };
    assert_eq!(raw.magic, MAGIC, "not started by a PVH loader");
    // SAFETY: as the start info says.
    let regions =
        unsafe { core::slice::from_raw_parts(at::<Region>(raw.memory_map), raw.memory_map_entries as usize) };
    // SAFETY: memory where QEMU put a C string, shorter than this.
    let command_line =
        unsafe { core::slice::from_raw_parts(at::<u8>(raw.command_line), LONGEST_COMMAND_LINE) };
    let command_line = CStr::from_bytes_until_nul(command_line).expect("the command line is no longer");
    StartInfo {
        command_line: command_line.to_str().expect("the command line is text"),
        free_memory: behind_kernel(regions),
    }
}

fn at<T>(physical: u64) -> *const T {
    (DIRECT_MAP + physical) as *const T
}

/// The rest of the region that the kernel's image is in.
fn behind_kernel(regions: &[Region]) -> Range<u64> {
    unsafe extern "C" {
        #[link_name = "KERNEL_END"]
        static KERNEL_END: u8;
    }
    let end = (&raw const KERNEL_END) as u64;
    let holds =
        |region: &&Region| region.kind == RAM && (region.start..region.start + region.size).contains(&end);
    let region = regions.iter().find(holds).expect("the kernel lies in memory");
    end..(region.start + region.size).min(DIRECT_MAP_SIZE)
}
