//! What each CPU owns: segments, task state, stacks, and a block at `gs`.

use super::entry::{USER_CODE, USER_DATA, syscall_entry_address};
use super::interrupts;
use alloc::boxed::Box;
use core::arch::asm;
use core::sync::atomic::AtomicU64;
use x86_64::VirtAddr;
use x86_64::instructions::{
    segmentation::{CS, SS, Segment},
    tables::load_tss,
};
use x86_64::registers::model_specific::{GsBase, KernelGsBase, LStar, SFMask, Star};
use x86_64::registers::rflags::RFlags;
use x86_64::structures::gdt::{Descriptor, GlobalDescriptorTable, SegmentSelector};
use x86_64::structures::tss::TaskStateSegment;

/// What the entries of `entry.rs` find at `gs`.
#[repr(C)]
struct Block {
    /// `gs:0`.
    index: u64,
    /// `gs:8`: the user's stack pointer, between two instructions.
    user_rsp: u64,
    /// `gs:16`: the top of the running thread's kernel stack.
    kernel_rsp: u64,
    tss: TaskStateSegment,
    gdt: GlobalDescriptorTable,
}

/// The task state's stack (counted from 1 by the hardware, from 0 here) for
/// interrupts, and the one for faults that must not use the current stack.
pub(super) const INTERRUPT_STACK: u16 = 0;
pub(super) const FAULT_STACK: u16 = 1;

/// Gives this CPU its index, its segments, and the way to its entries.
pub(crate) fn init_cpu(index: usize) {
    let block = Box::leak(Box::new(Block {
        index: index as u64,
        user_rsp: 0,
        kernel_rsp: 0,
        tss: TaskStateSegment::new(),
        gdt: GlobalDescriptorTable::new(),
    }));
    for stack in [INTERRUPT_STACK, FAULT_STACK] {
        block.tss.interrupt_stack_table[usize::from(stack)] = fresh_stack();
    }
    let base = VirtAddr::from_ptr(block);
    let tss = load_segments(&mut block.gdt, &raw const block.tss);
    // SAFETY: the descriptor just put there, of a task state that is never freed.
    unsafe { load_tss(tss) };
    GsBase::write(base);
    KernelGsBase::write(VirtAddr::zero());
    let (code, data) = (SegmentSelector(USER_CODE), SegmentSelector(USER_DATA));
    Star::write(code, data, SegmentSelector(0x08), SegmentSelector(0x10))
        .expect("the layout of load_segments");
    LStar::write(VirtAddr::new(syscall_entry_address()));
    SFMask::write(
        RFlags::INTERRUPT_FLAG | RFlags::DIRECTION_FLAG | RFlags::TRAP_FLAG | RFlags::ALIGNMENT_CHECK,
    );
    interrupts::load();
}

/// Segments in the order that `sysret` wants: 0x08 and 0x10 for ring 0, 0x18
/// (data) and 0x20 (code) for ring 3, then the task state.
fn load_segments(gdt: &'static mut GlobalDescriptorTable, tss: *const TaskStateSegment) -> SegmentSelector {
    let code = gdt.append(Descriptor::kernel_code_segment());
    let data = gdt.append(Descriptor::kernel_data_segment());
    gdt.append(Descriptor::user_data_segment());
    gdt.append(Descriptor::user_code_segment());
    // SAFETY: the task state is never freed (see the caller).
    let tss = gdt.append(unsafe { Descriptor::tss_segment_unchecked(tss) });
    gdt.load();
    // SAFETY: ring 0's own selectors of the table just loaded.
    unsafe { CS::set_reg(code) };
    // SAFETY: as above.
    unsafe { SS::set_reg(data) };
    tss
}

/// The top of a new 16 KiB stack that is never freed.
fn fresh_stack() -> VirtAddr {
    let stack = Box::leak(Box::<[u128; 1024]>::new_uninit());
    VirtAddr::from_ptr(stack) + size_of_val(stack) as u64
}

/// The index of this CPU. Stale as soon as the thread may move: the kernel is
/// not pre-empted in ring 0, so not before the caller blocks.
pub(crate) fn cpu_index() -> usize {
    let index: usize;
    // SAFETY: reads the block at `gs`, which `init_cpu` put there.
    unsafe { asm!("mov {}, gs:0", out(reg) index, options(nostack, preserves_flags, readonly)) };
    index
}

/// Adds 1 to a word that no other CPU writes: one instruction, so that no
/// interrupt comes in between, and not a locked one, so that it orders nothing.
pub(crate) fn count(word: &AtomicU64) {
    // SAFETY: a word of this CPU's; it stands for a relaxed load and store.
    unsafe { asm!("inc qword ptr [{}]", in(reg) word.as_ptr(), options(nostack)) };
}

/// Where the next entry from ring 3 on this CPU begins its stack. Interrupts
/// are off.
pub(crate) fn set_kernel_stack(top: u64) {
    let tss_rsp0 =
        core::mem::offset_of!(Block, tss) + core::mem::offset_of!(TaskStateSegment, privilege_stack_table);
    // SAFETY: writes this CPU's block, which nobody else touches.
    unsafe { asm!("mov gs:16, {}", in(reg) top, options(nostack, preserves_flags)) };
    // SAFETY: as above; the field may be unaligned, which x86 does not mind.
    unsafe { asm!("mov gs:[{}], {}", in(reg) tss_rsp0, in(reg) top, options(nostack, preserves_flags)) };
}

/// Serialises this CPU's instruction stream: `iretq` to the next instruction,
/// the way that serialises on every x86-64 and changes nothing else.
pub(crate) fn serialise() {
    // SAFETY: an interrupt frame that returns right behind itself with the
    // stack, flags and segments of now.
    unsafe {
        asm!(
            "mov {frame}, rsp",
            "push {ss}",
            "push {frame}",
            "pushfq",
            "push {cs}",
            "lea {frame}, [rip + 2f]",
            "push {frame}",
            "iretq",
            "2:",
            frame = out(reg) _,
            ss = const 0x10,
            cs = const 0x08,
        );
    }
}
