//! aarch64, as QEMU's `virt` machine has it: EL1 above programs in EL0, a GIC of version 3.

mod boot;
mod cpu;
mod entry;
mod gic;
mod interrupts;
mod line;
mod linux;
mod paging;
mod signal_frame;
mod timer;
mod user_state;

pub(crate) use super::generic::status_words;
use super::virt;
pub(crate) use super::virt::{fw_cfg, machine, machine_cpus, start_info};
pub(crate) use crate::host::take_files;
pub(crate) use boot::{DIRECT_MAP, DIRECT_MAP_SIZE, KERNEL_OFFSET, MAX_CPUS, forget_low_half, start_others};
pub(crate) use cpu::{count, cpu_index, init_cpu, serialise, set_kernel_stack};
pub(crate) use entry::{TrapFrame, first_frame, switch_context};
pub(crate) use gic::{Ipi, send_ipi, stop_others};
pub(crate) use interrupts::{enable_and_wait, enabled, relax, set_enabled};
pub(crate) use line::Line;
pub(crate) use linux::{HAS_RESTORER, auxiliary};
pub(crate) use paging::{Entry, LEVELS, PAGE, USER_TOP, flush, forget, load_tables, publish, share_kernel};
pub(crate) use signal_frame::{RED_ZONE, SIGNAL_RETURN};
pub(crate) use timer::{
    clock, clock_ticks_per_ms, read_time_of_day, set_timer, stop_timer, time_of_day_at_boot,
};
pub(crate) use user_state::UserState;

/// Ends QEMU with that status, by a call to the debugger that it plays (semihosting).
/// Without one, halts.
pub(crate) fn end_machine(status: u32) -> ! {
    const EXIT: u64 = 0x20;
    /// As an application ends by itself.
    const REASON: u64 = 0x2_0026;
    let why = [REASON, status.into()];
    // SAFETY: the machine is gone when this is done; without a debugger it is a fault.
    unsafe { core::arch::asm!("hlt #0xf000", in("w0") EXIT as u32, in("x1") &why, options(nostack)) };
    interrupts::halt_for_good()
}
