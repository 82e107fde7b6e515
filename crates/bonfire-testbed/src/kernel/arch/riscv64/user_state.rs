//! What a program has and its [`TrapFrame`] does not hold: it changes hands at a switch.

use super::TrapFrame;
use super::cpu::FLOAT_ON;
use super::entry::TP;
use core::arch::asm;

/// The floating point registers, and their state.
#[derive(Clone)]
#[repr(C)]
pub(crate) struct UserState {
    pub(super) float: [u64; 32],
    pub(super) float_status: u64,
    thread_pointer: u64,
}

impl UserState {
    /// The state in which a program starts.
    pub(crate) const fn new() -> Self {
        Self { float: [0; 32], float_status: 0, thread_pointer: 0 }
    }

    /// Takes what the CPU has.
    pub(crate) fn save(&mut self) {
        // SAFETY: 32 words, and the one behind them; the unit is off again afterwards.
        unsafe {
            asm!(
                "csrs sstatus, {on}",
                ".irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31",
                "fsd f\\n, 8 * \\n({to})",
                ".endr",
                "frcsr {status}",
                "sd {status}, 256({to})",
                "csrc sstatus, {on}",
                on = in(reg) FLOAT_ON,
                to = in(reg) self,
                status = out(reg) _,
                options(nostack)
            );
        }
    }

    /// Gives the CPU this state.
    pub(crate) fn restore(&self) {
        // SAFETY: as in `save`; the registers are the program's alone.
        unsafe {
            asm!(
                "csrs sstatus, {on}",
                ".irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31",
                "fld f\\n, 8 * \\n({from})",
                ".endr",
                "fscsr {status}",
                "csrc sstatus, {on}",
                on = in(reg) FLOAT_ON,
                from = in(reg) self,
                status = in(reg) self.float_status,
                options(nostack)
            );
        }
    }

    /// Where the thread-local variables are, as far as the kernel was told.
    pub(crate) fn thread_pointer(&self) -> u64 {
        self.thread_pointer
    }

    /// Changes that. It is a register like others, so the frame has it.
    pub(crate) fn set_thread_pointer(&mut self, frame: &mut TrapFrame, address: u64) {
        self.thread_pointer = address;
        frame.registers[TP] = address;
    }
}
