//! POWER: caches of instructions and data are apart.
//!
//! | what | by | source |
//! |---|---|---|
//! | caches | `dcbst`, `sync`, `icbi`, `sync`, `isync` for each block; they act on all CPUs | Power ISA 3.1, book II, 1.8, "Instruction storage" |
//! | other threads | a context synchronising instruction, which SYNC_CORE has them make (`rfid`) | the same, 1.8; Linux, `arch/powerpc/Kconfig`, `ARCH_HAS_MEMBARRIER_SYNC_CORE` |
//! | this thread | `isync` | book II, 4.6.1 |

use std::arch::asm;
use std::ops::Range;

use crate::patch::Place;
use crate::program::Program;
use crate::{Fault, Patchable};

/// `b` has 24 bits, of words.
pub(crate) const REACH: usize = 32 << 20;

/// The smallest block that a processor of this architecture has, in bytes. Larger ones are
/// maintained several times.
const BLOCK: usize = 32;

/// Has instruction fetch of all CPUs see what was written.
#[expect(clippy::unnecessary_wraps, reason = "other architectures can fail")]
pub(crate) fn maintain(code: &[Range<usize>]) -> Result<(), Fault> {
    each_block(code, |block| {
        // SAFETY: has a block of mapped memory be stored: changes nothing that can be read.
        unsafe { asm!("dcbst 0, {}", in(reg) block, options(nostack, preserves_flags)) };
    });
    complete();
    each_block(code, |block| {
        // SAFETY: has instructions be fetched again: changes nothing that can be read.
        unsafe { asm!("icbi 0, {}", in(reg) block, options(nostack, preserves_flags)) };
    });
    complete();
    serialise();
    Ok(())
}

fn each_block(code: &[Range<usize>], mut act: impl FnMut(usize)) {
    for span in code {
        (span.start & !(BLOCK - 1)..span.end).step_by(BLOCK).for_each(&mut act);
    }
}

/// Waits until maintenance is done, as seen by all CPUs.
fn complete() {
    // SAFETY: a barrier.
    unsafe { asm!("sync", options(nostack, preserves_flags)) };
}

#[expect(clippy::unnecessary_wraps, reason = "other architectures can fail")]
pub(crate) fn enable_checks() -> Result<(), Fault> {
    Ok(())
}

/// Has this thread execute nothing that it fetched before.
pub(crate) fn serialise() {
    // SAFETY: a barrier.
    unsafe { asm!("isync", options(nostack, preserves_flags)) };
}

pub(crate) fn patch<M: Patchable>(_: &Program, _: &Place<'_, M>, _: &[u8]) -> Result<(), Fault> {
    Err(Fault::NotPatchable(
        "replacing instructions that are executed is not written for POWER: publish a new function and replace the old",
    ))
}
