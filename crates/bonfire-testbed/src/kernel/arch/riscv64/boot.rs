//! From OpenSBI's hand-over to Rust, on the first hart and on the others.
//!
//! OpenSBI enters at `start` in supervisor mode, translation off, the hart's number in `a0` and,
//! on the first hart, the address of the device tree in `a1`. Any hart may be the first; the
//! others are stopped until [`start_others`] has them enter there, too (SBI specification 2.0,
//! chapter 9), and find their index by their number. They do not rely on what the firmware was told
//! to pass on: OpenSBI 1.1 marks a hart as one to be started before it notes where and with what,
//! so on a busy host one that is only then on its way to wait enters where and as the first one did.
//! All go on at `translate`, on tables of Sv48 that map the first 512 GiB of physical addresses
//! twice, and the kernel once more:
//!
//! - at 0, for the instruction that switches translation on (removed when every CPU is up, so
//!   that a null pointer faults);
//! - at [`DIRECT_MAP`], all of physical memory and the devices, for ever;
//! - at [`KERNEL_OFFSET`] plus the physical address, the GiB in which the kernel lies.
//!
//! Until a CPU has its own entry for traps, one ends the machine: by itself it would go to where the
//! firmware entered, and boot on a stack that is in use.
//!
//! All of the kernel is linked where it lies in the upper half. What runs before translation is
//! on finds its labels relative to itself, and so where they are.

use super::{cpu, sbi};
use crate::arch::virt;
use bonfire_testbed::Exit;
use core::arch::{asm, global_asm};
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

/// Where the direct map of physical memory begins.
pub(crate) const DIRECT_MAP: u64 = 0xffff_8000_0000_0000;
/// How much physical memory the direct map covers.
pub(crate) const DIRECT_MAP_SIZE: u64 = 512 << 30;
/// How far the kernel is linked from where it lies.
pub(crate) const KERNEL_OFFSET: u64 = 0xffff_ffff_0000_0000;
/// The most CPUs this kernel serves.
pub(crate) const MAX_CPUS: usize = 64;
/// The stack on which a CPU boots and then idles.
const BOOT_STACK: usize = 16 << 10;

#[repr(C, align(4096))]
struct BootStacks(core::cell::UnsafeCell<[[u8; BOOT_STACK]; MAX_CPUS]>);
// SAFETY: each CPU uses the stack of its own index and no other.
unsafe impl Sync for BootStacks {}

static BOOT_STACKS: BootStacks = BootStacks(core::cell::UnsafeCell::new([[0; BOOT_STACK]; MAX_CPUS]));

/// Not 0 when the first hart has entered.
static HAS_FIRST: AtomicU32 = AtomicU32::new(0);
/// The number of the first hart.
static FIRST_HART: AtomicU64 = AtomicU64::new(0);

unsafe extern "C" {
    /// The page tables of boot; their upper half is every address space's.
    #[link_name = "boot_root"]
    pub(super) static BOOT_TABLE: u8;
    #[link_name = "start"]
    static START: u8;
}

global_asm!(
    r#"
    .option push
    .option arch, +a                # assembly outside of functions has the base alone
    .pushsection .boot, "ax"
    .global start
start:
    lla t0, {HAS_FIRST}
    li t1, 1
    amoswap.w t1, t1, (t0)
    bnez t1, another_cpu
    lla t0, boot_root
    lla t1, boot_all
    srli t1, t1, 2
    addi t1, t1, 1                  # valid: the next table
    sd t1, 0(t0)
    li t2, 256 * 8
    add t2, t0, t2
    sd t1, 0(t2)
    lla t1, boot_kernel
    srli t1, t1, 2
    addi t1, t1, 1
    sd t1, 255 * 8(t2)
    mv s0, a0
    mv s1, a1
    li s2, 0                        # the first CPU
    j translate

another_cpu:
    lla t0, {HARTS}
    li s2, 0
1:  ld t1, 0(t0)
    beq t1, a0, translate
    addi t0, t0, 8
    addi s2, s2, 1
    j 1b

translate:
    lla t0, trapped
    csrw stvec, t0
    li t0, {OFF_AT_FIRST}
    csrc sstatus, t0
    lla t0, boot_root
    srli t0, t0, 12
    li t1, {SV48}
    or t0, t0, t1
    lla t1, in_the_upper_half
    li t2, {KERNEL_OFFSET}
    add t1, t1, t2
    sfence.vma
    csrw satp, t0
    sfence.vma
    jr t1

in_the_upper_half:
    addi t0, s2, 1
    slli t0, t0, {LOG_BOOT_STACK}
    lla sp, {STACKS}
    add sp, sp, t0
    bnez s2, 1f
    lla t0, {FIRST_HART}
    sd s0, 0(t0)
    mv a0, s1
    call {boot_cpu}
1:  mv a0, s2
    call {other_cpu}

    .align 2
trapped:
    li t0, {DEVICE}                 # there it is, with translation and without
    li t1, {PANIC}
    sw t1, 0(t0)
2:  j 2b
    .popsection
    .option pop

    .pushsection .data
    .align 12
    .global boot_root
boot_root:
    .fill 512, 8, 0
boot_all:
    .set page, 0xcf                 # valid, readable, writable, executable, accessed, dirty
    .rept 512
    .quad page
    .set page, page + (1 << 28)     # a GiB
    .endr
boot_kernel:
    .fill 510, 8, 0
    .quad 0xcf + (2 << 28), 0xcf + (3 << 28)
    .popsection
    "#,
    OFF_AT_FIRST = const cpu::INTERRUPTS_ON | cpu::FLOAT_ON,
    SV48 = const super::paging::SV48,
    KERNEL_OFFSET = const KERNEL_OFFSET as i64,
    LOG_BOOT_STACK = const BOOT_STACK.ilog2(),
    STACKS = sym BOOT_STACKS,
    FIRST_HART = sym FIRST_HART,
    HAS_FIRST = sym HAS_FIRST,
    HARTS = sym super::ipi::HARTS,
    DEVICE = const super::END_DEVICE,
    PANIC = const super::end_word(Exit::Panic.status()),
    boot_cpu = sym crate::boot_cpu,
    other_cpu = sym crate::other_cpu,
);

/// The numbers of the harts, in the order of the CPUs' indices: the one that booted is the first.
fn harts() -> impl Iterator<Item = u64> {
    let first = FIRST_HART.load(Relaxed);
    core::iter::once(first).chain(virt::tree().cpus().filter(move |&hart| hart != first))
}

/// Starts every other CPU at `other_cpu`, once it can find its index.
pub(crate) fn start_others() {
    let entry = (&raw const START) as u64 - KERNEL_OFFSET;
    harts().enumerate().for_each(|(cpu, hart)| super::ipi::note_hart(cpu, hart));
    // Behind what the others are to find, for no number is told from a hart's that is 0.
    // SAFETY: a fence.
    unsafe { asm!("fence rw, rw", options(nostack, preserves_flags)) };
    harts().skip(1).for_each(|hart| sbi::start_hart(hart, entry));
}
