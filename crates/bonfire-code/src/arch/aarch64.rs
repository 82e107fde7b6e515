//! AArch64: caches of instructions and data are apart.
//!
//! | what | by | source |
//! |---|---|---|
//! | caches | `DC CVAU`, `DSB ISH`, `IC IVAU`, `DSB ISH` for each line; not where `CTR_EL0.IDC` and `DIC` say that it is needless. They act on all CPUs | Arm ARM (DDI 0487), B2.4.4 and D7.5, "Ordering and completion of data and instruction cache instructions" |
//! | other threads | a context synchronisation event, which SYNC_CORE has them make | Arm ARM, B2.2.5 |
//! | this thread | `ISB` | Arm ARM, glossary, "Context synchronization event" |

use std::arch::asm;
use std::ops::Range;

use crate::patch::Place;
use crate::program::Program;
use crate::{Fault, Patchable};

/// `B` has 26 bits, of words.
pub(crate) const REACH: usize = 128 << 20;

/// Has instruction fetch of all CPUs see what was written: by the system's function, since
/// programs may not ask for the sizes of lines there.
#[cfg(target_vendor = "apple")]
#[expect(clippy::unnecessary_wraps, reason = "other architectures can fail")]
pub(crate) fn maintain(code: &[Range<usize>]) -> Result<(), Fault> {
    unsafe extern "C" {
        fn sys_icache_invalidate(start: *mut std::ffi::c_void, length: usize);
    }
    for span in code {
        let first = std::ptr::with_exposed_provenance_mut(span.start);
        // SAFETY: changes nothing that can be read.
        unsafe { sys_icache_invalidate(first, span.len()) };
    }
    serialise();
    Ok(())
}

/// Has instruction fetch of all CPUs see what was written.
#[cfg(not(target_vendor = "apple"))]
#[expect(clippy::unnecessary_wraps, reason = "other architectures can fail")]
pub(crate) fn maintain(code: &[Range<usize>]) -> Result<(), Fault> {
    let kind = cache_kind();
    let has = |bit: u64| kind >> bit & 1 != 0;
    // In bytes: the fields count words, as a power of two.
    let [instruction_line, data_line] = [kind & 15, kind >> 16 & 15].map(|power| 4_usize << power);
    // IDC: no cleaning. DIC: no invalidation.
    if !has(28) {
        each_line(code, data_line, |line| {
            // SAFETY: cleans a line of memory that is mapped: changes nothing that can be read.
            unsafe { asm!("dc cvau, {}", in(reg) line, options(nostack, preserves_flags)) };
        });
    }
    complete();
    if !has(29) {
        each_line(code, instruction_line, |line| {
            // SAFETY: has instructions be fetched again: changes nothing that can be read.
            unsafe { asm!("ic ivau, {}", in(reg) line, options(nostack, preserves_flags)) };
        });
        complete();
    }
    serialise();
    Ok(())
}

#[cfg(not(target_vendor = "apple"))]
fn each_line(code: &[Range<usize>], line: usize, mut act: impl FnMut(usize)) {
    for span in code {
        (span.start & !(line - 1)..span.end).step_by(line).for_each(&mut act);
    }
}

#[cfg(not(target_vendor = "apple"))]
/// `CTR_EL0`, which Linux lets programs read.
fn cache_kind() -> u64 {
    let kind;
    // SAFETY: reads a register that programs may read.
    unsafe { asm!("mrs {}, ctr_el0", out(reg) kind, options(nomem, nostack, preserves_flags)) };
    kind
}

#[cfg(not(target_vendor = "apple"))]
/// Waits until maintenance is done, as seen by all CPUs.
fn complete() {
    // SAFETY: a barrier.
    unsafe { asm!("dsb ish", options(nostack, preserves_flags)) };
}

#[expect(clippy::unnecessary_wraps, reason = "other architectures can fail")]
pub(crate) fn enable_checks() -> Result<(), Fault> {
    Ok(())
}

/// Has this thread execute nothing that it fetched before.
pub(crate) fn serialise() {
    // SAFETY: a barrier.
    unsafe { asm!("isb", options(nostack, preserves_flags)) };
}

/// Replaces an instruction by one store, if it is among those for which that is allowed.
pub(crate) fn patch<M: Patchable>(program: &Program, place: &Place<'_, M>, new: &[u8]) -> Result<(), Fault> {
    let mut old = [0; 4];
    if new.len() != 4 || place.address() % 4 != 0 {
        return Err(Fault::NotPatchable("an instruction is four bytes, aligned to four"));
    }
    place.read(&mut old)?;
    if !may_be_patched(old) || !may_be_patched([new[0], new[1], new[2], new[3]]) {
        return Err(Fault::NotPatchable(
            "only B, BL, BRK, HVC, ISB, NOP, SMC and SVC may be replaced while they are executed, by one of these",
        ));
    }
    place.write(0, new)?;
    let address = place.address();
    bonfire_code_core::publish(program, &[address..address + 4])
}

/// Arm ARM, B2.2.5: what may be modified while it is executed.
fn may_be_patched(instruction: [u8; 4]) -> bool {
    const ALLOWED: [(u32, u32); 8] = [
        (0xfc00_0000, 0x1400_0000), // B
        (0xfc00_0000, 0x9400_0000), // BL
        (0xffe0_001f, 0xd420_0000), // BRK
        (0xffe0_001f, 0xd400_0002), // HVC
        (0xffff_f0ff, 0xd503_30df), // ISB
        (0xffff_ffff, 0xd503_201f), // NOP
        (0xffe0_001f, 0xd400_0003), // SMC
        (0xffe0_001f, 0xd400_0001), // SVC
    ];
    let instruction = u32::from_le_bytes(instruction);
    ALLOWED.iter().any(|&(mask, bits)| instruction & mask == bits)
}
