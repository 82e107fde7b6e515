//! AArch64: argument and result are in `x0`.

use super::Operation;

/// x0 to x7.
pub(crate) const DEPTH: usize = 8;
/// How long the instruction is that is switched.
pub(crate) const SWITCH: usize = 4;

const ARGUMENT: u32 = 9;

fn push(code: &mut Vec<u8>, instruction: u32) {
    code.extend(instruction.to_le_bytes());
}

/// `mov`
fn copy(code: &mut Vec<u8>, to: u32, from: u32) {
    push(code, 0xaa00_03e0 | from << 16 | to);
}

/// The beginning of a function.
pub(crate) fn begin() -> Vec<u8> {
    let mut code = Vec::new();
    copy(&mut code, ARGUMENT, 0);
    code
}

/// The value at `depth` is `value`: `movz`, three `movk`.
pub(crate) fn constant(code: &mut Vec<u8>, depth: usize, value: i64) {
    for part in 0..4 {
        let bits = (value as u64 >> (16 * part) & 0xffff) as u32;
        let instruction = if part == 0 { 0xd280_0000 } else { 0xf280_0000 };
        push(code, instruction | part << 21 | bits << 5 | depth as u32);
    }
}

/// The value at `depth` is the argument.
pub(crate) fn argument(code: &mut Vec<u8>, depth: usize) {
    copy(code, depth as u32, ARGUMENT);
}

/// The value at `depth`, and the one above it, become one.
pub(crate) fn operate(code: &mut Vec<u8>, depth: usize, operation: Operation) {
    let (left, right) = (depth as u32, depth as u32 + 1);
    let instruction = match operation {
        Operation::Add => 0x8b00_0000,
        Operation::Subtract => 0xcb00_0000,
        Operation::Multiply => 0x9b00_7c00,
    };
    push(code, instruction | right << 16 | left << 5 | left);
}

/// Returns the value at depth 0.
pub(crate) fn take_result(code: &mut Vec<u8>) {
    push(code, 0xd65f_03c0);
}

/// An instruction that does nothing.
pub(crate) fn pass() -> [u8; SWITCH] {
    0xd503_201f_u32.to_le_bytes()
}

/// A branch over the `length` bytes that follow.
pub(crate) fn skip(length: usize) -> [u8; SWITCH] {
    (0x1400_0000 | (length as u32 + 4) / 4).to_le_bytes()
}
