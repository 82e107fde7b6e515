//! What QEMU tells the kernel: Xen's `hvm_start_info`, version 1.

use super::DIRECT_MAP;
use crate::start_info::{StartInfo, behind_kernel};
use core::ffi::CStr;

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
pub(crate) fn start_info(address: u64) -> StartInfo {
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
    let memory = regions.iter().filter(|region| region.kind == RAM);
    StartInfo {
        command_line: command_line.to_str().expect("the command line is text"),
        free_memory: behind_kernel(memory.map(|region| region.start..region.start + region.size)),
    }
}

fn at<T>(physical: u64) -> *const T {
    (DIRECT_MAP + physical) as *const T
}
