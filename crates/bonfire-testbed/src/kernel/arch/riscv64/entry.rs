//! Ways in and out of the kernel: interrupts, faults and system calls; and from one thread's
//! stack to another's.
//!
//! There is one way in and one way out. All of it leaves a [`TrapFrame`] on the kernel stack of
//! the thread, or on whatever stack the kernel was interrupted on: the ABI has no red zone.
//! Both returns are an `sret`, which does not order instruction fetches (privileged
//! architecture 3.3.2), so a core serialisation is owed on each.
//!
//! In user mode `sscratch` holds the CPU's block, in the kernel 0; so a trap finds out by one
//! exchange where it comes from. The floating point registers are the program's alone: the
//! kernel keeps the unit off, and [`UserState`](super::UserState) changes hands at a switch.

use super::cpu::FLOAT_ON;
use alloc::format;
use alloc::string::String;
use core::arch::{global_asm, naked_asm};

/// What a thread had in its registers when it entered the kernel.
#[derive(Clone, Copy)]
#[repr(C, align(16))]
pub(crate) struct TrapFrame {
    /// `x1` to `x31`.
    pub(super) registers: [u64; 31],
    pub(super) pc: u64,
    status: u64,
    pub(super) cause: u64,
    /// What the cause says of it: the address of a fault.
    pub(super) value: u64,
    /// The first argument of a system call, which its answer replaces.
    first_argument: u64,
}

/// Places in `registers`: `xN` is at `N - 1`.
pub(super) const RA: usize = 0;
pub(super) const SP: usize = 1;
pub(super) const TP: usize = 3;
pub(super) const A0: usize = 9;
const A7: usize = 16;

/// The cause of a system call from user mode.
pub(super) const CALL: u64 = 8;
/// No cause: whoever has it did not come by a system call.
const NONE: u64 = u64::MAX;
const LENGTH_OF_CALL: u64 = 4;

/// Of `sstatus`: the trap came from the kernel.
const FROM_KERNEL: u64 = 1 << 8;
/// Of `sstatus` in user mode: interrupts on behind the return, registers of 64 bits, and the
/// floating point unit on, in its first state.
const USER_STATUS: u64 = 1 << 5 | 2 << 32 | 1 << 13;

impl TrapFrame {
    /// The frame of a program about to run its first instruction.
    pub(crate) fn starting_at(entry: u64, stack: u64) -> Self {
        let mut registers = [0; 31];
        registers[SP] = stack;
        Self { registers, pc: entry, status: USER_STATUS, cause: NONE, value: 0, first_argument: 0 }
    }

    /// Whether user mode was interrupted.
    pub(super) fn is_user(&self) -> bool {
        self.status & FROM_KERNEL == 0
    }

    /// Whether a system call made it.
    pub(crate) fn is_of_call(&self) -> bool {
        self.cause == CALL
    }

    /// Makes it one that no system call made: every register comes back as it is.
    pub(crate) fn leave_by_interrupt(&mut self) {
        self.cause = NONE;
    }

    /// The registers of a system call: its number, and the arguments.
    pub(crate) fn call(&self) -> (u64, [u64; 6]) {
        (self.registers[A7], core::array::from_fn(|index| self.registers[A0 + index]))
    }

    /// Keeps what the answer replaces, and goes on behind the instruction.
    pub(crate) fn begin_call(&mut self) {
        self.first_argument = self.registers[A0];
        self.pc += LENGTH_OF_CALL;
    }

    /// Makes the system call again.
    pub(crate) fn call_again(&mut self) {
        self.registers[A0] = self.first_argument;
        self.pc -= LENGTH_OF_CALL;
    }

    /// Makes the system call of that number in place of the one that has just been made.
    pub(crate) fn call_instead(&mut self, number: u64) {
        self.registers[A7] = number;
        self.pc -= LENGTH_OF_CALL;
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
        self.registers[SP]
    }

    /// Changes its stack pointer.
    pub(crate) fn set_stack(&mut self, address: u64) {
        self.registers[SP] = address;
    }

    /// What the system call returns, as far as that is known.
    pub(crate) fn answer(&self) -> u64 {
        self.registers[A0]
    }

