//! The serial line: the one way out for the kernel and its programs.

use crate::arch::Line;
use crate::lock::Lock;
use bonfire_testbed::stream::{self, Source};
use core::fmt::{self, Write};

static LINE: Lock<Option<Line>> = Lock::new(None);

/// Sets the line up, on which firmware may have spoken before.
pub(crate) fn init() {
    *LINE.lock() = Some(Line::open());
    send(&[stream::BEGIN]);
}

/// Sends bytes as they are, unmixed with those of another CPU.
pub(crate) fn send(bytes: &[u8]) {
    if let Some(line) = LINE.lock().as_mut() {
        line.send(bytes);
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
    if let Some(line) = LINE.lock().as_mut() {
        let _ = writeln!(Sender(line), "{message}");
    }
}

/// As [`say`], for a CPU that can no longer wait for the lock: the other CPUs have
/// stopped, perhaps with the lock held.
pub(crate) fn say_last(message: fmt::Arguments) {
    let _ = writeln!(Sender(&mut Line::open()), "\n{message}");
}

struct Sender<'a>(&'a mut Line);

impl Write for Sender<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.send(text.as_bytes());
        Ok(())
    }
}

/// Says a message for people on the serial line.
#[macro_export]
macro_rules! say {
    ($($message:tt)*) => { $crate::serial::say(format_args!($($message)*)) };
}
