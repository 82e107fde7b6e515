//! s390x: caches are coherent; what was fetched before may be executed.
//!
//! | what | by | source |
//! |---|---|---|
//! | caches | nothing | Principles of Operation (SA22-7832), chapter 5, "Storage-operand store references" and "Conceptual sequence" |
//! | other threads | serialisation on the CPU that executes, by the return to the program (`lpswe`). Where Linux has no SYNC_CORE here, as Debian's 6.1 has none, a `Publisher` is refused, with that cause | Linux, `arch/s390/Kconfig`: `ARCH_HAS_MEMBARRIER_SYNC_CORE` |
//! | this thread | `BCR 15,0`: serialisation and checkpoint synchronisation | Principles of Operation, chapter 5, "CPU serialization" |

use std::arch::asm;
use std::ops::Range;

use crate::patch::Place;
use crate::program::Program;
use crate::{Fault, Patchable};

/// `BRCL` has 32 bits, of halfwords.
pub(crate) const REACH: usize = i32::MAX as usize;

#[expect(clippy::unnecessary_wraps, reason = "other architectures can fail")]
pub(crate) fn maintain(_: &[Range<usize>]) -> Result<(), Fault> {
    Ok(())
}

#[expect(clippy::unnecessary_wraps, reason = "other architectures can fail")]
pub(crate) fn enable_checks() -> Result<(), Fault> {
    Ok(())
}

/// Has this thread execute nothing that it fetched before.
pub(crate) fn serialise() {
    // SAFETY: a barrier.
    unsafe { asm!("bcr 15, 0", options(nostack)) };
}

pub(crate) fn patch<M: Patchable>(_: &Program, _: &Place<'_, M>, _: &[u8]) -> Result<(), Fault> {
    Err(Fault::NotPatchable(
        "replacing instructions that are executed is not written for s390x: announce a new function and replace the old",
    ))
}
