//! Traps: their one handler, and switching interrupts on and off.

use super::cpu::INTERRUPTS_ON;
use super::entry::{CALL, TrapFrame, trap_entry_address};
use super::{ipi, timer};
use crate::space::Touch;
use crate::{faults, signals, syscalls};
use bonfire_engine::core_sync::Return;
use core::arch::asm;

const INTERRUPT: u64 = 1 << 63;
const SOFTWARE: u64 = INTERRUPT | 1;
const TIMER: u64 = INTERRUPT | 5;
/// Of `sie`: those of the above are taken.
const WANTED: u64 = 1 << 1 | 1 << 5;
/// Of `scounteren`: programs may read the clock.
const CLOCK_FOR_PROGRAMS: u64 = 1 << 1;

/// Has traps on this CPU come to [`trap`].
pub(super) fn load() {
    // SAFETY: the entry of `entry.rs`.
    unsafe { asm!("csrw stvec, {}", in(reg) trap_entry_address(), options(nostack)) };
    // SAFETY: we are in the kernel: 0 says so.
    unsafe { asm!("csrw sscratch, zero", options(nostack)) };
    // SAFETY: lets user mode read a register that tells the time.
    unsafe { asm!("csrw scounteren, {}", in(reg) CLOCK_FOR_PROGRAMS, options(nostack)) };
    // SAFETY: `trap` takes both.
    unsafe { asm!("csrw sie, {}", in(reg) WANTED, options(nostack)) };
}

/// Every trap comes here, interrupts off. A frame of user mode leaves through
/// [`syscalls::before_user`]; a frame of the kernel just goes on.
pub(super) extern "C" fn trap(frame: &mut TrapFrame) {
    match frame.cause {
        CALL => return syscalls::syscall(frame),
        TIMER => timer::expired(),
        SOFTWARE => ipi::arrived(),
        cause if cause & INTERRUPT != 0 => panic!("interrupt {cause:#x} is nobody's"),
        _ => take_fault(frame),
    }
    if frame.is_user() {
        syscalls::before_user(frame, Return::Interrupt);
    }
}

fn take_fault(frame: &mut TrapFrame) {
    let (fault, address) = (frame.cause, frame.value);
    assert!(frame.is_user(), "{} in the kernel at {:#x}, address {address:#x}", frame.cause(), frame.pc);
    set_enabled(true);
    match fault {
        12 => faults::page(frame, address, Touch::Execute),
        13 => faults::page(frame, address, Touch::Read),
        15 => faults::page(frame, address, Touch::Write),
        2 => faults::other(frame, signals::SIGILL, frame.pc),
        3 => faults::other(frame, signals::SIGTRAP, frame.pc),
        0 | 4 | 6 => faults::other(frame, signals::SIGBUS, address),
        _ => faults::other(frame, signals::SIGSEGV, address),
    }
    set_enabled(false);
}

/// Stops this CPU: nothing wakes it any more.
pub(super) fn halt_for_good() -> ! {
    set_enabled(false);
    loop {
        wait();
    }
}

/// Whether this CPU takes interrupts.
pub(crate) fn enabled() -> bool {
    let status: u64;
    // SAFETY: reads a register.
    unsafe { asm!("csrr {}, sstatus", out(reg) status, options(nostack, nomem)) };
    status & INTERRUPTS_ON != 0
}

/// Makes this CPU take interrupts, or not.
pub(crate) fn set_enabled(on: bool) {
    if on {
        // SAFETY: the stack is always as it should be for a handler.
        unsafe { asm!("csrsi sstatus, {}", const INTERRUPTS_ON, options(nostack)) };
    } else {
        // SAFETY: only puts interrupts off.
        unsafe { asm!("csrci sstatus, {}", const INTERRUPTS_ON, options(nostack)) };
    }
}

/// Sleeps until an interrupt, takes it, and comes back with interrupts off. One that arrives
/// while they are off ends the sleep, too.
pub(crate) fn enable_and_wait() {
    wait();
    set_enabled(true);
    set_enabled(false);
}

fn wait() {
    // SAFETY: goes on when an interrupt is there to be taken, or before.
    unsafe { asm!("wfi", options(nostack)) };
}

/// One turn of a spin. QEMU's emulator leaves its translated code at a `pause`,
/// which lets other CPUs run where there are more of them than of the host's.
pub(crate) fn relax() {
    core::hint::spin_loop();
}
