//! What Linux shows a signal's handler of the registers, on x86-64.

use super::entry::{TrapFrame, USER_CODE, USER_DATA};
use super::{FloatState, USER_TOP};
use crate::user::Fault;

/// The flags that a program may set: the arithmetic ones, direction, alignment, `ID`.
const OWN_FLAGS: u64 = 0x24_0cd5;

impl TrapFrame {
    /// The general registers in the order of Linux's `gregset_t`.
    pub(crate) fn signal_registers(&self) -> [u64; 23] {
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
    pub(crate) fn set_signal_registers(&mut self, registers: &[u64; 23]) -> Result<(), Fault> {
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

    /// Makes the system call again, whose number was kept when it entered.
    pub(crate) fn call_again(&mut self) {
        self.call_instead(self.error);
    }

    /// Makes the system call of that number in place of the one that has just been made.
    pub(crate) fn call_instead(&mut self, number: u64) {
        const LENGTH_OF_SYSCALL: u64 = 2;
        self.rax = number;
        self.rip -= LENGTH_OF_SYSCALL;
    }

    /// Keeps the number of the call, which its answer replaces.
    pub(crate) fn keep_number(&mut self) {
        self.error = self.rax;
    }
}

/// Where an `fxsave` area has MXCSR, and the SSE registers.
const MXCSR: usize = 24;
const SSE: usize = 160;

impl FloatState {
    /// The running thread's, with the SSE registers that it entered with.
    pub(crate) fn with(frame: &TrapFrame) -> Self {
        let mut state = Self::new();
        state.save();
        for (place, register) in state.0[SSE..].chunks_exact_mut(16).zip(frame.xmm) {
            place.copy_from_slice(&register.to_le_bytes());
        }
        state
    }

    /// As `fxsave` lays it out.
    pub(crate) fn bytes(&self) -> [u8; 512] {
        self.0
    }

    /// From what a program kept, of which the CPU would refuse some bits of MXCSR.
    pub(crate) fn from_bytes(mut bytes: [u8; 512]) -> Self {
        bytes[MXCSR + 2..MXCSR + 4].fill(0);
        Self(bytes)
    }

    /// Gives it back to the running thread.
    pub(crate) fn put_back(&self, frame: &mut TrapFrame) {
        for (register, place) in frame.xmm.iter_mut().zip(self.0[SSE..].chunks_exact(16)) {
            *register = u128::from_le_bytes(place.try_into().expect("chunks of 16"));
        }
        self.restore();
    }
}
