//! x86-64, as QEMU's q35 machine has it.

mod apic;
mod boot;
mod cpu;
mod entry;
pub(crate) mod fw_cfg;
mod interrupts;
mod line;
mod linux;
mod paging;
mod signal_frame;
mod start_info;
mod time_of_day;
mod user_state;

pub(crate) use crate::host::take_files;
pub(crate) use apic::{Ipi, clock_ticks_per_ms, send_ipi, set_timer, start_others, stop_others, stop_timer};
pub(crate) use boot::{DIRECT_MAP, DIRECT_MAP_SIZE, KERNEL_OFFSET, MAX_CPUS};
pub(crate) use cpu::{count, cpu_index, init_cpu, serialise, set_kernel_stack};
pub(crate) use entry::{TrapFrame, first_frame, switch_context};
pub(crate) use fw_cfg::machine_cpus;
pub(crate) use interrupts::{enable_and_wait, enabled, relax, set_enabled};
pub(crate) use line::Line;
pub(crate) use linux::{HAS_RESTORER, auxiliary, status_words};
pub(crate) use paging::{
    Entry, LEVELS, PAGE, USER_TOP, flush, forget, forget_low_half, load_tables, publish, share_kernel,
};
pub(crate) use signal_frame::{RED_ZONE, SIGNAL_RETURN};
pub(crate) use start_info::start_info;
pub(crate) use time_of_day::{read_time_of_day, time_of_day_at_boot};
pub(crate) use user_state::UserState;

use x86_64::instructions::port::Port;

/// What the machine says that it is in a file: nothing, since programs ask the CPU.
pub(crate) const fn machine() -> Option<&'static str> {
    None
}

/// Ends QEMU by its `isa-debug-exit` device, which makes of a number twice that, and 1.
/// Without the device, halts.
pub(crate) fn end_machine(status: u32) -> ! {
    // SAFETY: the port of the device, which does nothing else.
    unsafe { Port::new(0xf4).write(status >> 1) };
    interrupts::halt_for_good()
}

/// The CPU's clock: runs at one rate on all CPUs (QEMU derives it from the
/// host's), in ticks of [`clock_ticks_per_ms`].
pub(crate) fn clock() -> u64 {
    // SAFETY: every x86-64 CPU has it.
    unsafe { core::arch::x86_64::_rdtsc() }
}
