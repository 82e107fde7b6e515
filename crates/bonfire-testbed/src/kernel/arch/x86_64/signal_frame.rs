//! What Linux shows a signal's handler on x86-64, and takes back: `struct rt_sigframe`.

use super::USER_TOP;
use super::entry::{TrapFrame, USER_CODE, USER_DATA};
use super::user_state::{Float, UserState};
use crate::signals::Delivery;
use crate::space::Space;
use crate::user::{self, Fault};

/// The code by which a handler goes back; here every program brings its own.
pub(crate) const SIGNAL_RETURN: &[u8] = &[];
/// What a handler may find below its interrupted stack pointer.
pub(crate) const RED_ZONE: u64 = 128;

/// Words of the frame: the address to return to, the context (flags, link, the
/// alternate stack, 23 registers, a pointer to the floating point state, 8 reserved, the
/// mask), and 16 of `siginfo`.
const WORDS: usize = 1 + 5 + 23 + 1 + 8 + 1 + 16;
const REGISTERS: usize = 6;
const FLOAT: usize = REGISTERS + 23;
const MASK: usize = FLOAT + 9;
const INFO: usize = MASK + 1;
const FLOAT_BYTES: u64 = 512;

/// The flags that a program may set: the arithmetic ones, direction, alignment, `ID`.
const OWN_FLAGS: u64 = 0x24_0cd5;

impl TrapFrame {
    /// Has it go on in a handler, of which the frame lies below `top`.
    pub(crate) fn call_handler(&mut self, space: &Space, top: u64, what: &Delivery) -> Result<(), Fault> {
        let float = top.wrapping_sub(FLOAT_BYTES) / 64 * 64;
        let at = (float.wrapping_sub(8 * WORDS as u64) / 16 * 16).wrapping_sub(8);
        user::write_bytes(space, float, &UserState::with(self).bytes())?;
        let mut words = [0u64; WORDS];
        words[0] = what.action.restorer;
        [words[3], words[5]] = what.alternate;
        words[REGISTERS..FLOAT].copy_from_slice(&self.signal_registers());
        words[FLOAT] = float;
        words[MASK] = what.mask;
        words[INFO] = what.signal as u64;
        words[INFO + 2] = what.fault;
        user::write(space, at, words)?;
        (self.rip, self.rsp, self.rax) = (what.action.handler, at, 0);
        (self.rdi, self.rsi, self.rdx) = (what.signal as u64, at + 8 * INFO as u64, at + 8);
        Ok(())
    }

    /// Has it go on where the handler interrupted it, and returns the signals held off there.
    pub(crate) fn return_from_handler(&mut self, space: &Space) -> Result<u64, Fault> {
        // The handler's `ret` took the address to return to.
        let words: [u64; WORDS] = user::read(space, self.rsp.wrapping_sub(8))?;
        let mut registers = [0; 23];
        registers.copy_from_slice(&words[REGISTERS..FLOAT]);
        self.set_signal_registers(&registers)?;
        let mut float = [0; FLOAT_BYTES as usize];
        user::read_bytes(space, words[FLOAT], &mut float)?;
        UserState::put_back(float, self);
        Ok(words[MASK])
    }

    /// The general registers in the order of Linux's `gregset_t`.
    fn signal_registers(&self) -> [u64; 23] {
        let segments = u64::from(USER_CODE) | u64::from(USER_DATA) << 48;
        [
            self.r8,
            self.r9,
            self.r10,
            self.r11,
            self.r12,
            self.r13,
            self.r14,
            self.r15,
            self.rdi,
            self.rsi,
            self.rbp,
            self.rbx,
            self.rdx,
            self.rax,
            self.rcx,
            self.rsp,
            self.rip,
            self.rflags,
            segments,
            0,
            0,
            0,
            0,
        ]
    }

    /// Sets them, but for what would be more than a program's; all come back, so the
    /// frame leaves by `iretq`.
    fn set_signal_registers(&mut self, registers: &[u64; 23]) -> Result<(), Fault> {
        let [r8, r9, r10, r11, r12, r13, r14, r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, flags, ..] =
            *registers;
        if rip >= USER_TOP {
            return Err(Fault);
        }
        let rflags = self.rflags & !OWN_FLAGS | flags & OWN_FLAGS;
        *self = Self {
            r8,
            r9,
            r10,
            r11,
            r12,
            r13,
            r14,
            r15,
            rdi,
            rsi,
            rbp,
            rbx,
            rdx,
            rax,
            rcx,
            rsp,
            rip,
            rflags,
            ..*self
        };
        self.leave_by_interrupt();
        Ok(())
    }
}

/// Where an `fxsave` area has MXCSR, and the SSE registers.
const MXCSR: usize = 24;
const SSE: usize = 160;

impl UserState {
    /// The running thread's, with the SSE registers that it entered with.
    fn with(frame: &TrapFrame) -> Self {
        let mut state = Self::new();
        state.save();
        for (place, register) in state.float.0[SSE..].chunks_exact_mut(16).zip(frame.xmm) {
            place.copy_from_slice(&register.to_le_bytes());
        }
        state
    }

    /// As `fxsave` lays it out.
    fn bytes(&self) -> [u8; 512] {
        self.float.0
    }

    /// Gives the running thread what a program kept, of which the CPU would refuse some
    /// bits of MXCSR.
    fn put_back(mut bytes: [u8; 512], frame: &mut TrapFrame) {
        bytes[MXCSR + 2..MXCSR + 4].fill(0);
        for (register, place) in frame.xmm.iter_mut().zip(bytes[SSE..].chunks_exact(16)) {
            *register = u128::from_le_bytes(place.try_into().expect("chunks of 16"));
        }
        Float(bytes).restore();
    }
}
