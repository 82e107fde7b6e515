//! How each architecture traps into Linux, and the numbers of the few calls
//! that are made besides `membarrier`.
//!
//! One file an architecture, each with the same items: `trap`, which passes four
//! arguments and returns the kernel's value with errors negated; `number`, from that
//! architecture's own table of calls; and some with `clone3`, which makes a child.
//!
//! # Registers that a system call does not keep
//!
//! Linux promises fewer registers across a system call than one might think: on
//! RISC-V it destroys all vector registers, on AArch64 with SVE the upper parts
//! of them, the predicates and streaming mode. Each file says what its
//! architecture keeps, and where that is written. An `asm!` that is inlined into
//! a vectorised loop would have to name every such register, of extensions that
//! are not yet invented, too. So `trap` is a function of the C calling
//! convention and is never inlined: to its callers each of those registers is
//! scratch already, whatever they are compiled for, and it uses none itself.
//! `cargo xtask asm` looks at the assembly of vectorised callers.

#[cfg_attr(target_arch = "x86_64", path = "x86_64.rs")]
#[cfg_attr(target_arch = "x86", path = "x86.rs")]
#[cfg_attr(target_arch = "aarch64", path = "aarch64.rs")]
#[cfg_attr(target_arch = "arm", path = "arm.rs")]
#[cfg_attr(target_arch = "riscv64", path = "riscv64.rs")]
#[cfg_attr(target_arch = "powerpc64", path = "powerpc64.rs")]
#[cfg_attr(target_arch = "s390x", path = "s390x.rs")]
mod this;

pub(crate) use this::number;

/// Where a child of one's own can be made (`trial.rs`): what the parent has asked
/// the compiler for must stay true on both sides of the call, in assembly.
#[cfg(all(
    feature = "std",
    target_pointer_width = "64",
    any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")
))]
pub(crate) use this::clone3;

/// Makes the system call of this number.
///
/// # Safety
/// The call must be safe with these arguments: what they point to is live, and the
/// kernel may do to the process what the call does.
#[inline]
pub(crate) unsafe fn syscall(number: usize, [a, b, c, d]: [usize; 4]) -> isize {
    // SAFETY: what `trap` asks for is what this function asks for.
    unsafe { this::trap(a, b, c, d, number) }
}
