//! x86-64: caches of instructions are coherent; what was fetched before may be executed.
//!
//! | what | by | source |
//! |---|---|---|
//! | caches | nothing: instruction fetch sees stores | Intel SDM volume 3, 13.6, "Self-modifying code"; AMD APM volume 2, 7.6.1 |
//! | other threads | a serialising instruction on the CPU that executes, which SYNC_CORE has it make | Intel SDM volume 3, 10.1.3, "Handling self- and cross-modifying code" |
//! | this thread | `IRET`, `CPUID` or `SERIALIZE`, all of them serialising | Intel SDM volume 3, 10.3, "Serializing instructions" |
//!
//! The memory is written at another address than it is executed at. Section 13.6 asks for a
//! serialising instruction then, also of the thread that wrote; SYNC_CORE has the caller make
//! one, too (Linux since 5.10; held by `bonfire check`, `sync_core`).

use std::arch::asm;
use std::arch::x86_64::__cpuid_count;
use std::ops::Range;
use std::sync::atomic::AtomicU8;
use std::sync::atomic::Ordering::Relaxed;

use bonfire_code_core::{Trapped, patch_by_trap};

use crate::patch::Place;
use crate::program::Program;
use crate::sys::Watch;
use crate::{Fault, Patchable};

/// A relative branch has 32 bits.
pub(crate) const REACH: usize = i32::MAX as usize;

/// `INT3`, the trap of one byte.
pub(crate) const TRAP: u8 = 0xcc;

#[expect(clippy::unnecessary_wraps, reason = "other architectures can fail")]
pub(crate) fn maintain(_: &[Range<usize>]) -> Result<(), Fault> {
    Ok(())
}

#[expect(clippy::unnecessary_wraps, reason = "other architectures can fail")]
pub(crate) fn enable_checks() -> Result<(), Fault> {
    Ok(())
}

/// How a thread serialises itself.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// `SERIALIZE`: made for it.
    Serialize = 1,
    /// `IRET` to the next instruction.
    Return = 2,
    /// `CPUID`: the only one where returns are checked against a shadow stack. It ends in the
    /// hypervisor of a virtual machine, and takes a microsecond or more there.
    Identify = 3,
}

impl Way {
    /// The best that there is for this thread.
    fn find() -> Self {
        static FOUND: AtomicU8 = AtomicU8::new(0);
        // Relaxed: whoever finds none finds the same by itself.
        let found = match FOUND.load(Relaxed) {
            0 => {
                let has_serialize = __cpuid_count(7, 0).edx & 1 << 14 != 0;
                let found = if has_serialize { Self::Serialize } else { Self::Return };
                FOUND.store(found as u8, Relaxed);
                found
            }
            1 => Self::Serialize,
            _ => Self::Return,
        };
        if found == Self::Return && has_shadow_stack() { Self::Identify } else { found }
    }
}

/// Whether returns of this thread are checked.
fn has_shadow_stack() -> bool {
    let pointer: u64;
    // SAFETY: `rdsspq` reads the pointer of the shadow stack, and does nothing where there is
    // none or the processor knows of none (Intel SDM, RDSSP).
    unsafe { asm!("rdsspq {0}", inout(reg) 0_u64 => pointer, options(nomem, nostack, preserves_flags)) };
    pointer != 0
}

/// Has this thread execute nothing that it fetched before.
pub(crate) fn serialise() {
    match Way::find() {
        // SAFETY: the processor says that it has the instruction. It changes no register.
        Way::Serialize => unsafe { asm!(".byte 0x0f, 0x01, 0xe8", options(nostack, preserves_flags)) },
        Way::Return => return_to_next(),
        Way::Identify => drop(__cpuid_count(0, 0)),
    }
}

/// An interrupt return to the instruction that follows.
fn return_to_next() {
    // SAFETY: builds the frame that `iretq` takes off the stack, with this thread's own
    // segments, flags and stack, and the address of the instruction behind it; so it changes
    // nothing but the two registers named. No `nostack`: it pushes.
    unsafe {
        asm!(
            "mov {stack}, rsp",
            "mov {other:e}, ss",
            "push {other}",
            "push {stack}",
            "pushfq",
            "mov {other:e}, cs",
            "push {other}",
            "lea {other}, [rip + 2f]",
            "push {other}",
            "iretq",
            "2:",
            stack = out(reg) _,
            other = out(reg) _,
        );
    }
}

/// Replaces an instruction, in the three steps of `patch_by_trap`.
pub(crate) fn patch<M: Patchable>(program: &Program, place: &Place<'_, M>, new: &[u8]) -> Result<(), Fault> {
    let mut old = [0; 15];
    let old =
        old.get_mut(..new.len()).ok_or(Fault::NotPatchable("no instruction is longer than 15 bytes"))?;
    place.read(old)?;
    if old[0] == TRAP || new[0] == TRAP {
        return Err(Fault::NotPatchable("an INT3 is not replaced, nor put in: a debugger may rely on it"));
    }
    if old == new {
        return Ok(());
    }
    let _watch = Watch::over(place.address())?;
    patch_by_trap(program, &Instruction { place, new });
    Ok(())
}

struct Instruction<'a, M: Patchable> {
    place: &'a Place<'a, M>,
    new: &'a [u8],
}

impl<M: Patchable> Instruction<'_, M> {
    fn write(&self, skip: usize, bytes: &[u8]) {
        self.place.write(skip, bytes).expect("was read through the same mapping just now");
    }
}

impl<M: Patchable> Trapped for Instruction<'_, M> {
    fn write_trap(&self) {
        self.write(0, &[TRAP]);
    }

    fn write_tail(&self) {
        self.write(1, &self.new[1..]);
    }

    fn write_head(&self) {
        self.write(0, &self.new[..1]);
    }
}
