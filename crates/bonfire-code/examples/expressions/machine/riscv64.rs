//! RISC-V: argument and result are in `a0`.

use super::Operation;

/// a0 to a7.
pub(crate) const DEPTH: usize = 8;
/// How long the instruction is that is switched.
pub(crate) const SWITCH: usize = 4;

/// t0.
const ARGUMENT: u32 = 5;

fn register(depth: usize) -> u32 {
    depth as u32 + 10
}

fn push(code: &mut Vec<u8>, instruction: u32) {
    code.extend(instruction.to_le_bytes());
}

/// An operation with a constant of 12 bits: `addi`, `ori`, `slli` by its number.
fn immediate(code: &mut Vec<u8>, function: u32, to: u32, from: u32, value: u32) {
    push(code, value << 20 | from << 15 | function << 12 | to << 7 | 0x13);
}

const ADDI: u32 = 0;
const SLLI: u32 = 1;
const ORI: u32 = 6;

/// The beginning of a function.
pub(crate) fn begin() -> Vec<u8> {
    let mut code = Vec::new();
    immediate(&mut code, ADDI, ARGUMENT, register(0), 0);
    code
}

/// The value at `depth` is `value`: byte by byte.
pub(crate) fn constant(code: &mut Vec<u8>, depth: usize, value: i64) {
    let to = register(depth);
    immediate(code, ADDI, to, 0, u32::from(value.to_be_bytes()[0]));
    for byte in &value.to_be_bytes()[1..] {
        immediate(code, SLLI, to, to, 8);
        immediate(code, ORI, to, to, u32::from(*byte));
    }
}

/// The value at `depth` is the argument.
pub(crate) fn argument(code: &mut Vec<u8>, depth: usize) {
    immediate(code, ADDI, register(depth), ARGUMENT, 0);
}

/// The value at `depth`, and the one above it, become one.
pub(crate) fn operate(code: &mut Vec<u8>, depth: usize, operation: Operation) {
    let (left, right) = (register(depth), register(depth + 1));
    let function = match operation {
        Operation::Add => 0,
        Operation::Subtract => 0x20,
        Operation::Multiply => 1,
    };
    push(code, function << 25 | right << 20 | left << 15 | left << 7 | 0x33);
}

/// Returns the value at depth 0.
pub(crate) fn take_result(code: &mut Vec<u8>) {
    push(code, 0x0000_8067);
}

/// An instruction that does nothing.
pub(crate) fn pass() -> [u8; SWITCH] {
    0x0000_0013_u32.to_le_bytes()
}

/// A branch over the `length` bytes that follow: `jal zero`.
pub(crate) fn skip(length: usize) -> [u8; SWITCH] {
    let far = length as u32 + 4;
    let bits = |from: u32, count: u32| far >> from & ((1 << count) - 1);
    let target = bits(20, 1) << 31 | bits(1, 10) << 21 | bits(11, 1) << 20 | bits(12, 8) << 12;
    (target | 0x6f).to_le_bytes()
}
