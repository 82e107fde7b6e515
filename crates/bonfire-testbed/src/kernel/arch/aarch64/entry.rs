//! Ways in and out of the kernel: interrupts, faults and system calls; and from one
//! thread's stack to another's.
//!
//! All ways in leave the same [`TrapFrame`] on the kernel stack of the thread, and all ways
//! out are an `eret`, which serialises the instruction stream: so membarrier owes nothing
//! for that.
//!
//! The compiler may use the vector registers for the kernel's own code, so they are saved at
//! every entry; their control registers are the user's alone and change hands in
//! [`switch_context`]'s caller.
//!
//! The frame of a program lies at the end of its thread's stack, so that the stack pointer is
//! where the next entry wants it when the frame has been taken off. An interrupt that comes in
//! the kernel leaves its frame on the stack that it finds, and is handled on one of its own.

use super::cpu::INTERRUPT_STACK;
use super::interrupts::{fault_in_kernel, interrupt, synchronous};
use alloc::format;
use alloc::string::String;
use core::arch::{global_asm, naked_asm};
use core::mem::offset_of;

/// What a thread had in its registers when it entered the kernel.
#[derive(Clone, Copy)]
#[repr(C, align(16))]
pub(crate) struct TrapFrame {
    pub(super) x: [u64; 31],
    pub(super) sp: u64,
    pub(super) pc: u64,
    pub(super) state: u64,
    /// Why it entered, and for which address, as the CPU says it.
    pub(super) syndrome: u64,
    pub(super) address: u64,
    /// Whether a system call made it: not 0.
    is_of_call: u64,
    /// The first argument of the system call, which its answer replaces.
    first_argument: u64,
    pub(super) vectors: [u128; 32],
}

const SP: usize = offset_of!(TrapFrame, sp);
const PC: usize = offset_of!(TrapFrame, pc);
const SYNDROME: usize = offset_of!(TrapFrame, syndrome);
const IS_OF_CALL: usize = offset_of!(TrapFrame, is_of_call);
const VECTORS: usize = offset_of!(TrapFrame, vectors);
const SIZE: usize = size_of::<TrapFrame>();

/// The register of a call's number.
const NUMBER: usize = 8;
const LENGTH_OF_SVC: u64 = 4;

impl TrapFrame {
    /// Whether a system call made it.
    pub(crate) fn is_of_call(&self) -> bool {
        self.is_of_call != 0
    }

    /// Says that a system call made it.
    pub(super) fn be_of_call(&mut self) {
        self.is_of_call = 1;
    }

    /// Makes it leave as from an interrupt: the way is the same.
    pub(crate) fn leave_by_interrupt(&mut self) {
        self.is_of_call = 0;
    }

    /// The registers of a system call: its number, and the arguments.
    pub(crate) fn call(&self) -> (u64, [u64; 6]) {
        let [a, b, c, d, e, f, ..] = self.x;
        (self.x[NUMBER], [a, b, c, d, e, f])
    }

    /// The frame of a program about to run its first instruction.
    pub(crate) fn starting_at(entry: u64, stack: u64) -> Self {
        // SAFETY: integers; zero is a value of each, and as a state EL0 with interrupts on.
        Self { pc: entry, sp: stack, ..unsafe { core::mem::zeroed() } }
    }

    /// Where the program goes on.
    pub(crate) fn pc(&self) -> u64 {
        self.pc
    }

    /// Has it go on there.
    pub(crate) fn set_pc(&mut self, address: u64) {
        self.pc = address;
    }

    /// Its stack pointer.
    pub(crate) fn stack(&self) -> u64 {
        self.sp
    }

    /// Changes its stack pointer.
    pub(crate) fn set_stack(&mut self, address: u64) {
        self.sp = address;
    }

    /// What the system call returns, as far as that is known.
    pub(crate) fn answer(&self) -> u64 {
        self.x[0]
    }

    /// Has the system call return this.
    pub(crate) fn set_answer(&mut self, answer: u64) {
        self.x[0] = answer;
    }

