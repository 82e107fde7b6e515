//! Ways in and out of ring 0: interrupts, faults and system calls; and from one
//! thread's stack to another's.
//!
//! All ways in leave the same [`TrapFrame`] on the kernel stack of the thread,
//! so fork, exec and rseq treat them alike. The ways out differ, and that
//! matters for membarrier: an interrupt returns by `iretq`, which serialises
//! the instruction stream, a system call by `sysretq`, which does not.
//!
//! The compiler may use the SSE registers for the kernel's own code, so they
//! are saved at every entry; the x87 state and MXCSR are the user's alone and
//! change hands in [`switch_context`]'s caller.
//!
//! Interrupts come in on a stack of their own (the TSS's first, see `cpu.rs`):
//! `core` was compiled for user mode and keeps a red zone below its stack
//! pointer. From ring 3 the entry moves on to the thread's kernel stack at
//! once, so that the handler may switch threads; from ring 0 it stays, and only
//! marks that a switch is due.

use alloc::format;
use alloc::string::String;
use core::arch::{global_asm, naked_asm};

/// What a thread had in its registers when it entered the kernel, lowest
/// address first: the SSE registers, then what [`interrupt_entry`] or
/// `syscall_entry` push, then what the CPU pushes for an interrupt.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct TrapFrame {
    pub(crate) xmm: [u128; 16],
    pub(crate) r15: u64,
    pub(crate) r14: u64,
    pub(crate) r13: u64,
    pub(crate) r12: u64,
    pub(crate) rbp: u64,
    pub(crate) rbx: u64,
    pub(crate) r11: u64,
    pub(crate) r10: u64,
    pub(crate) r9: u64,
    pub(crate) r8: u64,
    pub(crate) rax: u64,
    pub(crate) rcx: u64,
    pub(crate) rdx: u64,
    pub(crate) rsi: u64,
    pub(crate) rdi: u64,
    pub(crate) vector: u64,
    pub(crate) error: u64,
    pub(crate) rip: u64,
    pub(crate) cs: u64,
    pub(crate) rflags: u64,
    pub(crate) rsp: u64,
    pub(crate) ss: u64,
}

/// The selectors of ring 3 (see `cpu.rs`), with privilege level 3.
pub(crate) const USER_CODE: u16 = 0x23;
/// The data selector of ring 3.
pub(crate) const USER_DATA: u16 = 0x1b;
/// Reserved bit 1, and interrupts on.
const USER_FLAGS: u64 = 0x202;

/// The vector in a frame of a system call.
const BY_CALL: u64 = 0x80;

impl TrapFrame {
    /// Whether a system call made it, and may leave by `sysretq`.
    pub(crate) fn is_of_call(&self) -> bool {
        self.vector == BY_CALL
    }

    /// Makes it leave by `iretq`, which brings back every register.
    pub(crate) fn leave_by_interrupt(&mut self) {
        self.vector = 0;
    }

    /// The registers of a system call: its number, and the arguments.
    pub(crate) fn call(&self) -> (u64, [u64; 6]) {
        (self.rax, [self.rdi, self.rsi, self.rdx, self.r10, self.r8, self.r9])
    }

    /// The frame of a program about to run its first instruction.
    pub(crate) fn starting_at(entry: u64, stack: u64) -> Self {
        Self {
            rip: entry,
            rsp: stack,
            cs: USER_CODE.into(),
            ss: USER_DATA.into(),
            rflags: USER_FLAGS,
            // SAFETY: integers; zero is a value of each.
            ..unsafe { core::mem::zeroed() }
        }
    }

    /// Whether ring 3 was interrupted.
    pub(super) fn is_user(&self) -> bool {
        self.cs & 3 == 3
    }

    /// Where the program goes on.
    pub(crate) fn pc(&self) -> u64 {
        self.rip
    }

    /// Has it go on there.
    pub(crate) fn set_pc(&mut self, address: u64) {
        self.rip = address;
    }

    /// Its stack pointer.
    pub(crate) fn stack(&self) -> u64 {
        self.rsp
    }

    /// Changes its stack pointer.
    pub(crate) fn set_stack(&mut self, address: u64) {
        self.rsp = address;
    }

    /// What the system call returns, as far as that is known.
    pub(crate) fn answer(&self) -> u64 {
        self.rax
    }

    /// Has the system call return this.
    pub(crate) fn set_answer(&mut self, answer: u64) {
        self.rax = answer;
    }

    /// Keeps the number of the call, which its answer replaces.
    pub(crate) fn begin_call(&mut self) {
        self.error = self.rax;
    }

    /// Makes the system call again, whose number was kept when it entered.
    pub(crate) fn call_again(&mut self) {
        self.call_instead(self.error);
    }

    /// Makes the system call of that number in place of the one that has just been made.
    pub(crate) fn call_instead(&mut self, number: u64) {
        const LENGTH_OF_SYSCALL: u64 = 2;
        self.rax = number;
        self.rip -= LENGTH_OF_SYSCALL;
    }

    /// What brought the program here, for people.
    pub(crate) fn cause(&self) -> String {
        format!("fault {}, error {:#x}", self.vector, self.error)
    }
}

