//! What a program has and its [`TrapFrame`] does not hold: it changes hands at a switch.

use super::TrapFrame;
use x86_64::VirtAddr;
use x86_64::registers::model_specific::FsBase;

/// The x87 and SSE control state of a user thread, and where its thread-local variables
/// are (`fs`).
#[derive(Clone)]
pub(crate) struct UserState {
    pub(super) float: Float,
    thread_pointer: u64,
}

impl UserState {
    /// The state in which a program starts.
    pub(crate) const fn new() -> Self {
        Self { float: Float::new(), thread_pointer: 0 }
    }

    /// Takes what the CPU has. (`fs` is changed by a system call alone.)
    pub(crate) fn save(&mut self) {
        self.float.save();
    }

    /// Gives the CPU this state.
    pub(crate) fn restore(&self) {
        self.float.restore();
        FsBase::write(VirtAddr::new_truncate(self.thread_pointer));
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

/// What `fxsave` saves, of which the kernel's own code changes the SSE registers.
#[repr(C, align(16))]
#[derive(Clone)]
pub(super) struct Float(pub(super) [u8; 512]);

impl Float {
    /// All exceptions masked.
    const fn new() -> Self {
        let mut bytes = [0; 512];
        (bytes[0], bytes[1]) = (0x7f, 0x03); // FCW
        (bytes[24], bytes[25]) = (0x80, 0x1f); // MXCSR
        Self(bytes)
    }

    fn save(&mut self) {
        // SAFETY: 512 bytes, 16-aligned; the CPU has FXSR.
        unsafe { core::arch::x86_64::_fxsave64(self.0.as_mut_ptr()) };
    }

    pub(super) fn restore(&self) {
        // SAFETY: as in `save`, and the bytes are of its layout.
        unsafe { core::arch::x86_64::_fxrstor64(self.0.as_ptr()) };
    }
}