    /// Has the system call return this.
    pub(crate) fn set_answer(&mut self, answer: u64) {
        self.registers[A0] = answer;
    }

    /// Why the thread is in the kernel, for people.
    pub(crate) fn cause(&self) -> String {
        format!("fault {} ({})", self.cause, name(self.cause))
    }
}

/// What the privileged architecture calls that cause (table 22 of volume II).
fn name(cause: u64) -> &'static str {
    match cause {
        0 | 4 | 6 => "misaligned address",
        1 | 5 | 7 => "access fault",
        2 => "illegal instruction",
        3 => "breakpoint",
        12 => "instruction page fault",
        13 => "load page fault",
        15 => "store page fault",
        _ => "unknown",
    }
}

const FRAME: usize = size_of::<TrapFrame>();

global_asm!(
    r#"
    .option push
    .option arch, +a                # assembly outside of functions has the base alone
    .pushsection .text
    .align 2
    .global trap_entry, trap_exit
trap_entry:
    csrrw tp, sscratch, tp
    bnez tp, 1f
    csrr tp, sscratch               # from the kernel: on this stack
    sd sp, 8(tp)
    j 2f
1:  sd sp, 8(tp)                    # from user mode: to the thread's own kernel stack
    ld sp, 16(tp)
2:  addi sp, sp, -{FRAME}
    sd x1, 0(sp)
    .irp n, 3, 5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    sd x\n, 8 * (\n - 1)(sp)
    .endr
    ld t0, 8(tp)
    sd t0, 8(sp)                    # x2, the stack pointer
    csrrw t0, sscratch, zero
    sd t0, 24(sp)                   # x4, the thread pointer
    csrr t0, sepc
    sd t0, 248(sp)
    li t1, {FLOAT_ON}
    csrrc t0, sstatus, t1
    sd t0, 256(sp)
    csrr t0, scause
    sd t0, 264(sp)
    csrr t0, stval
    sd t0, 272(sp)
    mv a0, sp
    call {trap}
trap_exit:
    ld t0, 256(sp)
    csrw sstatus, t0
    andi t0, t0, {FROM_KERNEL}
    bnez t0, 3f
    csrw sscratch, tp
3:  ld t0, 248(sp)
    csrw sepc, t0
    addi t1, sp, 248
    sc.d zero, t0, (t1)             # whoever ran here before us reserved nothing for us
    ld x1, 0(sp)
    .irp n, 3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    ld x\n, 8 * (\n - 1)(sp)
    .endr
    ld sp, 8(sp)
    sret
    .popsection
    .option pop
    "#,
    FRAME = const FRAME,
    FLOAT_ON = const FLOAT_ON,
    FROM_KERNEL = const FROM_KERNEL,
    trap = sym super::interrupts::trap,
);

/// Where traps enter, for the CPU's `stvec`.
pub(super) fn trap_entry_address() -> u64 {
    unsafe extern "C" {
        static trap_entry: u8;
    }
    (&raw const trap_entry) as u64
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
        "addi sp, sp, -112",
        "sd ra, 0(sp)",
        ".irp n, 0,1,2,3,4,5,6,7,8,9,10,11",
        "sd s\\n, 8 + 8 * \\n(sp)",
        ".endr",
        "sd sp, 0(a0)",
        "mv sp, a1",
        "ld ra, 0(sp)",
        ".irp n, 0,1,2,3,4,5,6,7,8,9,10,11",
        "ld s\\n, 8 + 8 * \\n(sp)",
        ".endr",
        "addi sp, sp, 112",
        "ret",
    )
}

/// The words that [`switch_context`] leaves on a stack: 13 registers, and one for the alignment.
const SWITCHED: usize = 14;

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
    let words = at - size_of::<[u64; SWITCHED]>() as u64;
    let mut registers = [0; SWITCHED];
    registers[0] = first_run as *const () as u64;
    // SAFETY: as above.
    unsafe { (words as *mut [u64; SWITCHED]).write(registers) };
    words
}

/// Where a thread runs first: finishes the switch that brought it here, then
/// goes to user mode through the frame at the top of its stack.
#[unsafe(naked)]
unsafe extern "C" fn first_run() {
    naked_asm!("mv a0, sp", "call {first_run}", "j trap_exit", first_run = sym crate::sched::first_run)
}