/// Where vector `n`'s entry is: `INTERRUPT_STUBS + 16 * n`.
pub(crate) fn stub(vector: u8) -> u64 {
    unsafe extern "C" {
        static interrupt_stubs: u8;
    }
    (&raw const interrupt_stubs) as u64 + 16 * u64::from(vector)
}

global_asm!(
    r#"
    .macro SAVE
    pushq %rdi
    pushq %rsi
    pushq %rdx
    pushq %rcx
    pushq %rax
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    pushq %rbx
    pushq %rbp
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    subq $256, %rsp
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
    movups %xmm\n, 16*\n(%rsp)
    .endr
    xorl %ebp, %ebp
    movq %rsp, %rdi
    .endm

    .macro RESTORE
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
    movups 16*\n(%rsp), %xmm\n
    .endr
    addq $256, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbp
    popq %rbx
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rax
    popq %rcx
    popq %rdx
    popq %rsi
    popq %rdi
    addq $16, %rsp                  # vector and error code
    .endm

    .pushsection .text
    .align 16
    .global interrupt_stubs
interrupt_stubs:
    .set vector, 0
    .rept 256
    .align 16
    .if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 || vector == 30)
    pushq $0                        # the CPU pushes no error code for this one
    .endif
    pushq $vector
    jmp interrupt_entry
    .set vector, vector + 1
    .endr

interrupt_entry:
    testb $3, 24(%rsp)              # the interrupted code selector
    jz 1f
    swapgs
    pushq %rdi                      # to the thread's own kernel stack; a fault
    movq %gs:16, %rdi               # is there already and copies onto itself
    xchgq %rsp, %rdi
    pushq 56(%rdi)
    pushq 48(%rdi)
    pushq 40(%rdi)
    pushq 32(%rdi)
    pushq 24(%rdi)
    pushq 16(%rdi)
    pushq 8(%rdi)
    movq (%rdi), %rdi
1:  SAVE
    call {interrupt}
    .global interrupt_exit
interrupt_exit:
    RESTORE
    testb $3, 8(%rsp)
    jz 2f
    swapgs
2:  iretq

    .global syscall_entry
syscall_entry:
    swapgs
    movq %rsp, %gs:8
    movq %gs:16, %rsp
    pushq ${USER_DATA}
    pushq %gs:8
    pushq %r11                      # where the CPU put the flags
    pushq ${USER_CODE}
    pushq %rcx                      # where the CPU put the return address
    pushq $0
    pushq ${BY_CALL}
    SAVE
    call {syscall}
    cmpq ${BY_CALL}, 376(%rsp)      # the vector, behind the registers
    jne interrupt_exit
    RESTORE
    popq %rcx
    addq $8, %rsp
    popq %r11
    popq %rsp
    swapgs
    sysretq
    .popsection
    "#,
    interrupt = sym super::interrupts::interrupt,
    syscall = sym crate::syscalls::syscall,
    BY_CALL = const BY_CALL,
    USER_DATA = const USER_DATA,
    USER_CODE = const USER_CODE,
    options(att_syntax)
);

/// Where a system call enters, for the CPU's `LSTAR`.
pub(crate) fn syscall_entry_address() -> u64 {
    unsafe extern "C" {
        static syscall_entry: u8;
    }
    (&raw const syscall_entry) as u64
}

/// Leaves this stack, noting in `saved` where, and goes on where another was
/// left. Returns when somebody switches back.
///
/// # Safety
/// - Interrupts are off.
/// - `saved` may be written; `next` was written by this function, or points at
///   what [`first_frame`] laid out, and nobody has gone on there since.
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn switch_context(saved: *mut u64, next: u64) {
    naked_asm!(
        "push rbx",
        "push rbp",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "mov [rdi], rsp",
        "mov rsp, rsi",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbp",
        "pop rbx",
        "ret",
    )
}

/// Lays out a fresh stack so that the first switch to it calls
/// `crate::sched::first_run(argument)` and, should that return, leaves for
/// user mode through `frame`. Returns what to give [`switch_context`].
///
/// # Safety
/// `top` is the 16-aligned end of a stack that nobody uses.
pub(crate) unsafe fn first_frame(top: u64, frame: TrapFrame) -> u64 {
    let at = top - size_of::<TrapFrame>() as u64;
    // SAFETY: below `top`, in the fresh stack, and aligned as `top` is.
    unsafe { (at as *mut TrapFrame).write(frame) };
    // Six registers, the address to return to; one word for the alignment
    // that a function expects at its entry.
    let words = at - 8 * 8;
    // SAFETY: as above.
    unsafe { (words as *mut [u64; 8]).write([0, 0, 0, 0, 0, 0, first_run as *const () as u64, 0]) };
    words
}

/// Where a thread runs first: finishes the switch that brought it here, then
/// goes to user mode through the frame at the top of its stack.
#[unsafe(naked)]
unsafe extern "C" fn first_run() {
    naked_asm!(
        "add rsp, 8",
        "mov rdi, rsp",
        "call {first_run}",
        "jmp interrupt_exit",
        first_run = sym crate::sched::first_run,
    )
}
