//! What a program has and its [`TrapFrame`] does not hold: it changes hands at a switch.

use super::TrapFrame;
use core::arch::asm;

/// The control and status registers of floating point, and where the thread-local variables
/// are, which a program changes by itself.
#[derive(Clone)]
pub(crate) struct UserState {
    pub(super) control: u64,
    pub(super) status: u64,
    thread_pointer: u64,
}

impl UserState {
    /// The state in which a program starts.
    pub(crate) const fn new() -> Self {
        Self { control: 0, status: 0, thread_pointer: 0 }
    }

    /// Takes what the CPU has.
    pub(crate) fn save(&mut self) {
        let (control, status, pointer): (u64, u64, u64);
        // SAFETY: reads registers that the kernel does not use.
        unsafe {
            asm!("mrs {}, fpcr", "mrs {}, fpsr", "mrs {}, tpidr_el0", out(reg) control, out(reg) status,
                out(reg) pointer, options(nostack, preserves_flags));
        }
        *self = Self { control, status, thread_pointer: pointer };
    }

    /// Gives the CPU this state.
    pub(crate) fn restore(&self) {
        // SAFETY: registers that the kernel does not use.
        unsafe {
            asm!("msr fpcr, {}", "msr fpsr, {}", "msr tpidr_el0, {}", in(reg) self.control,
                in(reg) self.status, in(reg) self.thread_pointer, options(nostack, preserves_flags));
        }
    }

    /// Where the thread-local variables are.
    pub(crate) fn thread_pointer(&self) -> u64 {
        self.thread_pointer
    }

    /// Changes that, from the next [`restore`](Self::restore) on.
    pub(crate) fn set_thread_pointer(&mut self, _: &mut TrapFrame, address: u64) {
        self.thread_pointer = address;
    }
}
