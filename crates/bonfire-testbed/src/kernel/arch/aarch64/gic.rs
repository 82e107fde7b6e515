//! The interrupt controller: a GIC of version 3, whose CPU interface is system registers.

use super::virt::tree;
use super::{DIRECT_MAP, cpu_index};
use crate::arch::MAX_CPUS;
use core::arch::asm;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The interrupts that CPUs send each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Ipi {
    /// The engine asks this CPU to look at its request word.
    Poke = 0,
    /// Something changed that the scheduler should look at.
    Reschedule = 1,
}

/// Has a CPU halt for good.
pub(super) const STOP: u32 = 2;
/// The virtual timer's interrupt.
pub(super) const TIMER: u32 = 27;
/// From here on numbers say that there is no interrupt.
pub(super) const NONE: u32 = 1020;

const COMPATIBLE: &str = "arm,gic-v3";
/// Of the distributor.
const CONTROL: u64 = 0;
const AFFINITY_ROUTING: u32 = 1 << 4;
const GROUP_1: u32 = 1 << 1;
/// Of each CPU's redistributor, which is two frames of 64 KiB.
const SIZE: u64 = 0x2_0000;
const AFFINITY: u64 = 0xc;
const WAKER: u64 = 0x14;
const SLEEPS: u32 = 1 << 1;
const CHILDREN_SLEEP: u32 = 1 << 2;
const GROUP: u64 = 0x1_0080;
const ENABLE: u64 = 0x1_0100;

/// How firmware and the controller name the CPUs, by index.
static AFFINITIES: [AtomicU64; MAX_CPUS] = [const { AtomicU64::new(0) }; MAX_CPUS];

fn read(at: u64) -> u32 {
    // SAFETY: a register of the controller's; reading those named above has no effect.
    unsafe { ((DIRECT_MAP + at) as *const u32).read_volatile() }
}

fn write(at: u64, value: u32) {
    // SAFETY: a register of the controller's; what the write causes, `init` is for.
    unsafe { ((DIRECT_MAP + at) as *mut u32).write_volatile(value) }
}

/// Switches on what this CPU has of the controller; the first one also what all share.
pub(super) fn init() {
    let affinity = affinity();
    AFFINITIES[cpu_index()].store(affinity, Relaxed);
    if cpu_index() == 0 {
        let distributor = tree().registers(COMPATIBLE, 0).expect("the controller has a distributor");
        write(distributor.start + CONTROL, AFFINITY_ROUTING);
        write(distributor.start + CONTROL, AFFINITY_ROUTING | GROUP_1);
    }
    let own = redistributor(affinity);
    write(own + WAKER, read(own + WAKER) & !SLEEPS);
    while read(own + WAKER) & CHILDREN_SLEEP != 0 {}
    write(own + GROUP, u32::MAX);
    write(own + ENABLE, 1 << TIMER | 1 << STOP | 1 << Ipi::Poke as u32 | 1 << Ipi::Reschedule as u32);
    // SAFETY: this CPU's interface: by registers, for all priorities, on.
    unsafe {
        asm!("msr icc_sre_el1, {on}", "isb", "msr icc_pmr_el1, {all}", "msr icc_igrpen1_el1, {on}", "isb",
            on = in(reg) 1u64, all = in(reg) 0xffu64, options(nostack, preserves_flags));
    }
}

/// What this CPU is called.
fn affinity() -> u64 {
    const FIELDS: u64 = 0xff_00ff_ffff;
    let register: u64;
    // SAFETY: reads a register that does not change.
    unsafe { asm!("mrs {}, mpidr_el1", out(reg) register, options(nostack, preserves_flags, nomem)) };
    register & FIELDS
}

/// Where the registers are of the CPU of that name.
fn redistributor(affinity: u64) -> u64 {
    let all = tree().registers(COMPATIBLE, 1).expect("the controller has redistributors");
    // The fourth field is behind the other three there.
    let name = (affinity >> 32) as u32 & 0xff | affinity as u32;
    let name = name & 0xff_ffff | ((affinity >> 32) as u32) << 24;
    all.step_by(SIZE as usize).find(|&at| read(at + AFFINITY) == name).expect("every CPU has one")
}

/// Interrupts the CPU of that index, which then sees every store that is before this.
pub(crate) fn send_ipi(cpu: usize, ipi: Ipi) {
    let affinity = AFFINITIES[cpu].load(Relaxed);
    let field = |number: u32| affinity >> (8 * number) & 0xff;
    let (range, place) = (field(0) / 16, field(0) % 16);
    send(affinity >> 32 << 48 | range << 44 | field(2) << 32 | field(1) << 16 | 1 << place, ipi as u32);
}

/// Halts every other CPU, as soon as it takes interrupts.
pub(crate) fn stop_others() {
    const ALL_BUT_SELF: u64 = 1 << 40;
    send(ALL_BUT_SELF, STOP);
}

fn send(targets: u64, number: u32) {
    let command = targets | u64::from(number) << 24;
    // SAFETY: interrupts of a kind that `interrupts.rs` knows. The barrier is for the stores
    // that the target is to see.
    unsafe {
        asm!("dsb ishst", "msr icc_sgi1r_el1, {}", "isb", in(reg) command, options(nostack, preserves_flags));
    }
}

/// The number of the interrupt that has come, which may come again from here on.
pub(super) fn take() -> u32 {
    let number: u64;
    // SAFETY: acknowledges and ends one interrupt; its handler runs behind the stores of
    // whoever sent it.
    unsafe {
        asm!("mrs {number}, icc_iar1_el1", "dsb sy", number = out(reg) number, options(nostack, preserves_flags));
    }
    if (number as u32) < NONE {
        // SAFETY: ends what was acknowledged.
        unsafe { asm!("msr icc_eoir1_el1, {}", "isb", in(reg) number, options(nostack, preserves_flags)) };
    }
    number as u32
}
