//! x86-64, as QEMU's q35 machine has it.

mod apic;
mod boot;
mod cpu;
mod entry;
mod host;
mod interrupts;
mod paging;
mod signal_frame;
mod time_of_day;

pub(crate) use apic::{Ipi, clock_ticks_per_ms, send_ipi, set_timer, start_others, stop_others, stop_timer};
pub(crate) use boot::{DIRECT_MAP, DIRECT_MAP_SIZE, MAX_CPUS};
pub(crate) use cpu::{count, cpu_index, init_cpu, serialise, set_kernel_stack};
pub(crate) use entry::{TrapFrame, first_frame, switch_context};
pub(crate) use host::{HostFile, machine_cpus};
pub(crate) use interrupts::{enable_and_wait, enabled, relax, set_enabled, without_interrupts};
pub(crate) use paging::{Access, Owner, PAGE, PageTable, USER_TOP, flush, forget_low_half};
pub(crate) use time_of_day::{read_time_of_day, time_of_day_at_boot};

use x86_64::instructions::port::Port;

/// Ends QEMU by its `isa-debug-exit` device; QEMU's exit status is
/// `2 * code + 1`. Without the device, halts.
pub(crate) fn debug_exit(code: u32) -> ! {
    // SAFETY: the port of the device, which does nothing else.
    unsafe { Port::new(0xf4).write(code) };
    interrupts::halt_for_good()
}

/// The CPU's clock: runs at one rate on all CPUs (QEMU derives it from the
/// host's), in ticks of [`clock_ticks_per_ms`].
pub(crate) fn clock() -> u64 {
    // SAFETY: every x86-64 CPU has it.
    unsafe { core::arch::x86_64::_rdtsc() }
}

/// Where the running thread's thread-local variables are (`fs`).
pub(crate) fn set_thread_pointer(address: u64) {
    x86_64::registers::model_specific::FsBase::write(x86_64::VirtAddr::new_truncate(address));
}

/// The x87 and SSE control state of a user thread, saved at a switch.
#[repr(C, align(16))]
#[derive(Clone)]
pub(crate) struct FloatState([u8; 512]);

impl FloatState {
    /// The state in which a program starts: all exceptions masked.
    pub(crate) const fn new() -> Self {
        let mut bytes = [0; 512];
        (bytes[0], bytes[1]) = (0x7f, 0x03); // FCW
        (bytes[24], bytes[25]) = (0x80, 0x1f); // MXCSR
        Self(bytes)
    }

    /// Takes the CPU's state.
    pub(crate) fn save(&mut self) {
        // SAFETY: 512 bytes, 16-aligned; the CPU has FXSR.
        unsafe { core::arch::x86_64::_fxsave64(self.0.as_mut_ptr()) };
    }

    /// Gives the CPU this state.
    pub(crate) fn restore(&self) {
        // SAFETY: as in `save`, and the bytes come from there or from `new`.
        unsafe { core::arch::x86_64::_fxrstor64(self.0.as_ptr()) };
    }
}
