//! The serial line: the one way out for the kernel and its programs.

use crate::lock::Lock;
use bonfire_testbed::stream::{self, Source};
use core::fmt::{self, Write};
use uart_16550::{Config, Uart16550, backend::PioBackend};

const COM1: u16 = 0x3f8;

static LINE: Lock<Option<Uart16550<PioBackend>>> = Lock::new(None);

/// Sets the line up.
pub(crate) fn init() {
    *LINE.lock() = Some(open());
}

fn open() -> Uart16550<PioBackend> {
    // SAFETY: the first serial port of every PC; `init` and a panic open it.
    let mut uart = unsafe { Uart16550::new_port(COM1) }.expect("a valid port number");
    // A missing port shows on the host as silence, which its watchdog reports.
    let _ = uart.init(Config::default());
    uart
}

/// Sends bytes as they are, unmixed with those of another CPU.
pub(crate) fn send(bytes: &[u8]) {
    if let Some(uart) = LINE.lock().as_mut() {
        uart.send_bytes_exact(bytes);
    }
}

/// Sends what a program wrote, or its end, for the host to tell apart.
pub(crate) fn send_piece(source: Source, bytes: &[u8]) {
    let mut piece = [0; 4 + stream::LONGEST];
    for part in bytes.chunks(stream::LONGEST) {
        piece[..4].copy_from_slice(&source.head(part.len() as u16));
        piece[4..4 + part.len()].copy_from_slice(part);
        send(&piece[..4 + part.len()]);
    }
}

/// Sends a message for people, unmixed with those of another CPU.
pub(crate) fn say(message: fmt::Arguments) {
    if let Some(uart) = LINE.lock().as_mut() {
        let _ = writeln!(Sender(uart), "{message}");
    }
}

/// As [`say`], for a CPU that can no longer wait for the lock: the other CPUs have
/// stopped, perhaps with the lock held.
pub(crate) fn say_last(message: fmt::Arguments) {
    let _ = writeln!(Sender(&mut open()), "\n{message}");
}

struct Sender<'a>(&'a mut Uart16550<PioBackend>);

impl Write for Sender<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.send_bytes_exact(text.as_bytes());
        Ok(())
    }
}

/// Says a message for people on the serial line.
#[macro_export]
macro_rules! say {
    ($($message:tt)*) => { $crate::serial::say(format_args!($($message)*)) };
}
