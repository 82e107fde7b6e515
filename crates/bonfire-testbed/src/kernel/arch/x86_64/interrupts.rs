//! The interrupt table, its one handler, and switching interrupts on and off.

use super::apic::{self, Ipi, SPURIOUS_VECTOR, TIMER_VECTOR};
use super::cpu::{FAULT_STACK, INTERRUPT_STACK};
use super::entry::{TrapFrame, stub};
use crate::signals::{SIGFPE, SIGILL, SIGSEGV, SIGTRAP};
use crate::space::Touch;
use crate::{faults, sched, syscalls};
use bonfire_engine::core_sync::Return;
use core::arch::asm;
use x86_64::VirtAddr;
use x86_64::instructions::interrupts;
use x86_64::registers::control::Cr2;
use x86_64::structures::idt::{Entry, InterruptDescriptorTable};

const DOUBLE_FAULT: u64 = 8;
const NMI: u64 = 2;
const PAGE_FAULT: u64 = 14;
/// What a page fault's error code says of it.
const WRITE: u64 = 1 << 1;
const INSTRUCTION: u64 = 1 << 4;

struct Table(core::cell::UnsafeCell<InterruptDescriptorTable>);
// SAFETY: written by `fill` alone, before the other CPUs start.
unsafe impl Sync for Table {}
static TABLE: Table = Table(core::cell::UnsafeCell::new(InterruptDescriptorTable::new()));

/// Loads the table on this CPU and switches its APIC on.
pub(super) fn load() {
    if super::cpu_index() == 0 {
        fill();
    }
    // SAFETY: nobody writes it any more.
    let table: &'static InterruptDescriptorTable = unsafe { &*TABLE.0.get() };
    table.load();
    apic::init();
}

fn fill() {
    // SAFETY: the first CPU at boot, alone.
    let table = unsafe { &mut *TABLE.0.get() };
    for vector in 32..=255 {
        set(&mut table[vector], vector, Some(INTERRUPT_STACK));
    }
    // These may come where the stack cannot be trusted.
    set(&mut table.non_maskable_interrupt, 2, Some(FAULT_STACK));
    set(&mut table.double_fault, 8, Some(FAULT_STACK));
    set(&mut table.machine_check, 18, Some(FAULT_STACK));
    // And these only where a program, or the kernel, is wrong.
    set(&mut table.divide_error, 0, None);
    set(&mut table.debug, 1, None);
    set(&mut table.breakpoint, 3, None);
    set(&mut table.overflow, 4, None);
    set(&mut table.bound_range_exceeded, 5, None);
    set(&mut table.invalid_opcode, 6, None);
    set(&mut table.device_not_available, 7, None);
    set(&mut table.invalid_tss, 10, None);
    set(&mut table.segment_not_present, 11, None);
    set(&mut table.stack_segment_fault, 12, None);
    set(&mut table.general_protection_fault, 13, None);
    set(&mut table.page_fault, 14, None);
    set(&mut table.x87_floating_point, 16, None);
    set(&mut table.alignment_check, 17, None);
    set(&mut table.simd_floating_point, 19, None);
}

/// Sends the vector to its stub, on that stack of the task state or the current one.
fn set<F>(entry: &mut Entry<F>, vector: u8, stack: Option<u16>) {
    // SAFETY: the stub of that vector.
    let options = unsafe { entry.set_handler_addr(VirtAddr::new(stub(vector))) };
    if let Some(stack) = stack {
        // SAFETY: a stack that `init_cpu` made, and that no other vector uses at
        // the same time: interrupts do not nest, and faults there are the end.
        unsafe { options.set_stack_index(stack) };
    }
}

/// Every interrupt and fault comes here, interrupts off. A frame of ring 3
/// leaves through [`syscalls::before_user`]; a frame of ring 0 just goes on.
pub(super) extern "C" fn interrupt(frame: &mut TrapFrame) {
    match frame.vector {
        NMI => halt_for_good(),
        fault @ 0..32 => return take_fault(frame, fault),
        vector if vector == TIMER_VECTOR.into() => {
            apic::end_of_interrupt();
            sched::tick();
        }
        vector if vector == Ipi::Poke as u64 => {
            apic::end_of_interrupt();
            crate::membarrier::poked();
        }
        vector if vector == Ipi::Reschedule as u64 => {
            apic::end_of_interrupt();
            sched::due();
        }
        vector if vector == Ipi::Forget as u64 => {
            apic::end_of_interrupt();
            crate::shootdown::asked();
        }
        vector if vector == SPURIOUS_VECTOR.into() => {}
        vector => panic!("interrupt {vector:#x} is nobody's"),
    }
    if frame.is_user() {
        syscalls::before_user(frame, Return::Interrupt);
    }
}

fn take_fault(frame: &mut TrapFrame, fault: u64) {
    let address = if fault == PAGE_FAULT { Cr2::read_raw() } else { 0 };
    if frame.is_user() && fault != DOUBLE_FAULT {
        set_enabled(true);
        match (fault, frame.error & INSTRUCTION, frame.error & WRITE) {
            (PAGE_FAULT, 0, 0) => faults::page(frame, address, Touch::Read),
            (PAGE_FAULT, 0, _) => faults::page(frame, address, Touch::Write),
            (PAGE_FAULT, ..) => faults::page(frame, address, Touch::Execute),
            _ => faults::other(frame, signal_of(fault), address),
        }
        set_enabled(false);
        return syscalls::before_user(frame, Return::Interrupt);
    }
    panic!("fault {fault} in ring 0 at {:#x}, address {address:#x}, error {:#x}", frame.rip, frame.error);
}

/// What Linux sends a program for a fault of that vector.
fn signal_of(fault: u64) -> i32 {
    match fault {
        0 | 16 | 19 => SIGFPE,
        1 | 3 => SIGTRAP,
        6 => SIGILL,
        _ => SIGSEGV,
    }
}

/// Stops this CPU: nothing wakes it any more.
pub(super) fn halt_for_good() -> ! {
    loop {
        interrupts::disable();
        x86_64::instructions::hlt();
    }
}

/// Whether this CPU takes interrupts.
pub(crate) fn enabled() -> bool {
    interrupts::are_enabled()
}

/// Makes this CPU take interrupts, or not.
pub(crate) fn set_enabled(on: bool) {
    if on { interrupts::enable() } else { interrupts::disable() }
}

/// Sleeps until an interrupt, takes it, and comes back with interrupts off. One
/// that arrived while they were off ends the sleep at once: `sti` takes effect
/// after the instruction that follows.
pub(crate) fn enable_and_wait() {
    // SAFETY: the stack is as it should be for a handler, and off again after.
    unsafe { asm!("sti", "hlt", "cli") };
}

/// One turn of a spin. QEMU's emulator leaves its translated code at a `pause`,
/// which lets other CPUs run where there are more of them than of the host's.
pub(crate) fn relax() {
    core::hint::spin_loop();
}
