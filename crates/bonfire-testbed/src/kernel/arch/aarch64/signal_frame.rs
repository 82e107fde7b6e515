//! What Linux shows a signal's handler on aarch64, and takes back: `struct rt_sigframe`.

use super::{TrapFrame, USER_TOP, UserState};
use crate::program;
use crate::signals::Delivery;
use crate::space::Space;
use crate::user::{self, Fault};

/// What a handler may find below its interrupted stack pointer: the ABI has no such zone.
pub(crate) const RED_ZONE: u64 = 0;
/// The code by which a handler goes back: `mov x8, 139` and `svc 0`, the call `rt_sigreturn`.
pub(crate) const SIGNAL_RETURN: &[u8] = &[0x68, 0x11, 0x80, 0xd2, 0x01, 0, 0, 0xd4];
/// Of an action that brings its own.
const HAS_RESTORER: u64 = 0x0400_0000;

/// The frame in words: 16 of `siginfo`, the context, and where the interrupted function's frame
/// is and returns to.
const WORDS: usize = LINK + 2;
const CONTEXT: usize = 16;
/// The alternate stack's start and length (behind the flags and the link), and the mask.
const STACK: usize = CONTEXT + 2;
const LENGTH: usize = STACK + 2;
const MASK: usize = STACK + 3;
/// The address of a fault, and behind it the registers; the room behind the mask has space for
/// a mask of 1024 bits, and what follows lies on a boundary of 16 bytes.
const ADDRESS: usize = (MASK + 16).next_multiple_of(2);
const REGISTERS: usize = ADDRESS + 1;
const SP: usize = REGISTERS + 31;
const PC: usize = SP + 1;
const STATE: usize = PC + 1;
/// Records that say what they are and how long; after the last, one of zeros.
const RECORDS: usize = (STATE + 1).next_multiple_of(2);
const FLOAT: u64 = 0x4650_8001 | (8 * FLOAT_WORDS as u64) << 32;
const FLOAT_WORDS: usize = VECTORS - RECORDS + 64;
/// The status and control of floating point, and the vectors.
const FLOAT_STATE: usize = RECORDS + 1;
const VECTORS: usize = FLOAT_STATE + 1;
const LINK: usize = RECORDS + FLOAT_WORDS + 2;

/// The flags of the arithmetic, which are all of the state that a program may set.
const OWN_STATE: u64 = 0xf000_0000;

impl TrapFrame {
    /// Has it go on in a handler, of which the frame lies below `top`.
    pub(crate) fn call_handler(&mut self, space: &Space, top: u64, what: &Delivery) -> Result<(), Fault> {
        let at = top.wrapping_sub(8 * WORDS as u64) / 16 * 16;
        user::write(space, at, self.signal_words(what))?;
        let restorer =
            if what.action.flags & HAS_RESTORER != 0 { what.action.restorer } else { program::SIGNAL_RETURN };
        (self.pc, self.sp) = (what.action.handler, at);
        (self.x[29], self.x[30]) = (at + 8 * LINK as u64, restorer);
        self.x[..3].copy_from_slice(&[what.signal as u64, at, at + 8 * CONTEXT as u64]);
        Ok(())
    }

    fn signal_words(&self, what: &Delivery) -> [u64; WORDS] {
        let mut state = UserState::new();
        state.save();
        let mut words = [0u64; WORDS];
        (words[0], words[2], words[ADDRESS]) = (what.signal as u64, what.fault, what.fault);
        ([words[STACK], words[LENGTH]], words[MASK]) = (what.alternate, what.mask);
        words[REGISTERS..SP].copy_from_slice(&self.x);
        (words[SP], words[PC], words[STATE]) = (self.sp, self.pc, self.state);
        (words[RECORDS], words[FLOAT_STATE]) = (FLOAT, state.status | state.control << 32);
        for (pair, vector) in words[VECTORS..].chunks_exact_mut(2).zip(self.vectors) {
            pair.copy_from_slice(&[vector as u64, (vector >> 64) as u64]);
        }
        words[LINK..].copy_from_slice(&self.x[29..]);
        words
    }

    /// Has it go on where the handler interrupted it, and returns the signals held off there.
    pub(crate) fn return_from_handler(&mut self, space: &Space) -> Result<u64, Fault> {
        let words: [u64; WORDS] = user::read(space, self.sp)?;
        if words[PC] >= USER_TOP || words[RECORDS] != FLOAT {
            return Err(Fault);
        }
        self.x.copy_from_slice(&words[REGISTERS..SP]);
        (self.sp, self.pc, self.state) = (words[SP], words[PC], words[STATE] & OWN_STATE);
        let mut state = UserState::new();
        state.save();
        (state.status, state.control) = (words[FLOAT_STATE] & u64::from(u32::MAX), words[FLOAT_STATE] >> 32);
        state.restore();
        for (vector, pair) in self.vectors.iter_mut().zip(words[VECTORS..].chunks_exact(2)) {
            *vector = u128::from(pair[0]) | u128::from(pair[1]) << 64;
        }
        self.leave_by_interrupt();
        Ok(words[MASK])
    }
}
