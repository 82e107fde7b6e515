//! Where interrupts, faults and system calls arrive, and switching interrupts on and off.

use super::entry::TrapFrame;
use super::gic::{self, Ipi};
use super::timer;
use crate::signals::{SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGTRAP};
use crate::space::Touch;
use crate::{faults, sched, syscalls};
use bonfire_engine::core_sync::Return;
use core::arch::asm;

/// An interrupt, interrupts off. A frame of a program's leaves through
/// [`syscalls::before_user`]; one of the kernel's just goes on.
pub(super) extern "C" fn interrupt(frame: &mut TrapFrame, is_user: bool) {
    const POKE: u32 = Ipi::Poke as u32;
    const RESCHEDULE: u32 = Ipi::Reschedule as u32;
    match gic::take() {
        POKE => crate::membarrier::poked(),
        RESCHEDULE => sched::due(),
        gic::STOP => halt_for_good(),
        gic::TIMER => {
            timer::stop_timer();
            sched::tick();
        }
        gic::NONE.. => {}
        number => panic!("interrupt {number} is nobody's"),
    }
    if is_user {
        syscalls::before_user(frame, Return::Interrupt);
    }
}

/// Why a program entered: classes of the syndrome.
const UNKNOWN: u64 = 0x00;
const SYSTEM_CALL: u64 = 0x15;
const SYSTEM_REGISTER: u64 = 0x18;
const FETCH: u64 = 0x20;
const UNALIGNED_PC: u64 = 0x22;
const ACCESS: u64 = 0x24;
const UNALIGNED_STACK: u64 = 0x26;
const FLOAT: u64 = 0x2c;
const BREAK: u64 = 0x3c;

/// A system call or a fault of a program's, interrupts off.
pub(super) extern "C" fn synchronous(frame: &mut TrapFrame) {
    let class = frame.syndrome >> 26;
    if class == SYSTEM_CALL {
        frame.be_of_call();
        return syscalls::syscall(frame);
    }
    let address = frame.address;
    set_enabled(true);
    match (class, touch(class, frame.syndrome)) {
        (FETCH | ACCESS, Some(touch)) => faults::page(frame, address, touch),
        (FETCH | ACCESS, None) => faults::other(frame, SIGBUS, address),
        (UNALIGNED_PC | UNALIGNED_STACK, _) => faults::other(frame, SIGBUS, frame.pc),
        (UNKNOWN | SYSTEM_REGISTER, _) => faults::other(frame, SIGILL, frame.pc),
        (FLOAT, _) => faults::other(frame, SIGFPE, frame.pc),
        (BREAK, _) => faults::other(frame, SIGTRAP, frame.pc),
        _ => faults::other(frame, SIGSEGV, frame.pc),
    }
    set_enabled(false);
    syscalls::before_user(frame, Return::Interrupt);
}

/// What was to be done with a page that the tables do not give for that.
fn touch(class: u64, syndrome: u64) -> Option<Touch> {
    const WRITES: u64 = 1 << 6;
    /// Cleaning a line says that it writes, and wants to read.
    const MAINTAINS: u64 = 1 << 8;
    /// No translation, no access yet, no permission; the lowest bits are the level.
    const OF_TABLES: [u64; 3] = [1, 2, 3];
    if !OF_TABLES.contains(&(syndrome >> 2 & 0xf)) {
        return None;
    }
    Some(match syndrome & (WRITES | MAINTAINS) {
        _ if class == FETCH => Touch::Execute,
        WRITES => Touch::Write,
        _ => Touch::Read,
    })
}

/// A fault of the kernel's own, or what it does not know.
pub(super) extern "C" fn fault_in_kernel(frame: &mut TrapFrame) -> ! {
    let TrapFrame { syndrome, address, pc, .. } = *frame;
    panic!(
        "fault {:#x} in the kernel at {pc:#x}, address {address:#x}, syndrome {syndrome:#x}",
        syndrome >> 26
    );
}

/// Stops this CPU: nothing wakes it any more.
pub(super) fn halt_for_good() -> ! {
    set_enabled(false);
    loop {
        // SAFETY: waits.
        unsafe { asm!("wfi", options(nomem, nostack, preserves_flags)) };
    }
}

/// Whether this CPU takes interrupts.
pub(crate) fn enabled() -> bool {
    const OFF: u64 = 1 << 7;
    let masks: u64;
    // SAFETY: reads what is off.
    unsafe { asm!("mrs {}, daif", out(reg) masks, options(nostack, preserves_flags)) };
    masks & OFF == 0
}

/// Makes this CPU take interrupts, or not.
pub(crate) fn set_enabled(on: bool) {
    if on {
        // SAFETY: the handlers and their stack are there from the start.
        unsafe { asm!("msr daifclr, #2", options(nostack, preserves_flags)) };
    } else {
        // SAFETY: takes no interrupts.
        unsafe { asm!("msr daifset, #2", options(nostack, preserves_flags)) };
    }
}

/// Sleeps until an interrupt, takes it, and comes back with interrupts off. One
/// that arrived while they were off ends the sleep at once.
pub(crate) fn enable_and_wait() {
    // SAFETY: the stack is as it should be for a handler, and off again after.
    unsafe {
        asm!("dsb sy", "wfi", "msr daifclr, #2", "isb", "msr daifset, #2", options(nostack, preserves_flags))
    };
}

/// One turn of a spin.
pub(crate) fn relax() {
    core::hint::spin_loop();
}
