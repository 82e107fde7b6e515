//! What each CPU owns: a block that its `tp` points at while it is in the kernel.

use super::interrupts;
use alloc::boxed::Box;
use core::arch::asm;
use core::cell::Cell;
use core::sync::atomic::AtomicU64;

/// Of `sstatus`: interrupts are taken.
pub(super) const INTERRUPTS_ON: u64 = 1 << 1;
/// Of `sstatus`: the floating point unit is on. In the kernel it is off, so that the registers of
/// a program stay what they are, and a use would fault.
pub(super) const FLOAT_ON: u64 = 3 << 13;

/// What the entry of `entry.rs` finds at `tp`.
#[repr(C)]
pub(super) struct Block {
    /// At 0.
    index: u64,
    /// At 8: the interrupted stack pointer, between two instructions.
    interrupted_sp: u64,
    /// At 16: the top of the running thread's kernel stack.
    kernel_sp: u64,
    /// When the timer will interrupt.
    pub(super) timer: Cell<u64>,
}

/// Gives this CPU its index, and the way to its entry.
pub(crate) fn init_cpu(index: usize) {
    let block = Block { index: index as u64, interrupted_sp: 0, kernel_sp: 0, timer: Cell::new(u64::MAX) };
    let block: &Block = Box::leak(Box::new(block));
    // SAFETY: no code of the compiler's uses `tp` where nothing is thread-local.
    unsafe { asm!("mv tp, {}", in(reg) block, options(nostack, preserves_flags)) };
    interrupts::load();
}

/// This CPU's block. For as long as the caller neither blocks nor goes to user mode.
pub(super) fn block<'a>() -> &'a Block {
    let block: *const Block;
    // SAFETY: reads a register.
    unsafe { asm!("mv {}, tp", out(reg) block, options(nostack, nomem, preserves_flags)) };
    // SAFETY: `init_cpu` put it there, and it is never freed.
    unsafe { &*block }
}

/// The index of this CPU. Stale as soon as the thread may move: the kernel is
/// not pre-empted, so not before the caller blocks.
pub(crate) fn cpu_index() -> usize {
    let index: usize;
    // SAFETY: reads the block at `tp`, which `init_cpu` put there.
    unsafe { asm!("ld {}, 0(tp)", out(reg) index, options(nostack, preserves_flags, readonly)) };
    index
}

/// Adds 1 to a word that no other CPU writes: one instruction, so that no interrupt comes in
/// between; without `.aq` and `.rl` it orders nothing.
pub(crate) fn count(word: &AtomicU64) {
    // SAFETY: a word of this CPU's; it stands for a relaxed addition.
    unsafe { asm!("amoadd.d zero, {}, ({})", in(reg) 1, in(reg) word.as_ptr(), options(nostack)) };
}

/// Where the next entry from user mode on this CPU begins its stack. Interrupts are off.
pub(crate) fn set_kernel_stack(top: u64) {
    // SAFETY: writes this CPU's block, which nobody else touches.
    unsafe { asm!("sd {}, 16(tp)", in(reg) top, options(nostack, preserves_flags)) };
}

/// Orders this CPU's instruction fetches behind the stores that it sees.
pub(crate) fn serialise() {
    // SAFETY: it changes neither registers nor memory.
    unsafe { asm!("fence.i", options(nostack, preserves_flags)) };
}
