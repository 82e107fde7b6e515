//! Enough of each architecture to compute: functions `extern "C" fn(i64) -> i64` out of
//! constants, the argument, `+`, `-` and `*`. Plain bytes; no memory is touched.
//!
//! Values are held in a stack of registers that calls need not preserve. One file for each
//! architecture, with the same items.

#[cfg_attr(target_arch = "x86_64", path = "machine/x86_64.rs")]
#[cfg_attr(target_arch = "aarch64", path = "machine/aarch64.rs")]
#[cfg_attr(target_arch = "riscv64", path = "machine/riscv64.rs")]
#[cfg_attr(target_arch = "powerpc64", path = "machine/powerpc64.rs")]
#[cfg_attr(target_arch = "s390x", path = "machine/s390x.rs")]
mod this;

pub(crate) use this::*;

/// What two values become one by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
}

/// A function that returns `value`, whatever its argument.
pub(crate) fn number(value: i64) -> Vec<u8> {
    let mut code = begin();
    constant(&mut code, 0, value);
    take_result(&mut code);
    code
}

/// A function with a switch: it returns `on` where its first instruction is [`pass`], and
/// `off` where that is [`skip`].
pub(crate) fn switched(on: i64, off: i64) -> Vec<u8> {
    let on = number(on);
    let mut code = pass().to_vec();
    code.extend(&on);
    code.extend(number(off));
    code
}

/// The instruction at the beginning of a [`switched`] function that skips the first of its
/// two.
pub(crate) fn skip_first() -> [u8; SWITCH] {
    skip(number(0).len())
}
