//! x86-64, System V: the argument is in `rdi`, the result in `rax`.

use super::Operation;

/// rax, rcx, rdx, rsi, r8, r9, r10, r11.
const REGISTERS: [u8; 8] = [0, 1, 2, 6, 8, 9, 10, 11];
/// How many values can be held.
pub(crate) const DEPTH: usize = REGISTERS.len();
/// How long the instruction is that is switched.
pub(crate) const SWITCH: usize = 5;

const ARGUMENT: u8 = 7;

fn register(depth: usize) -> u8 {
    REGISTERS[depth]
}

/// REX prefix, for a 64-bit operation.
fn rex(reg: u8, rm: u8) -> u8 {
    0x48 | reg >> 3 << 2 | rm >> 3
}

fn between(reg: u8, rm: u8) -> u8 {
    0xc0 | (reg & 7) << 3 | rm & 7
}

/// The beginning of a function.
pub(crate) fn begin() -> Vec<u8> {
    Vec::new()
}

/// The value at `depth` is `value`.
pub(crate) fn constant(code: &mut Vec<u8>, depth: usize, value: i64) {
    let to = register(depth);
    code.extend([rex(0, to), 0xb8 | to & 7]);
    code.extend(value.to_le_bytes());
}

/// The value at `depth` is the argument.
pub(crate) fn argument(code: &mut Vec<u8>, depth: usize) {
    let to = register(depth);
    code.extend([rex(ARGUMENT, to), 0x89, between(ARGUMENT, to)]);
}

/// The value at `depth`, and the one above it, become one.
pub(crate) fn operate(code: &mut Vec<u8>, depth: usize, operation: Operation) {
    let (left, right) = (register(depth), register(depth + 1));
    match operation {
        Operation::Add => code.extend([rex(right, left), 0x01, between(right, left)]),
        Operation::Subtract => code.extend([rex(right, left), 0x29, between(right, left)]),
        Operation::Multiply => code.extend([rex(left, right), 0x0f, 0xaf, between(left, right)]),
    }
}

/// Returns the value at depth 0.
pub(crate) fn take_result(code: &mut Vec<u8>) {
    code.push(0xc3);
}

/// An instruction that does nothing.
pub(crate) fn pass() -> [u8; SWITCH] {
    [0x0f, 0x1f, 0x44, 0x00, 0x00]
}

/// A branch over the `length` bytes that follow.
pub(crate) fn skip(length: usize) -> [u8; SWITCH] {
    let [a, b, c, d] = (length as i32).to_le_bytes();
    [0xe9, a, b, c, d]
}
