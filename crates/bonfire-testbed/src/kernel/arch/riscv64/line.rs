//! The serial port of QEMU's `virt` machine.

use super::DIRECT_MAP;
use core::ptr::NonNull;
use uart_16550::{Config, Uart16550, backend::MmioBackend};

const UART: u64 = 0x1000_0000;
/// Its registers are bytes, one behind another.
const STRIDE: u8 = 1;

/// The port, set up.
pub(crate) struct Line(Uart16550<MmioBackend>);

impl Line {
    /// Sets it up. A missing port shows on the host as silence, which its watchdog reports.
    pub(crate) fn open() -> Self {
        let registers = NonNull::new((DIRECT_MAP + UART) as *mut u8).expect("not at 0");
        // SAFETY: the port's registers, which are mapped for ever; `serial` alone uses them.
        let mut uart = unsafe { Uart16550::new_mmio(registers, STRIDE) }.expect("a valid address");
        let _ = uart.init(Config::default());
        Self(uart)
    }

    /// Sends these bytes.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.0.send_bytes_exact(bytes);
    }
}
