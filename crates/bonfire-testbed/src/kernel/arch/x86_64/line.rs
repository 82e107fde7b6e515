//! The serial port: the first one of every PC.

use uart_16550::{Config, Uart16550, backend::PioBackend};

const COM1: u16 = 0x3f8;

/// The port, set up.
pub(crate) struct Line(Uart16550<PioBackend>);

impl Line {
    /// Sets it up. A missing port shows on the host as silence, which its watchdog reports.
    pub(crate) fn open() -> Self {
        // SAFETY: the first serial port of every PC; `serial` alone uses it.
        let mut uart = unsafe { Uart16550::new_port(COM1) }.expect("a valid port number");
        let _ = uart.init(Config::default());
        Self(uart)
    }

    /// Sends these bytes.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.0.send_bytes_exact(bytes);
    }
}
