//! A restartable sequence, and each thread's registration for it.

use crate::sys;
use bonfire_conformance::Restartable;
use core::arch::asm;
use core::sync::atomic::AtomicU32;

/// The critical section; each thread that enters one registers an area first.
#[derive(Clone, Copy)]
pub(crate) struct Section;

/// What `rseq(2)` calls `struct rseq`.
#[repr(C, align(32))]
struct Area {
    cpu_id_start: u32,
    cpu_id: u32,
    section: u64,
    flags: u32,
    rest: [u32; 3],
}

const SIGNATURE: u32 = 0x5305_3053;
const UNREGISTER: u64 = 1;

impl Restartable for Section {
    fn copy(&self, from: &AtomicU32, delay: u32, to: &[AtomicU32]) -> bool {
        // A fresh area for each section: no thread-local storage is needed.
        let mut area = Area { cpu_id_start: 0, cpu_id: u32::MAX, section: 0, flags: 0, rest: [0; 3] };
        let size = size_of::<Area>() as u64;
        let place = (&raw mut area) as u64;
        if sys::call(334, [place, size, 0, SIGNATURE.into(), 0, 0]) < 0 {
            return false;
        }
        let committed = run(&mut area, from, delay, to);
        sys::call(334, [place, size, UNREGISTER, SIGNATURE.into(), 0, 0]);
        committed
    }
}

/// The section itself: from the store that announces it to the store that
/// commits. The kernel sends who is interrupted in between to the abort handler.
fn run(area: &mut Area, from: &AtomicU32, delay: u32, to: &[AtomicU32]) -> bool {
    let committed: u32;
    // SAFETY: reads `from`, writes one element of `to` (the index is a remainder
    // of its length) and the area; the abort handler is part of these lines.
    unsafe {
        asm!(
            ".pushsection .rodata, \"a\"",
            ".balign 32",
            "9: .long 0, 0",
            ".quad 2f, 3f - 2f, 4f",
            ".popsection",
            "lea rax, [rip + 9b]",
            "mov [{area} + 8], rax",
            "2:",
            "mov eax, [{from}]",
            "mov {value:e}, eax",
            "6: test {delay:e}, {delay:e}",
            "jz 7f",
            "dec {delay:e}",
            "jmp 6b",
            "7: xor edx, edx",
            "div {length:e}",
            "mov [{to} + 4 * rdx], {value:e}",
            "3:",
            "mov {committed:e}, 1",
            "jmp 5f",
            // Who meets these bytes as an instruction meets an undefined one.
            ".byte 0x0f, 0xb9, 0x3d",
            ".long {signature}",
            "4:",
            "xor {committed:e}, {committed:e}",
            "5:",
            "mov qword ptr [{area} + 8], 0",
            area = in(reg) area,
            from = in(reg) from.as_ptr(),
            to = in(reg) to.as_ptr(),
            length = in(reg) to.len() as u32,
            delay = inout(reg) delay => _,
            value = out(reg) _,
            committed = lateout(reg) committed,
            signature = const SIGNATURE,
            out("rax") _,
            out("rdx") _,
            options(nostack),
        );
    }
    committed == 1
}
