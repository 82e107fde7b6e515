//! s390x: argument and result are in `r2`.

use super::Operation;

/// r2 to r5.
pub(crate) const DEPTH: usize = 4;
/// How long the instruction is that is switched.
pub(crate) const SWITCH: usize = 6;

const ARGUMENT: u8 = 1;

fn register(depth: usize) -> u8 {
    depth as u8 + 2
}

/// `lgr`
fn copy(code: &mut Vec<u8>, to: u8, from: u8) {
    code.extend([0xb9, 0x04, 0, to << 4 | from]);
}

/// The beginning of a function.
pub(crate) fn begin() -> Vec<u8> {
    let mut code = Vec::new();
    copy(&mut code, ARGUMENT, register(0));
    code
}

/// The value at `depth` is `value`: `llihf`, `oilf`.
pub(crate) fn constant(code: &mut Vec<u8>, depth: usize, value: i64) {
    let to = register(depth);
    let bytes = value.to_be_bytes();
    code.extend([0xc0, to << 4 | 0xe]);
    code.extend(&bytes[..4]);
    code.extend([0xc0, to << 4 | 0xd]);
    code.extend(&bytes[4..]);
}

/// The value at `depth` is the argument.
pub(crate) fn argument(code: &mut Vec<u8>, depth: usize) {
    copy(code, register(depth), ARGUMENT);
}

/// The value at `depth`, and the one above it, become one.
pub(crate) fn operate(code: &mut Vec<u8>, depth: usize, operation: Operation) {
    let number = match operation {
        Operation::Add => 0x08,
        Operation::Subtract => 0x09,
        Operation::Multiply => 0x0c,
    };
    code.extend([0xb9, number, 0, register(depth) << 4 | register(depth + 1)]);
}

/// Returns the value at depth 0.
pub(crate) fn take_result(code: &mut Vec<u8>) {
    code.extend([0x07, 0xfe]);
}

/// An instruction that does nothing: `brcl 0`.
pub(crate) fn pass() -> [u8; SWITCH] {
    [0xc0, 0x04, 0, 0, 0, 0]
}

/// A branch over the `length` bytes that follow: `brcl 15`.
pub(crate) fn skip(length: usize) -> [u8; SWITCH] {
    let [a, b, c, d] = ((length as u32 + 6) / 2).to_be_bytes();
    [0xc0, 0xf4, a, b, c, d]
}
