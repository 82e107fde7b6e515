//! QEMU's `fw_cfg` device, by ports.

use x86_64::instructions::port::Port;

const SELECTOR: u16 = 0x510;
const DATA: u16 = 0x511;
const REQUEST_HIGH: u16 = 0x514;
const REQUEST_LOW: u16 = 0x518;

const NUMBER_OF_CPUS: u16 = 5;

/// How many CPUs the machine has.
pub(crate) fn machine_cpus() -> usize {
    select(NUMBER_OF_CPUS);
    u16::from_le_bytes([next(), next()]).into()
}

/// Selects what is read next, from its beginning.
pub(crate) fn select(selector: u16) {
    // SAFETY: the selector port; it moves the device's read position.
    unsafe { Port::new(SELECTOR).write(selector) };
}

/// The next byte of what is selected.
pub(crate) fn next() -> u8 {
    // SAFETY: the data port; it moves the device's read position.
    unsafe { Port::new(DATA).read() }
}

/// Has the device do the request at that physical address.
///
/// # Safety
/// There is one, and what it asks to be written is nobody's.
pub(crate) unsafe fn request(physical: u64) {
    // SAFETY: half of the address; the device does nothing yet.
    unsafe { Port::<u32>::new(REQUEST_HIGH).write(((physical >> 32) as u32).to_be()) };
    // SAFETY: our caller's promise.
    unsafe { Port::<u32>::new(REQUEST_LOW).write((physical as u32).to_be()) };
}
