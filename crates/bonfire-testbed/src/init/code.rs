//! Code that is rewritten while other threads run it.

use crate::sys;
use bonfire_conformance::Fetch;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// `mov eax, imm32; ret`, placed so that the number is an aligned word.
#[derive(Clone, Copy)]
pub(crate) struct Code {
    /// Where the number is; the instruction begins a byte before.
    number: *const AtomicU32,
}

const MOV_EAX: u8 = 0xb8;
const RET: u8 = 0xc3;

impl Code {
    /// A function that returns 0.
    pub(crate) fn new() -> Self {
        let page = sys::memory(4096).expect("a page");
        let code = [MOV_EAX, 0, 0, 0, 0, RET];
        // SAFETY: within the fresh page.
        let start = unsafe { page.add(63) };
        // SAFETY: as above.
        unsafe { start.copy_from_nonoverlapping(code.as_ptr(), code.len()) };
        Self { number: start.wrapping_add(1).cast() }
    }
}

impl Fetch for Code {
    fn patch(&self, value: u32) {
        // SAFETY: an aligned word that only this function changes. An aligned
        // store replaces the number whole for who fetches it.
        unsafe { &*self.number }.store(value, Relaxed);
    }

    fn execute(&self) -> u32 {
        let start = self.number.cast::<u8>().wrapping_sub(1);
        // SAFETY: the instructions above: no arguments, no stack, result in `eax`.
        let function: extern "C" fn() -> u32 = unsafe { core::mem::transmute(start) };
        function()
    }
}
