//! What Linux shows a signal's handler, on riscv64: `struct rt_sigframe`.

use super::entry::{A0, RA, SP};
use super::{TrapFrame, USER_TOP, UserState};
use crate::program;
use crate::signals::Delivery;
use crate::space::Space;
use crate::user::{self, Fault};

/// What a handler may find below its interrupted stack pointer: the ABI has no such zone.
pub(crate) const RED_ZONE: u64 = 0;
/// Where a handler goes back to: `li a7, 139` and `ecall`, the call `rt_sigreturn`.
pub(crate) const SIGNAL_RETURN: &[u8] = &[0x93, 0x08, 0xb0, 0x08, 0x73, 0, 0, 0];

/// The frame in words: 16 of `siginfo`, and the context.
const WORDS: usize = STATUS + 34;
const CONTEXT: usize = 16;
/// The alternate stack's start and length (behind the flags and the link), and the mask.
const STACK: usize = CONTEXT + 2;
const LENGTH: usize = STACK + 2;
const MASK: usize = STACK + 3;
/// The program counter and `x1` to `x31`; the room behind the mask has space for a mask of 1024
/// bits, and what follows lies on a boundary of 16 bytes.
const REGISTERS: usize = (MASK + 16).next_multiple_of(2);
/// The floating point registers, and behind them their state; there is room for long ones.
const FLOAT: usize = REGISTERS + 32;
const STATUS: usize = FLOAT + 32;

impl TrapFrame {
    /// Has the handler run on a stack that ends at `top`, with the frame there by which it goes back.
    pub(crate) fn call_handler(&mut self, space: &Space, top: u64, delivery: &Delivery) -> Result<(), Fault> {
        let mut state = UserState::new();
        state.save();
        let mut words = [0u64; WORDS];
        (words[0], words[2]) = (delivery.signal as u64, delivery.fault);
        ([words[STACK], words[LENGTH]], words[MASK]) = (delivery.alternate, delivery.mask);
        words[REGISTERS] = self.pc;
        words[REGISTERS + 1..FLOAT].copy_from_slice(&self.registers);
        words[FLOAT..STATUS].copy_from_slice(&state.float);
        words[STATUS] = state.float_status;
        let at = top.wrapping_sub(8 * WORDS as u64) / 16 * 16;
        user::write(space, at, words)?;
        self.pc = delivery.action.handler;
        (self.registers[RA], self.registers[SP]) = (program::SIGNAL_RETURN, at);
        let arguments = [delivery.signal as u64, at, at + 8 * CONTEXT as u64];
        self.registers[A0..A0 + 3].copy_from_slice(&arguments);
        Ok(())
    }

    /// Goes back to where the handler interrupted the thread; returns the signals held off there.
    pub(crate) fn return_from_handler(&mut self, space: &Space) -> Result<u64, Fault> {
        let words: [u64; WORDS] = user::read(space, self.stack())?;
        if words[REGISTERS] >= USER_TOP {
            return Err(Fault);
        }
        self.pc = words[REGISTERS];
        self.registers.copy_from_slice(&words[REGISTERS + 1..FLOAT]);
        let mut state = UserState::new();
        state.float.copy_from_slice(&words[FLOAT..STATUS]);
        state.float_status = words[STATUS];
        state.restore();
        self.leave_by_interrupt();
        Ok(words[MASK])
    }
}
