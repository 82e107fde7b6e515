//! The serial port: a PL011, where every `virt` machine has it.

use super::DIRECT_MAP;

const PORT: u64 = DIRECT_MAP + 0x0900_0000;
const FLAGS: u64 = PORT + 0x18;
const CONTROL: u64 = PORT + 0x30;

/// The port, set up.
pub(crate) struct Line(());

impl Line {
    /// Sets it up: on, to send and to receive.
    pub(crate) fn open() -> Self {
        const ON: u32 = 1 << 0 | 1 << 8 | 1 << 9;
        // SAFETY: the port's register; `serial` alone uses it.
        unsafe { (CONTROL as *mut u32).write_volatile(ON) };
        Self(())
    }

    /// Sends these bytes.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        const IS_FULL: u32 = 1 << 5;
        for &byte in bytes {
            // SAFETY: the port's register; reading has no effect.
            while unsafe { (FLAGS as *const u32).read_volatile() } & IS_FULL != 0 {}
            // SAFETY: sends the byte.
            unsafe { (PORT as *mut u32).write_volatile(byte.into()) };
        }
    }
}
