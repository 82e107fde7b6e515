//! riscv64, as QEMU's `virt` machine has it: supervisor mode above OpenSBI.

mod boot;
mod cpu;
mod entry;
mod interrupts;
mod ipi;
mod line;
mod linux;
mod paging;
mod sbi;
mod signal_frame;
mod timer;
mod user_state;

pub(crate) use super::generic::status_words;
pub(crate) use super::virt::{machine, machine_cpus, start_info, take_files};
pub(crate) use boot::{DIRECT_MAP, DIRECT_MAP_SIZE, KERNEL_OFFSET, MAX_CPUS, start_others};
pub(crate) use cpu::{count, cpu_index, init_cpu, serialise, set_kernel_stack};
pub(crate) use entry::{TrapFrame, first_frame, switch_context};
pub(crate) use interrupts::{enable_and_wait, enabled, relax, set_enabled};
pub(crate) use ipi::{Ipi, send_ipi, stop_others};
pub(crate) use line::Line;
pub(crate) use linux::{HAS_RESTORER, auxiliary};
pub(crate) use paging::{
    Entry, LEVELS, PAGE, USER_TOP, flush, forget, forget_low_half, load_tables, publish, share_kernel,
};
pub(crate) use signal_frame::{RED_ZONE, SIGNAL_RETURN};
pub(crate) use timer::{
    clock, clock_ticks_per_ms, read_time_of_day, set_timer, stop_timer, time_of_day_at_boot,
};
pub(crate) use user_state::UserState;

/// Where QEMU's test device (`sifive,test`) is, which ends it.
const END_DEVICE: u64 = 0x10_0000;

/// What that device takes for an end with a status.
const fn end_word(status: u32) -> u32 {
    const FAIL: u32 = 0x3333;
    status << 16 | FAIL
}

/// Ends QEMU with that status.
pub(crate) fn end_machine(status: u32) -> ! {
    let device = (DIRECT_MAP + END_DEVICE) as *mut u32;
    // SAFETY: the device's register; the machine is gone when this is done.
    unsafe { device.write_volatile(end_word(status)) };
    interrupts::halt_for_good()
}
