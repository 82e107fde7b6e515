//! Replacing one instruction while threads execute it, where its bytes cannot be written
//! at once: the three steps of x86.
//!
//! A CPU may fetch an instruction byte by byte, each as old as it likes. So the first byte
//! becomes a trap, and everybody serialises: a thread that executes the instruction from here on
//! traps, who does not is past it or has yet to come. Then the other bytes are written, and
//! everybody serialises: who sees the first byte of the new instruction will see the rest
//! of it. Then the first byte is written, and everybody serialises: nobody traps any more.

use crate::{Machine, Site};

/// An instruction that is replaced by another of its length.
pub trait Trapped {
    /// Writes a trap over its first byte.
    fn write_trap(&self);
    /// Writes the other bytes of the new instruction.
    fn write_tail(&self);
    /// Writes the first byte of the new instruction.
    fn write_head(&self);
}

/// Replaces an instruction that other threads may be about to execute.
///
/// They execute the old one or the new one and never a mixture; who traps meanwhile is to
/// wait until the first byte is no trap any more, and to execute it again. After the return
/// from here everybody executes the new one. For machines on which caches need no
/// maintenance; two such calls for one instruction must not overlap.
pub fn patch_by_trap<M: Machine>(machine: &M, instruction: &impl Trapped) {
    instruction.write_trap();
    // PAIRS(patch): with the fetch of the first byte. Nobody executes the old first byte
    // after this, so nobody can put a new second one behind it.
    machine.sync_core(Site::TrapSync);
    instruction.write_tail();
    // PAIRS(patch): with the fetch of the other bytes, by whoever fetches the new first one.
    machine.sync_core(Site::TailSync);
    instruction.write_head();
    // PAIRS(patch): with the fetch of the first byte: no trap is taken after the return.
    machine.sync_core(Site::HeadSync);
}
