//! What QEMU's `virt` machines of all architectures have in common: a device tree says what
//! there is, for as long as the kernel runs.

#[cfg(target_arch = "riscv64")]
mod disk;
#[cfg(target_arch = "aarch64")]
pub(crate) mod fw_cfg;

#[cfg(target_arch = "riscv64")]
pub(crate) use disk::take_files;

use super::DIRECT_MAP;
use crate::lock::Lock;
use crate::start_info::{StartInfo, behind_kernel};
use bonfire_testbed::device_tree::DeviceTree;
use core::ops::Range;
use dtoolkit::fdt::Fdt;

static TREE: Lock<Option<DeviceTree<'static>>> = Lock::new(None);

/// The tree, once [`start_info`] has read it.
pub(crate) fn tree() -> DeviceTree<'static> {
    TREE.lock().expect("read at boot")
}

/// What the machine says that it is.
pub(crate) fn machine() -> Option<&'static str> {
    tree().machine()
}

/// How many CPUs the machine has.
pub(crate) fn machine_cpus() -> usize {
    tree().cpus().count()
}

/// Reads the tree at this physical address, which stays where it is.
pub(crate) fn start_info(address: u64) -> StartInfo {
    // SAFETY: boot's assembly passes on where QEMU put the tree; nothing has been written
    // there since, and `free_memory` leaves it out.
    let read = unsafe { Fdt::from_raw((DIRECT_MAP + address) as *const u8) };
    let tree = DeviceTree::new(read.expect("QEMU gives a device tree"));
    *TREE.lock() = Some(tree);
    StartInfo { command_line: tree.command_line(), free_memory: free_memory(tree, address) }
}

/// What is behind the kernel's image, but for what others have of it: from there on nothing.
fn free_memory(tree: DeviceTree, address: u64) -> Range<u64> {
    let free = behind_kernel(tree.memory());
    let taken = tree.reserved().map(|reserved| reserved.start).chain([address]);
    free.start..taken.filter(|taken| free.contains(taken)).fold(free.end, u64::min)
}
