//! From QEMU's hand-over to Rust, on the first CPU and on the others.
//!
//! QEMU enters `start` in EL1 with the memory-management unit off, and has put the device
//! tree at the start of memory. The other CPUs are started by firmware (PSCI) at
//! `start_other`, with their index. Both ways meet where the unit goes on, with one table
//! for both halves of the address space that maps the first 4 GiB: the first of these are
//! the devices, memory comes behind.
//!
//! The lower half is for the instruction that switches the unit on, and goes when every
//! CPU is up; the upper half is the direct map, in which the kernel is linked.

use super::virt;
use core::arch::{asm, global_asm};

/// Where the direct map of physical memory begins.
pub(crate) const DIRECT_MAP: u64 = 0xffff_0000_0000_0000;
/// How much physical memory the direct map covers.
pub(crate) const DIRECT_MAP_SIZE: u64 = 4 << 30;
/// How far above its place in memory the kernel is linked.
pub(crate) const KERNEL_OFFSET: u64 = DIRECT_MAP;
/// The most CPUs this kernel serves.
pub(crate) const MAX_CPUS: usize = 64;
/// The stack on which a CPU boots and then idles.
const BOOT_STACK: usize = 16 << 10;
/// Where memory begins, and the device tree lies.
const DEVICE_TREE: u64 = 0x4000_0000;

#[repr(C, align(4096))]
struct BootStacks(core::cell::UnsafeCell<[[u8; BOOT_STACK]; MAX_CPUS]>);
// SAFETY: each CPU uses the stack of its own index and no other.
unsafe impl Sync for BootStacks {}

static BOOT_STACKS: BootStacks = BootStacks(core::cell::UnsafeCell::new([[0; BOOT_STACK]; MAX_CPUS]));

/// Memory of the first kind is cached; that of the second is devices.
const KINDS_OF_MEMORY: u64 = 0x04ff;
pub(super) const CACHED: u64 = 0 << 2;
const DEVICES: u64 = 1 << 2;
pub(super) const SHARED: u64 = 0b11 << 8;
pub(super) const ACCESSED: u64 = 1 << 10;
pub(super) const NOT_FOR_KERNEL: u64 = 1 << 53;
pub(super) const NOT_FOR_USER: u64 = 1 << 54;
const BLOCK: u64 = 1;

/// 48 bits of address and pages of 4 KiB in both halves, of tables that are cached and
/// shared; 40 bits of physical address.
const TRANSLATION: u64 = {
    const HALF: u64 = 16 | 0b01 << 8 | 0b01 << 10 | 0b11 << 12;
    HALF | HALF << 16 | 0b10 << 30 | 0b010 << 32
};

/// The unit and the caches on; stacks are aligned; user mode may zero and clean lines of
/// the caches, ask for their size, and wait for events and interrupts. The rest is ones where
/// the manual wants ones.
const CONTROL: u64 = 1 << 0 // translation
    | 1 << 2 | 1 << 12 // caches
    | 1 << 3 | 1 << 4 // stacks
    | 1 << 14 | 1 << 15 | 1 << 26 // DC ZVA, CTR_EL0, other maintenance
    | 1 << 16 | 1 << 18 // WFI, WFE
    | 1 << 11 | 1 << 20 | 1 << 22 | 1 << 23 | 1 << 28 | 1 << 29;

/// Floating point and vectors do not trap.
const FLOAT: u64 = 0b11 << 20;

