//! Instruction fetch: code that can be rewritten while it runs, and what each
//! CPU still believes of it.
//!
//! The instruction streams of real CPUs go stale so rarely that a missing core
//! serialisation would hardly ever be seen. The CPUs of this machine keep what
//! they fetched until they are told to serialise: as far from coherent as an
//! architecture may be, and it shows each missing serialisation at once.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

/// A function in the memory of a program that returns a number, and can be
/// given another one.
#[derive(Debug)]
pub struct Code {
    tag: u32,
    returns: AtomicU32,
}

impl Code {
    /// A function that returns 0.
    #[must_use]
    pub fn new() -> Self {
        static TAGS: AtomicU32 = AtomicU32::new(1);
        Self { tag: TAGS.fetch_add(1, Relaxed), returns: AtomicU32::new(0) }
    }

    /// Makes the function return `value`: a store and no more.
    pub fn patch(&self, value: u32) {
        self.returns.store(value, Relaxed);
    }
}

impl Default for Code {
    fn default() -> Self {
        Self::new()
    }
}

/// The code that a CPU has fetched, a place for each of a few functions.
///
/// Touched by the CPU itself only, with interrupts off.
#[derive(Default)]
pub(crate) struct InstructionView {
    /// A tag, shifted, and what its function returned when it was fetched.
    fetched: [AtomicU64; 16],
}

impl InstructionView {
    /// Calls `code` as this CPU knows it.
    pub(crate) fn execute(&self, code: &Code) -> u32 {
        let place = &self.fetched[code.tag as usize % self.fetched.len()];
        let known = place.load(Relaxed);
        if known >> 32 == u64::from(code.tag) {
            return known as u32;
        }
        let returns = code.returns.load(Relaxed);
        place.store(u64::from(code.tag) << 32 | u64::from(returns), Relaxed);
        returns
    }

    /// A core serialisation: what was fetched is forgotten.
    pub(crate) fn refresh(&self) {
        for place in &self.fetched {
            place.store(0, Relaxed);
        }
    }
}
