//! What each CPU owns: its index and a stack for interrupts, in a block at `TPIDR_EL1`.

use super::{gic, timer};
use crate::arch::without_interrupts;
use alloc::boxed::Box;
use core::arch::asm;
use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What `entry.rs` finds there, too.
#[repr(C)]
struct Block {
    index: u64,
    /// Where the stack for interrupts that come in the kernel begins.
    interrupt_stack: u64,
}

/// Where the block has it.
pub(super) const INTERRUPT_STACK: usize = core::mem::offset_of!(Block, interrupt_stack);

/// Gives this CPU its index, its part of the interrupt controller, and its timer.
pub(crate) fn init_cpu(index: usize) {
    let stack: &mut [MaybeUninit<u128>] = Box::leak(Box::new_uninit_slice(1024));
    let block =
        Box::leak(Box::new(Block { index: index as u64, interrupt_stack: stack.as_ptr_range().end as u64 }));
    // SAFETY: the register is the kernel's, for this.
    unsafe { asm!("msr tpidr_el1, {}", in(reg) block, options(nostack, preserves_flags)) };
    gic::init();
    timer::init();
}

/// The index of this CPU. Stale as soon as the thread may move: the kernel is
/// not pre-empted, so not before the caller blocks.
pub(crate) fn cpu_index() -> usize {
    let index: usize;
    // SAFETY: reads the block that `init_cpu` put there, and that stays.
    unsafe {
        asm!("mrs {index}, tpidr_el1", "ldr {index}, [{index}]", index = out(reg) index,
            options(nostack, preserves_flags, readonly));
    }
    index
}

/// Adds 1 to a word that no other CPU writes: no interrupt comes in between, and nothing is
/// ordered, as it would be by an atomic addition.
pub(crate) fn count(word: &AtomicU64) {
    without_interrupts(|| word.store(word.load(Relaxed) + 1, Relaxed));
}

/// Where the next entry from user mode begins its stack: the frame lies at the end of that, so
/// that the way out leaves the register as it should be.
pub(crate) fn set_kernel_stack(_: u64) {}

/// Serialises this CPU's instruction stream.
pub(crate) fn serialise() {
    // SAFETY: it changes neither registers nor memory.
    unsafe { asm!("isb", options(nostack, preserves_flags)) };
}
