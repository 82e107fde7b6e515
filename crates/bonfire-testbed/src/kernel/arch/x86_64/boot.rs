//! From QEMU's hand-over to Rust, on the first CPU and on the others.
//!
//! QEMU's `-kernel` finds the PVH note below and enters at [`pvh_start`] in
//! 32-bit protected mode, paging off, `ebx` pointing at the start info (the
//! `hvm_start_info` of Xen's PVH boot ABI). The other CPUs wake in real mode at
//! [`TRAMPOLINE`], where [`start_others`](super::start_others) put the code
//! between `trampoline` and `trampoline_end`. Both ways meet at
//! `enter_long_mode`, on tables that map the first 4 GiB three times:
//!
//! - at 0, for the instruction that switches paging on (removed when every CPU
//!   is up, so that a null pointer faults);
//! - at [`DIRECT_MAP`], all of physical memory and the devices, for ever;
//! - at `KERNEL_BASE`, the first GiB, where the kernel is linked.
//!
//! The local APIC lies in that map as well; the firmware's MTRRs have made its
//! page uncacheable, so the tables need not.

use core::arch::global_asm;

/// Where the direct map of physical memory begins.
pub(crate) const DIRECT_MAP: u64 = 0xffff_8000_0000_0000;
/// How much physical memory the direct map covers.
pub(crate) const DIRECT_MAP_SIZE: u64 = 4 << 30;
/// How far above its place in memory the kernel is linked: the link script's `KERNEL_BASE`.
pub(crate) const KERNEL_OFFSET: u64 = 0xffff_ffff_8000_0000;
/// Where the other CPUs start, in their first 1 MiB; a page number fits the
/// start-up interrupt's vector.
pub(crate) const TRAMPOLINE: u64 = 0x8000;
/// The most CPUs this kernel serves.
pub(crate) const MAX_CPUS: usize = 64;
/// The stack on which a CPU boots and then idles.
pub(crate) const BOOT_STACK: usize = 16 << 10;

#[repr(C, align(4096))]
struct BootStacks(core::cell::UnsafeCell<[[u8; BOOT_STACK]; MAX_CPUS]>);
// SAFETY: each CPU uses the stack of its own index and no other.
unsafe impl Sync for BootStacks {}

static BOOT_STACKS: BootStacks = BootStacks(core::cell::UnsafeCell::new([[0; BOOT_STACK]; MAX_CPUS]));

unsafe extern "C" {
    /// The page tables of boot; their upper half is every address space's.
    #[link_name = "boot_pml4"]
    pub(crate) static BOOT_TABLE: u8;
    #[link_name = "trampoline"]
    pub(crate) static TRAMPOLINE_START: u8;
    #[link_name = "trampoline_end"]
    pub(crate) static TRAMPOLINE_END: u8;
}

global_asm!(
    r#"
    .pushsection .note.pvh, "a", @note
    .align 4
    .long 4, 8, 18                  # XEN_ELFNOTE_PHYS32_ENTRY
    .asciz "Xen"
    .quad pvh_start
    .popsection

    .pushsection .boot, "awx"
    .code32
    .global pvh_start
pvh_start:
    cld
    movl %ebx, %edi                 # the start info, boot_cpu's argument
    xorl %ebp, %ebp                 # the first CPU
    jmp enter_long_mode

another_cpu:
    movw $0x10, %ax
    movw %ax, %ds
    movl $1, %ebp

enter_long_mode:
    movl %cr4, %eax
    orl $0x620, %eax                # PAE, OSFXSR, OSXMMEXCPT
    movl %eax, %cr4
    movl $boot_pml4, %eax
    movl %eax, %cr3
    movl $0xc0000080, %ecx          # EFER
    rdmsr
    orl $0x901, %eax                # SCE, LME, NXE
    wrmsr
    movl %cr0, %eax
    andl $~0x6000000c, %eax         # caches on, no EM, no TS
    orl $0x80010023, %eax           # PG, WP, NE, MP, PE
    movl %eax, %cr0
    lgdt boot_gdt_pointer
    ljmp $0x08, $long_mode

    .code64
long_mode:
    xorl %eax, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movabsq $in_the_upper_half, %rax
    jmp *%rax

    .align 8
boot_gdt:
    .quad 0
    .quad 0x00af9a000000ffff        # 0x08: 64-bit code
    .quad 0x00cf92000000ffff        # 0x10: data
    .quad 0x00cf9a000000ffff        # 0x18: 32-bit code
boot_gdt_pointer:
    .word . - boot_gdt - 1
    .long boot_gdt

    .align 4096
    .global boot_pml4
boot_pml4:
    .quad boot_pdpt + 3
    .fill 255, 8, 0
    .quad boot_pdpt + 3
    .fill 254, 8, 0
    .quad kernel_pdpt + 3
boot_pdpt:
    .quad boot_pds + 3, boot_pds + 0x1003, boot_pds + 0x2003, boot_pds + 0x3003
    .fill 508, 8, 0
kernel_pdpt:
    .fill 510, 8, 0
    .quad boot_pds + 3, 0
boot_pds:
    .set page, 0x83                 # present, writable, 2 MiB
    .rept 2048
    .quad page
    .set page, page + 0x200000
    .endr
    .popsection

    .pushsection .rodata
    .code16
    .global trampoline, trampoline_end
trampoline:
    cli
    cld
    xorw %ax, %ax
    movw %ax, %ds
    lgdtl {TRAMPOLINE} + trampoline_gdt_pointer - trampoline
    movl %cr0, %eax
    orl $1, %eax
    movl %eax, %cr0
    ljmpl $0x18, $another_cpu
trampoline_gdt_pointer:
    .word 31
    .long boot_gdt
trampoline_end:
    .code64
    .popsection

    .pushsection .text
in_the_upper_half:
    movl %edi, %edi
    xorl %esi, %esi
    testl %ebp, %ebp
    jz 1f
    movl $1, %esi
    lock xaddl %esi, {NEXT}(%rip)   # our index, in order of arrival
    cmpl ${MAX_CPUS}, %esi
    jae 2f
1:  leal 1(%rsi), %eax
    imulq ${BOOT_STACK}, %rax, %rax
    leaq {STACKS}(%rip), %rsp
    addq %rax, %rsp
    xorl %ebp, %ebp
    testl %esi, %esi
    jnz 3f
    call {boot_cpu}
3:  movl %esi, %edi
    call {other_cpu}
2:  cli
    hlt
    jmp 2b
    .popsection
    "#,
    TRAMPOLINE = const TRAMPOLINE,
    MAX_CPUS = const MAX_CPUS,
    BOOT_STACK = const BOOT_STACK,
    NEXT = sym NEXT_INDEX,
    STACKS = sym BOOT_STACKS,
    boot_cpu = sym crate::boot_cpu,
    other_cpu = sym crate::other_cpu,
    options(att_syntax)
);

/// The index of the next CPU to arrive; the first CPU is 0 without asking.
static NEXT_INDEX: core::sync::atomic::AtomicU32 = core::sync::atomic::AtomicU32::new(1);