    /// Keeps what the answer replaces.
    pub(crate) fn begin_call(&mut self) {
        self.first_argument = self.x[0];
    }

    /// Makes the system call again.
    pub(crate) fn call_again(&mut self) {
        self.call_instead(self.x[NUMBER]);
    }

    /// Makes the system call of that number in place of the one that has just been made.
    pub(crate) fn call_instead(&mut self, number: u64) {
        self.x[NUMBER] = number;
        self.x[0] = self.first_argument;
        self.pc -= LENGTH_OF_SVC;
    }

    /// What brought the program here, for people.
    pub(crate) fn cause(&self) -> String {
        format!("fault {:#x}, syndrome {:#x}", self.syndrome >> 26, self.syndrome)
    }
}

global_asm!(
    r#"
    .macro SAVE
    stp x2, x3, [sp, #16]
    stp x4, x5, [sp, #32]
    stp x6, x7, [sp, #48]
    stp x8, x9, [sp, #64]
    stp x10, x11, [sp, #80]
    stp x12, x13, [sp, #96]
    stp x14, x15, [sp, #112]
    stp x16, x17, [sp, #128]
    stp x18, x19, [sp, #144]
    stp x20, x21, [sp, #160]
    stp x22, x23, [sp, #176]
    stp x24, x25, [sp, #192]
    stp x26, x27, [sp, #208]
    stp x28, x29, [sp, #224]
    mrs x1, sp_el0
    stp x30, x1, [sp, #240]
    mrs x1, elr_el1
    mrs x2, spsr_el1
    stp x1, x2, [sp, #{PC}]
    mrs x1, esr_el1
    mrs x2, far_el1
    stp x1, x2, [sp, #{SYNDROME}]
    stp xzr, xzr, [sp, #{IS_OF_CALL}]
    add x1, sp, #{VECTORS}
    stp q0, q1, [x1], #32
    stp q2, q3, [x1], #32
    stp q4, q5, [x1], #32
    stp q6, q7, [x1], #32
    stp q8, q9, [x1], #32
    stp q10, q11, [x1], #32
    stp q12, q13, [x1], #32
    stp q14, q15, [x1], #32
    stp q16, q17, [x1], #32
    stp q18, q19, [x1], #32
    stp q20, q21, [x1], #32
    stp q22, q23, [x1], #32
    stp q24, q25, [x1], #32
    stp q26, q27, [x1], #32
    stp q28, q29, [x1], #32
    stp q30, q31, [x1], #32
    mov x29, xzr
    .endm

    .macro VECTOR to
    .balign 128
    sub sp, sp, #{SIZE}
    stp x0, x1, [sp]
    b \to
    .endm

    .pushsection .text
    .balign 2048
    .global vectors
vectors:
    VECTOR unexpected               // on the user's stack pointer: never chosen
    VECTOR unexpected
    VECTOR unexpected
    VECTOR unexpected
    VECTOR from_kernel              // in the kernel
    VECTOR interrupt_in_kernel
    VECTOR unexpected
    VECTOR unexpected
    VECTOR from_user                // in a program
    VECTOR interrupt_in_user
    VECTOR unexpected
    VECTOR unexpected
    VECTOR unexpected               // in a 32-bit program: there are none
    VECTOR unexpected
    VECTOR unexpected
    VECTOR unexpected

from_user:
    SAVE
    mov x0, sp
    bl {synchronous}
    b exit
interrupt_in_user:
    SAVE
    mov x0, sp
    mov w1, #1
    bl {interrupt}
    b exit
interrupt_in_kernel:
    SAVE
    mov x0, sp
    mov w1, wzr
    mov x19, sp
    mrs x2, tpidr_el1
    ldr x2, [x2, #{INTERRUPT_STACK}]
    mov sp, x2
    bl {interrupt}
    mov sp, x19
    b exit
unexpected:
from_kernel:
    SAVE
    mov x0, sp
    bl {fault_in_kernel}

    .global exit
exit:
    add x1, sp, #{VECTORS}
    ldp q0, q1, [x1], #32
    ldp q2, q3, [x1], #32
    ldp q4, q5, [x1], #32
    ldp q6, q7, [x1], #32
    ldp q8, q9, [x1], #32
    ldp q10, q11, [x1], #32
    ldp q12, q13, [x1], #32
    ldp q14, q15, [x1], #32
    ldp q16, q17, [x1], #32
    ldp q18, q19, [x1], #32
    ldp q20, q21, [x1], #32
    ldp q22, q23, [x1], #32
    ldp q24, q25, [x1], #32
    ldp q26, q27, [x1], #32
    ldp q28, q29, [x1], #32
    ldp q30, q31, [x1], #32
    ldp x1, x2, [sp, #{PC}]
    msr elr_el1, x1
    msr spsr_el1, x2
    ldr x1, [sp, #{SP}]
    msr sp_el0, x1
    ldp x0, x1, [sp]
    ldp x2, x3, [sp, #16]
    ldp x4, x5, [sp, #32]
    ldp x6, x7, [sp, #48]
    ldp x8, x9, [sp, #64]
    ldp x10, x11, [sp, #80]
    ldp x12, x13, [sp, #96]
    ldp x14, x15, [sp, #112]
    ldp x16, x17, [sp, #128]
    ldp x18, x19, [sp, #144]
    ldp x20, x21, [sp, #160]
    ldp x22, x23, [sp, #176]
    ldp x24, x25, [sp, #192]
    ldp x26, x27, [sp, #208]
    ldp x28, x29, [sp, #224]
    ldr x30, [sp, #240]
    add sp, sp, #{SIZE}
    eret
    .popsection
    "#,
    PC = const PC,
    SP = const SP,
    SYNDROME = const SYNDROME,
    IS_OF_CALL = const IS_OF_CALL,
    VECTORS = const VECTORS,
    SIZE = const SIZE,
    INTERRUPT_STACK = const INTERRUPT_STACK,
    synchronous = sym synchronous,
    interrupt = sym interrupt,
    fault_in_kernel = sym fault_in_kernel,
);

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
        "stp x29, x30, [sp, #-160]!",
        "stp x19, x20, [sp, #16]",
        "stp x21, x22, [sp, #32]",
        "stp x23, x24, [sp, #48]",
        "stp x25, x26, [sp, #64]",
        "stp x27, x28, [sp, #80]",
        "stp d8, d9, [sp, #96]",
        "stp d10, d11, [sp, #112]",
        "stp d12, d13, [sp, #128]",
        "stp d14, d15, [sp, #144]",
        "mov x9, sp",
        "str x9, [x0]",
        "mov sp, x1",
        "ldp x19, x20, [sp, #16]",
        "ldp x21, x22, [sp, #32]",
        "ldp x23, x24, [sp, #48]",
        "ldp x25, x26, [sp, #64]",
        "ldp x27, x28, [sp, #80]",
        "ldp d8, d9, [sp, #96]",
        "ldp d10, d11, [sp, #112]",
        "ldp d12, d13, [sp, #128]",
        "ldp d14, d15, [sp, #144]",
        "ldp x29, x30, [sp], #160",
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
    /// What `switch_context` takes off, of which the second is the address to return to.
    const WORDS: usize = 20;
    let at = top - SIZE as u64;
    // SAFETY: below `top`, in the fresh stack, and aligned as `top` is.
    unsafe { (at as *mut TrapFrame).write(frame) };
    let mut words = [0; WORDS];
    words[1] = first_run as *const () as u64;
    let below = at - 8 * WORDS as u64;
    // SAFETY: as above.
    unsafe { (below as *mut [u64; WORDS]).write(words) };
    below
}

/// Where a thread runs first: finishes the switch that brought it here, then
/// goes to user mode through the frame at the top of its stack.
#[unsafe(naked)]
unsafe extern "C" fn first_run() {
    naked_asm!("mov x0, sp", "bl {first_run}", "b exit", first_run = sym crate::sched::first_run)
}
