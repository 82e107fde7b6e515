//! RISC-V: no cache is coherent with instruction fetch, and a program can order only the hart
//! that it is on.
//!
//! | what | by | source |
//! |---|---|---|
//! | caches | `riscv_flush_icache(2)` over all threads, result checked: `FENCE.I` here, and on every hart before it runs a thread of this process again | Linux, `Documentation/arch/riscv/cmodx.rst`; RISC-V unprivileged ISA, "Zifencei" |
//! | other threads | the same; and SYNC_CORE, which makes them | Linux, `arch/riscv/include/asm/sync_core.h`, since 6.9 |
//! | this thread | `FENCE.I`, which lasts where `PR_RISCV_SET_ICACHE_FLUSH_CTX` has the kernel repeat it when the thread moves: since Linux 6.10 | `cmodx.rst` |
//! | an aligned instruction | one store where fetches are atomic (Ziccif), then the call above | RISC-V profiles, RVA20 |
//!
//! Where Ziccid makes fetch coherent, the call costs what it costs and does no harm: Linux does
//! not tell programs of it yet.

use std::arch::asm;
use std::ops::Range;
use std::{fs, io};

use crate::patch::Place;
use crate::program::Program;
use crate::{Fault, Patchable};

/// `AUIPC` and `JALR`.
pub(crate) const REACH: usize = i32::MAX as usize;

const SYS_RISCV_FLUSH_ICACHE: libc::c_long = 259;
const PR_RISCV_SET_ICACHE_FLUSH_CTX: libc::c_int = 71;
const PR_RISCV_CTX_SW_FENCEI_ON: libc::c_ulong = 0;
const PR_RISCV_SCOPE_PER_PROCESS: libc::c_ulong = 0;

/// Has instruction fetch of all harts see what was written.
///
/// Linux flushes all instructions, whatever the range; so one call serves all.
pub(crate) fn maintain(code: &[Range<usize>]) -> Result<(), Fault> {
    let Some(first) = code.iter().map(|span| span.start).min() else { return Ok(()) };
    let end = code.iter().map(|span| span.end).max().unwrap_or(first);
    // SAFETY: numbers; it changes nothing that can be read.
    let answer = unsafe { libc::syscall(SYS_RISCV_FLUSH_ICACHE, first, end, 0_usize) };
    let because = io::Error::last_os_error();
    (answer == 0).then_some(()).ok_or(Fault::Caches { call: "riscv_flush_icache", because })
}

pub(crate) fn enable_checks() -> Result<(), Fault> {
    // SAFETY: numbers; it allows this process to make `fence.i` count.
    let answer = unsafe {
        libc::prctl(PR_RISCV_SET_ICACHE_FLUSH_CTX, PR_RISCV_CTX_SW_FENCEI_ON, PR_RISCV_SCOPE_PER_PROCESS)
    };
    (answer == 0).then_some(()).ok_or(Fault::NoCheck(
        "a thread cannot serialise itself here: PR_RISCV_SET_ICACHE_FLUSH_CTX was refused, which takes Linux 6.10; \
         use a `Publisher`",
    ))
}

/// Has this thread execute nothing that it fetched before.
pub(crate) fn serialise() {
    // SAFETY: a barrier.
    unsafe { asm!("fence.i", options(nostack, preserves_flags)) };
}

/// Replaces an instruction by one store, where fetches are atomic.
pub(crate) fn patch<M: Patchable>(program: &Program, place: &Place<'_, M>, new: &[u8]) -> Result<(), Fault> {
    let mut old = [0; 4];
    let length = new.len();
    if !(length == 2 || length == 4) || place.address() % length != 0 {
        return Err(Fault::NotPatchable(
            "an instruction of two or four bytes, aligned to as many, can be replaced",
        ));
    }
    place.read(&mut old[..length])?;
    // The two lowest bits say how long it is.
    let is_long = |instruction: &[u8]| instruction[0] & 3 == 3;
    if is_long(&old[..length]) != (length == 4) || is_long(new) != (length == 4) {
        return Err(Fault::NotPatchable("the new instruction is not as long as the old one"));
    }
    if !fetches_are_atomic() {
        return Err(Fault::NotPatchable(
            "this processor does not say that it fetches aligned instructions at once (Ziccif in /proc/cpuinfo)",
        ));
    }
    place.write(0, new)?;
    let address = place.address();
    bonfire_code_core::publish(program, &[address..address + length])
}

/// Whether all harts list Ziccif, or a profile that has it.
fn fetches_are_atomic() -> bool {
    let Ok(text) = fs::read_to_string("/proc/cpuinfo") else { return false };
    let mut harts = text.lines().filter(|line| line.starts_with("isa")).peekable();
    harts.peek().is_some() && harts.all(|line| line.contains("ziccif"))
}
