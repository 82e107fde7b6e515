//! The local APIC, by its memory page: QEMU's emulator has no x2APIC.

use super::boot::{DIRECT_MAP, MAX_CPUS, TRAMPOLINE, TRAMPOLINE_END, TRAMPOLINE_START};
use super::{clock, cpu_index};
use crate::arch::without_interrupts;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use x86_64::instructions::port::Port;

const ID: usize = 0x20;
const END_OF_INTERRUPT: usize = 0xb0;
const SPURIOUS: usize = 0xf0;
const COMMAND: usize = 0x300;
const COMMAND_TARGET: usize = 0x310;
const TIMER: usize = 0x320;
const TIMER_INITIAL: usize = 0x380;
const TIMER_CURRENT: usize = 0x390;
const TIMER_DIVIDE: usize = 0x3e0;

pub(super) const TIMER_VECTOR: u8 = 0x20;
pub(super) const SPURIOUS_VECTOR: u8 = 0xff;

/// The interrupts that CPUs send each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Ipi {
    /// The engine asks this CPU to look at its request word.
    Poke = 0x30,
    /// Something changed that the scheduler should look at.
    Reschedule = 0x31,
    /// Pages of a space that this CPU has loaded have gone.
    Forget = 0x32,
}

/// QEMU's APIC timer counts at 1 GHz; divided by 16, a tick of 5 ms. No
/// verdict depends on the length of a tick.
const TICK: u32 = 5 * (1_000_000 / 16);

/// APIC ids by CPU index: indices are given in order of arrival, which is random.
static APIC_IDS: [AtomicU32; MAX_CPUS] = [const { AtomicU32::new(0) }; MAX_CPUS];
static CLOCK_TICKS_PER_MS: AtomicU64 = AtomicU64::new(0);

fn register(offset: usize) -> *mut u32 {
    (DIRECT_MAP as usize + 0xfee0_0000 + offset) as *mut u32
}

fn read(offset: usize) -> u32 {
    // SAFETY: a register of this CPU's APIC; reading those named above has no effect.
    unsafe { register(offset).read_volatile() }
}

fn write(offset: usize, value: u32) {
    // SAFETY: a register of this CPU's APIC; what the write causes, the
    // functions below are for.
    unsafe { register(offset).write_volatile(value) }
}

/// Switches this CPU's APIC on and notes its id.
pub(super) fn init() {
    mask_legacy_controllers();
    APIC_IDS[cpu_index()].store(read(ID) >> 24, Relaxed);
    write(SPURIOUS, 0x100 | u32::from(SPURIOUS_VECTOR));
    write(TIMER_DIVIDE, 0b0011);
    if cpu_index() == 0 {
        measure_clock();
    }
}

/// The firmware leaves the 8259 pair live.
fn mask_legacy_controllers() {
    for port in [0x21, 0xa1] {
        // SAFETY: the mask register of an 8259; all ones silences it.
        unsafe { Port::<u8>::new(port).write(0xff) };
    }
}

/// Compares the clock with the timer, over a tick.
fn measure_clock() {
    write(TIMER, 1 << 16 | u32::from(TIMER_VECTOR)); // masked
    write(TIMER_INITIAL, u32::MAX);
    let (first_count, first_clock) = both_clocks();
    while read(TIMER_CURRENT) > first_count - TICK {}
    let (last_count, last_clock) = both_clocks();
    let ns = u64::from(first_count - last_count) * 16;
    CLOCK_TICKS_PER_MS.store((last_clock - first_clock) * 1_000_000 / ns, Relaxed);
    stop_timer();
}

/// Timer and clock at the same time: the closest of several pairs, since the
/// host may take our CPU away between two instructions.
fn both_clocks() -> (u32, u64) {
    let pairs = (0..16).map(|_| {
        let before = clock();
        let count = read(TIMER_CURRENT);
        let after = clock();
        (after - before, count, before)
    });
    let (width, count, before) = pairs.min().expect("there are some");
    (count, before + width / 2)
}

/// Ticks of [`clock`] in a millisecond, measured at boot.
pub(crate) fn clock_ticks_per_ms() -> u64 {
    CLOCK_TICKS_PER_MS.load(Relaxed)
}

/// Makes the timer interrupt this CPU after a tick, or at `deadline` if that is
/// sooner; one that would come sooner still, stays.
pub(crate) fn set_timer(deadline: Option<u64>) {
    let left = deadline.map_or(TICK, |deadline| counts(deadline.saturating_sub(clock())));
    let under_way = read(TIMER_CURRENT);
    if under_way == 0 || under_way > left {
        write(TIMER, u32::from(TIMER_VECTOR));
        write(TIMER_INITIAL, left);
    }
}

/// The timer's counts in that time: at least one, since 0 stops it, and at most a tick.
fn counts(ticks_of_clock: u64) -> u32 {
    let ns = u128::from(ticks_of_clock) * 1_000_000 / u128::from(clock_ticks_per_ms());
    u32::try_from(ns / 16).unwrap_or(TICK).clamp(1, TICK)
}

/// Ends this CPU's ticks.
pub(crate) fn stop_timer() {
    write(TIMER_INITIAL, 0);
}

pub(super) fn end_of_interrupt() {
    write(END_OF_INTERRUPT, 0);
}

/// Interrupts the CPU of that index, which then sees every store that is before this.
/// The xAPIC's command register is memory that is not cached: the write is
/// behind every earlier store. An x2APIC would need `mfence; lfence` first.
pub(crate) fn send_ipi(cpu: usize, ipi: Ipi) {
    command(APIC_IDS[cpu].load(Relaxed) << 24, ipi as u32);
}

/// Two writes, of which the second sends. An interrupt between them would send
/// its own command to our target, or ours to its.
fn command(target: u32, what: u32) {
    without_interrupts(|| {
        write(COMMAND_TARGET, target);
        write(COMMAND, what);
    });
}

const ALL_BUT_SELF: u32 = 0b11 << 18;
const ASSERT: u32 = 1 << 14;
const NMI: u32 = 0b100 << 8;
const INIT: u32 = 0b101 << 8;
const START_UP: u32 = 0b110 << 8;

/// Starts every other CPU at `other_cpu`. QEMU needs neither the waits nor the
/// second start-up interrupt that old hardware did.
pub(crate) fn start_others() {
    let code = (&raw const TRAMPOLINE_START).cast::<u8>();
    let length = (&raw const TRAMPOLINE_END) as usize - code as usize;
    let to = (DIRECT_MAP + TRAMPOLINE) as *mut u8;
    // SAFETY: from the image to low memory that nobody uses.
    unsafe { to.copy_from_nonoverlapping(code, length) };
    command(0, ALL_BUT_SELF | ASSERT | INIT);
    command(0, ALL_BUT_SELF | ASSERT | START_UP | (TRAMPOLINE >> 12) as u32);
}

/// Halts every other CPU for good, whatever it is doing.
pub(crate) fn stop_others() {
    command(0, ALL_BUT_SELF | ASSERT | NMI);
}