global_asm!(
    r#"
    .pushsection .boot, "ax"
    .global start, start_other
start:
    mov x20, xzr                    // the first CPU
    b 1f
start_other:
    mov x20, x0                     // the index that `start_others` passed
1:  adrp x0, boot_table             // physical, as we run
    msr ttbr0_el1, x0
    msr ttbr1_el1, x0
    ldr x0, ={KINDS_OF_MEMORY}
    msr mair_el1, x0
    ldr x0, ={TRANSLATION}
    msr tcr_el1, x0
    ldr x0, ={FLOAT}
    msr cpacr_el1, x0
    isb
    tlbi vmalle1
    dsb nsh
    isb
    ldr x0, ={CONTROL}
    msr sctlr_el1, x0
    isb
    ldr x0, =in_the_upper_half
    br x0
    .ltorg
    .popsection

    .pushsection .text
in_the_upper_half:
    msr spsel, #1
    adrp x0, vectors
    add x0, x0, :lo12:vectors
    msr vbar_el1, x0
    add x0, x20, #1
    mov x1, #{BOOT_STACK}
    adrp x2, {STACKS}
    add x2, x2, :lo12:{STACKS}
    madd x0, x0, x1, x2
    mov sp, x0
    mov x29, xzr
    mov x30, xzr
    cbnz x20, 2f
    ldr x0, ={DEVICE_TREE}
    bl {boot_cpu}
2:  mov x0, x20
    bl {other_cpu}
    .ltorg
    .popsection

    .pushsection .data
    .balign 4096
boot_table:
    .quad boot_blocks - {KERNEL_OFFSET} + 3
    .fill 511, 8, 0
boot_blocks:
    .quad {DEVICE_BLOCK}
    .quad {MEMORY_BLOCK} + 0x40000000, {MEMORY_BLOCK} + 0x80000000, {MEMORY_BLOCK} + 0xc0000000
    .fill 508, 8, 0
    .popsection
    "#,
    KINDS_OF_MEMORY = const KINDS_OF_MEMORY,
    TRANSLATION = const TRANSLATION,
    CONTROL = const CONTROL,
    FLOAT = const FLOAT,
    DEVICE_TREE = const DEVICE_TREE,
    BOOT_STACK = const BOOT_STACK,
    KERNEL_OFFSET = const KERNEL_OFFSET,
    DEVICE_BLOCK = const DEVICES | ACCESSED | NOT_FOR_KERNEL | NOT_FOR_USER | BLOCK,
    MEMORY_BLOCK = const CACHED | SHARED | ACCESSED | NOT_FOR_USER | BLOCK,
    STACKS = sym BOOT_STACKS,
    boot_cpu = sym crate::boot_cpu,
    other_cpu = sym crate::other_cpu,
);

/// Has firmware start every other CPU, in the order of the device tree.
pub(crate) fn start_others() {
    unsafe extern "C" {
        static start_other: u8;
    }
    let entry = (&raw const start_other) as u64 - KERNEL_OFFSET;
    // Behind what the others are to find.
    // SAFETY: a barrier.
    unsafe { asm!("dsb ish", options(nostack, preserves_flags)) };
    for (index, cpu) in virt::tree().cpus().enumerate().skip(1) {
        let answer = start(cpu, entry, index as u64);
        assert_eq!(answer, 0, "firmware starts CPU {index}");
    }
}

/// PSCI's `CPU_ON`, by the instruction that the device tree names.
fn start(cpu: u64, entry: u64, argument: u64) -> i64 {
    const CPU_ON: u64 = 0xc400_0003;
    let answer;
    if virt::tree().text("arm,psci-0.2", "method") == Some("smc") {
        // SAFETY: the CPU starts at code that is there, on a stack of its own.
        unsafe {
            asm!("smc #0", inout("x0") CPU_ON => answer, inout("x1") cpu => _, inout("x2") entry => _,
                inout("x3") argument => _, clobber_abi("C"), options(nostack));
        }
    } else {
        // SAFETY: as above.
        unsafe {
            asm!("hvc #0", inout("x0") CPU_ON => answer, inout("x1") cpu => _, inout("x2") entry => _,
                inout("x3") argument => _, clobber_abi("C"), options(nostack));
        }
    }
    answer
}

/// Ends boot's use of the lower half on this CPU: null pointers fault from here on.
pub(crate) fn forget_low_half() {
    super::load_tables(nothing());
}

/// The physical address of a table that maps nothing.
fn nothing() -> u64 {
    #[repr(align(4096))]
    struct Empty([u64; 512]);
    static EMPTY: Empty = Empty([0; 512]);
    EMPTY.0.as_ptr() as u64 - KERNEL_OFFSET
}
