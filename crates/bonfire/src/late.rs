//! The end of a process whose barrier stopped working.
//!
//! Its light fences are no instructions any more, in code that has long been
//! compiled and may be running. Nothing that a heavy fence could do instead
//! pairs with them: going on would be silently unsound, so the process says
//! why and ends. Neither `std` nor allocation nor locks: a heavy fence may be
//! issued in a signal handler.

use core::fmt::{self, Write};

use bonfire_abi::{Call, Command, Error};

use crate::sys;

/// Says what failed, and aborts.
#[cold]
pub(crate) fn fail(call: Call, error: Error) -> ! {
    let mut text = Text::new();
    let _ = match Command::from_number(call.number) {
        Some(command) => write!(text, "bonfire: {command}"),
        None => write!(text, "bonfire: membarrier({})", call.number),
    };
    let _ = writeln!(
        text,
        " failed with error {} in a process that had registered for it, and registering again did not \
         help. Light fences rely on it, so the process cannot go on. Either a seccomp filter came after the \
         registration: let membarrier through it, or install it first. Or this is a forked child or was \
         restored from a checkpoint, under a kernel that does not keep registrations: register there.",
        error.errno(),
    );
    end(text.as_str())
}

/// Says `why`, and aborts.
#[cold]
pub(crate) fn end(why: &str) -> ! {
    sys::complain(why);
    #[cfg(feature = "std")]
    std::process::abort();
    #[cfg(not(feature = "std"))]
    {
        let _second = PanicAgain;
        panic!("{why}")
    }
}

/// Without `std` the way to end is a panic that nothing may catch: one that
/// panics again while it unwinds.
#[cfg(not(feature = "std"))]
struct PanicAgain;

#[cfg(not(feature = "std"))]
impl Drop for PanicAgain {
    fn drop(&mut self) {
        panic!("bonfire: a late failure cannot be survived");
    }
}

/// A line of text on the stack; what does not fit is cut off.
pub(crate) struct Text {
    bytes: [u8; 640],
    length: usize,
}

impl Text {
    pub(crate) fn new() -> Self {
        Self { bytes: [0; 640], length: 0 }
    }

    pub(crate) fn as_str(&self) -> &str {
        core::str::from_utf8(&self.bytes[..self.length]).unwrap_or("bonfire: a late failure")
    }
}

impl Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = text.len().min(self.bytes.len() - self.length);
        let whole = |&length: &usize| text.is_char_boundary(length);
        let taken = (0..=room).rev().find(whole).unwrap_or(0);
        self.bytes[self.length..self.length + taken].copy_from_slice(&text.as_bytes()[..taken]);
        self.length += taken;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_does_not_fit_is_cut_between_characters() {
        let mut text = Text::new();
        for _ in 0..400 {
            let _ = write!(text, "aé");
        }
        // Characters of one byte and of two: the last that fits whole is a first one.
        assert_eq!(text.as_str(), "aé".repeat(213) + "a");
    }
}
