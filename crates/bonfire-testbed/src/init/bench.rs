//! What the call costs, in ticks of the CPU's clock: the same loop here and on
//! Linux.

use crate::threads::{self, Running};
use crate::{say, sys};
use bonfire_abi::Command;
use bonfire_testbed::calls::Sysnum;
use bonfire_testbed::wire::{Event, Timing};
use core::sync::atomic::AtomicU32;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};

const CALLS: usize = 4000;
/// Where targets have to wait for a host's CPU, calls take milliseconds: then
/// these many, or for this long.
const FEWEST: usize = 100;
const LONGEST_NS: u64 = 2_000_000_000;
/// Each in a process of its own.
const REGISTRATIONS: usize = 50;
const PRIVATE_EXPEDITED: u64 = Command::PrivateExpedited as u64;
const REGISTER_PRIVATE_EXPEDITED: u64 = Command::RegisterPrivateExpedited as u64;

/// Times everything, and reports.
pub(crate) fn run() {
    let cpus = sys::affinity().count_ones();
    sys::stay_on(0);
    sys::in_a_process(|| time("QUERY", || sys::call3(Sysnum::Membarrier, Command::Query as u64, 0, 0)));
    for (name, targets) in
        [("PRIVATE_EXPEDITED/0", 0), ("PRIVATE_EXPEDITED/1", 1), ("PRIVATE_EXPEDITED/3", 3)]
    {
        if targets < cpus {
            sys::in_a_process(|| private_expedited(name, targets));
        }
    }
    registration();
}

/// The call, with a sleeping thread and `targets` running ones beside the caller.
fn private_expedited(name: &'static str, targets: u32) {
    let words = [const { AtomicU32::new(0) }; 4];
    let _sleeper = threads::start(&words[0], sleeper, 0);
    sys::call3(Sysnum::Membarrier, REGISTER_PRIVATE_EXPEDITED, 0, 0);
    let mut spinners: [Option<Running>; 3] = [const { None }; 3];
    for (index, cpu) in (1..=targets).enumerate() {
        spinners[index] = threads::start(&words[index + 1], spinner, cpu.into());
    }
    // Acquire. PAIRS(spins): with the release in `spinner`.
    while SPINNING.load(Acquire) < targets {
        sys::sleep_ns(1_000_000);
    }
    time(name, || sys::call3(Sysnum::Membarrier, PRIVATE_EXPEDITED, 0, 0));
    // All threads end with the process, or the sleeper would be waited for.
    sys::exit(0);
}

static SPINNING: AtomicU32 = AtomicU32::new(0);
static NEVER: AtomicU32 = AtomicU32::new(0);

extern "C" fn spinner(cpu: u64) -> ! {
    sys::stay_on(cpu as u32);
    // Release. PAIRS(spins): with the acquire in `private_expedited`.
    SPINNING.fetch_add(1, Release);
    loop {
        core::hint::spin_loop();
    }
}

extern "C" fn sleeper(_: u64) -> ! {
    loop {
        sys::sleep_while(&NEVER, 0, None);
    }
}

/// The first registration of a process with two threads.
fn registration() {
    let Some(shared) = sys::memory_file(4096).and_then(|file| sys::shared_memory(file, 4096)) else { return };
    // SAFETY: a page of zeros that is mapped for ever, larger than the array.
    let ticks = unsafe { &*shared.cast::<[AtomicU32; REGISTRATIONS]>() };
    for ticks in ticks {
        sys::in_a_process(|| {
            let word = AtomicU32::new(0);
            let _sleeper = threads::start(&word, sleeper, 0);
            sys::sleep_ns(1_000_000);
            let took = ticks_of(|| sys::call3(Sysnum::Membarrier, REGISTER_PRIVATE_EXPEDITED, 0, 0));
            ticks.store(u32::try_from(took).unwrap_or(u32::MAX), Relaxed);
            sys::exit(0);
        });
    }
    let mut samples = [0; REGISTRATIONS];
    for (sample, ticks) in samples.iter_mut().zip(ticks) {
        *sample = ticks.load(Relaxed).into();
    }
    report("REGISTER/2-threads", &mut samples);
}

fn time(name: &'static str, mut call: impl FnMut() -> isize) {
    let mut samples = [0u64; CALLS];
    let (begun, mut taken) = (sys::now_ns(), 0);
    while taken < CALLS && (taken < FEWEST || sys::now_ns() - begun < LONGEST_NS) {
        samples[taken] = ticks_of(&mut call);
        taken += 1;
    }
    report(name, &mut samples[..taken]);
}

fn ticks_of(call: impl FnOnce() -> isize) -> u64 {
    let start = sys::ticks();
    call();
    sys::ticks() - start
}

fn report(name: &str, samples: &mut [u64]) {
    samples.sort_unstable();
    let at = |tenths: usize| samples[samples.len() * tenths / 10];
    say(Event::Timed(Timing { name, least: at(0), median: at(5), p90: at(9) }));
}
