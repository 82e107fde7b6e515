//! Vectorised callers of heavy fences, and what comes between.
//!
//! In each function arrays are summed before the fence and used after it, so a
//! compiler that thinks that vector registers live on keeps the sums in them.
#![expect(unsafe_code, reason = "the twin makes a system call where it stands")]

use core::arch::asm;
use core::cell::Cell;

use bonfire::{Call, Memory, process, raw};

/// As many numbers as some vector registers hold, in memory that others may change:
/// so what is read before the fence cannot be read again after it.
pub type Array = Cell<[u32; 32]>;

/// Sums around what comes between.
#[inline(always)]
fn sum_around(a: &Array, b: &Array, out: &Array, between: impl FnOnce()) {
    let (first, second) = (a.get(), b.get());
    let mut sums = first;
    sums.iter_mut().zip(second).for_each(|(sum, term)| *sum = sum.wrapping_add(term));
    between();
    sums.iter_mut().zip(first).for_each(|(sum, factor)| *sum = sum.wrapping_mul(factor));
    out.set(sums);
}

/// Around [`Memory::heavy`].
#[inline(never)]
pub fn around_heavy(memory: Memory, a: &Array, b: &Array, out: &Array) {
    sum_around(a, b, out, || memory.heavy());
}

/// Around [`Memory::try_heavy`].
#[inline(never)]
pub fn around_try_heavy(memory: Memory, a: &Array, b: &Array, out: &Array) {
    sum_around(a, b, out, || _ = memory.try_heavy());
}

/// Around [`process::heavy`].
#[inline(never)]
pub fn around_process(a: &Array, b: &Array, out: &Array) {
    sum_around(a, b, out, process::heavy);
}

/// Around [`raw::membarrier`].
#[inline(never)]
pub fn around_raw(call: Call, a: &Array, b: &Array, out: &Array) {
    sum_around(a, b, out, || _ = raw::membarrier(call));
}

/// The twin: the instruction alone, as one would inline it.
#[inline(never)]
pub fn around_inlined(a: &Array, b: &Array, out: &Array) {
    sum_around(a, b, out, inlined);
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn inlined() {
    // SAFETY: `getpid`, which takes nothing; what it overwrites is named.
    unsafe {
        asm!("syscall", inlateout("rax") 39_usize => _, lateout("rcx") _, lateout("r11") _, options(nostack));
    }
}

#[cfg(target_arch = "aarch64")]
#[inline(always)]
fn inlined() {
    // SAFETY: `getpid`, which takes nothing. That SVE's registers are not named is
    // the fault that this is an example of.
    unsafe { asm!("svc 0", in("x8") 172_usize, lateout("x0") _, options(nostack)) }
}

#[cfg(target_arch = "riscv64")]
#[inline(always)]
fn inlined() {
    // SAFETY: `getpid`, which takes nothing. That the vector registers are not
    // named is the fault that this is an example of.
    unsafe { asm!("ecall", in("a7") 172_usize, lateout("a0") _, options(nostack)) }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")))]
#[inline(always)]
fn inlined() {
    // SAFETY: there is no instruction, so nothing is overwritten.
    unsafe { asm!("", options(nostack)) }
}
