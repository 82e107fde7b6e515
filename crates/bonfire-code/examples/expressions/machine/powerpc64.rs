//! POWER, ELFv2: argument and result are in `r3`.

use super::Operation;

/// r3 to r10.
pub(crate) const DEPTH: usize = 8;
/// How long the instruction is that is switched.
pub(crate) const SWITCH: usize = 4;

const ARGUMENT: u32 = 11;

fn register(depth: usize) -> u32 {
    depth as u32 + 3
}

fn push(code: &mut Vec<u8>, instruction: u32) {
    code.extend(instruction.to_ne_bytes());
}

/// `or`
fn copy(code: &mut Vec<u8>, to: u32, from: u32) {
    push(code, 31 << 26 | from << 21 | to << 16 | from << 11 | 444 << 1);
}

/// The beginning of a function.
pub(crate) fn begin() -> Vec<u8> {
    let mut code = Vec::new();
    copy(&mut code, ARGUMENT, register(0));
    code
}

/// The value at `depth` is `value`: `lis`, `ori`, a shift, `oris`, `ori`.
pub(crate) fn constant(code: &mut Vec<u8>, depth: usize, value: i64) {
    let to = register(depth);
    let part = |number: u32| (value as u64 >> (16 * number) & 0xffff) as u32;
    push(code, 15 << 26 | to << 21 | part(3));
    push(code, 24 << 26 | to << 21 | to << 16 | part(2));
    push(code, 0x7800_07c6 | to << 21 | to << 16);
    push(code, 25 << 26 | to << 21 | to << 16 | part(1));
    push(code, 24 << 26 | to << 21 | to << 16 | part(0));
}

/// The value at `depth` is the argument.
pub(crate) fn argument(code: &mut Vec<u8>, depth: usize) {
    copy(code, register(depth), ARGUMENT);
}

/// The value at `depth`, and the one above it, become one.
pub(crate) fn operate(code: &mut Vec<u8>, depth: usize, operation: Operation) {
    let (left, right) = (register(depth), register(depth + 1));
    // `subf` takes its first operand from its second.
    let (first, second, number) = match operation {
        Operation::Add => (left, right, 266),
        Operation::Subtract => (right, left, 40),
        Operation::Multiply => (left, right, 233),
    };
    push(code, 31 << 26 | left << 21 | first << 16 | second << 11 | number << 1);
}

/// Returns the value at depth 0.
pub(crate) fn take_result(code: &mut Vec<u8>) {
    push(code, 0x4e80_0020);
}

/// An instruction that does nothing.
pub(crate) fn pass() -> [u8; SWITCH] {
    0x6000_0000_u32.to_ne_bytes()
}

/// A branch over the `length` bytes that follow.
pub(crate) fn skip(length: usize) -> [u8; SWITCH] {
    (18 << 26 | (length as u32 + 4)).to_ne_bytes()
}
