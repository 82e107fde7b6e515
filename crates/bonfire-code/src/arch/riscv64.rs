//! RISC-V: no cache is coherent with instruction fetch, and a program can order only the hart
//! that it is on.
//!
//! | what | by | source |
//! |---|---|---|
//! | caches | `riscv_flush_icache(2)` over all threads, result checked: `FENCE.I` here, and on every hart before it runs a thread of this process again | Linux, `Documentation/arch/riscv/cmodx.rst`; RISC-V unprivileged ISA, "Zifencei" |
//! | other threads | the same; and SYNC_CORE, which makes them | Linux, `arch/riscv/include/asm/sync_core.h`, since 6.9 |
//! | this thread | `FENCE.I`, which lasts where `PR_RISCV_SET_ICACHE_FLUSH_CTX` has the kernel repeat it when the thread moves: since Linux 6.10 | `cmodx.rst` |
//! | an aligned instruction | one store where fetches are atomic (Ziccif, told by the kernel or the device tree), then the call above | RISC-V profiles, RVA20 |
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
            "this processor does not say that it fetches aligned instructions at once (Ziccif in /proc/cpuinfo \
             or in the device tree)",
        ));
    }
    place.write(0, new)?;
    let address = place.address();
    bonfire_code_core::publish(program, &[address..address + length])
}

/// Whether every hart says that it has Ziccif: to the kernel, which tells programs of it where
/// it knows the name itself, or in the device tree, where there is one.
fn fetches_are_atomic() -> bool {
    const TREE: &str = "/proc/device-tree/cpus";
    let told = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let harts = fs::read_dir(TREE).into_iter().flatten().flatten();
    let lists = harts.filter_map(|hart| fs::read(hart.path().join("riscv,isa-extensions")).ok());
    all_told(&told) || all_listed(lists)
}

/// Of `/proc/cpuinfo`, whose lines have one name after another.
fn all_told(text: &str) -> bool {
    let mut harts = text.lines().filter(|line| line.starts_with("isa")).peekable();
    harts.peek().is_some() && harts.all(|line| line.split([' ', '\t', '_']).any(|name| name == "ziccif"))
}

/// Of the device tree, whose names end with a zero.
fn all_listed(lists: impl Iterator<Item = Vec<u8>>) -> bool {
    let mut lists = lists.peekable();
    lists.peek().is_some() && lists.all(|list| list.split(|&byte| byte == 0).any(|name| name == b"ziccif"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_hart_that_does_not_say_so_is_enough_to_refuse() {
        let [has, lacks] = ["isa\t\t: rv64imafdc_ziccif_zifencei\n", "isa\t\t: rv64imafdc_xziccif2\n"];
        assert!(all_told(&has.repeat(2)));
        assert!(!all_told(&[has, lacks].concat()) && !all_told(""));
        let [has, lacks] = [&b"i\0m\0ziccif\0"[..], b"i\0ziccifx\0"].map(<[u8]>::to_vec);
        assert!(all_listed([has.clone(), has.clone()].into_iter()));
        assert!(!all_listed([has, lacks].into_iter()) && !all_listed(std::iter::empty()));
    }
}
