//! QEMU's `fw_cfg` device, by its registers in memory.

use crate::arch::DIRECT_MAP;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

const DATA: u64 = 0;
const SELECTOR: u64 = 8;
const REQUEST: u64 = 16;

/// Where the registers are: looked up once, since a walk through the tree takes long.
static REGISTERS: AtomicU64 = AtomicU64::new(0);

fn register(offset: u64) -> u64 {
    if REGISTERS.load(Relaxed) == 0 {
        let registers = super::tree().registers("qemu,fw-cfg-mmio", 0).expect("every virt machine has it");
        REGISTERS.store(DIRECT_MAP + registers.start, Relaxed);
    }
    REGISTERS.load(Relaxed) + offset
}

/// Selects what is read next, from its beginning.
pub(crate) fn select(selector: u16) {
    // SAFETY: the selector register; it moves the device's read position.
    unsafe { (register(SELECTOR) as *mut u16).write_volatile(selector.to_be()) };
}

/// The next byte of what is selected.
pub(crate) fn next() -> u8 {
    // SAFETY: the data register; it moves the device's read position.
    unsafe { (register(DATA) as *const u8).read_volatile() }
}

/// Has the device do the request at that physical address.
///
/// # Safety
/// There is one, and what it asks to be written is nobody's.
pub(crate) unsafe fn request(physical: u64) {
    // Release. UNPAIRED: the device, which reads the request behind it.
    core::sync::atomic::fence(core::sync::atomic::Ordering::Release);
    // SAFETY: our caller's promise.
    unsafe { (register(REQUEST) as *mut u64).write_volatile(physical.to_be()) };
}
