//! The testbed's kernel: small enough to be read end to end, real enough to
//! show membarrier at work.
//!
//! Read in this order:
//! 1. [`membarrier`]: the engine wired in, the machine it runs on;
//! 2. [`sched`], where most of its hooks are called, and [`thread`];
//! 3. [`syscalls`] and [`process`]: what a program sees; [`family`], [`rseq`];
//!    [`program`] and [`given`]: which program; [`signals`], [`descriptors`], [`limits`];
//! 4. [`space`], [`page_table`], [`frames`], [`user`], [`shootdown`]: memory;
//! 5. [`arch`]: boot, the ways in and out of user mode, entries of page tables,
//!    interrupts.
//!
//! What it leaves out, on purpose: file systems, swapping, pre-emption of the kernel
//! itself.

#![no_std]
#![no_main]

extern crate alloc;

mod arch;
mod area;
mod borrowers;
mod counter;
mod descriptors;
mod family;
mod faults;
mod frames;
mod given;
#[cfg(not(target_arch = "riscv64"))]
mod host;
mod limits;
mod lock;
mod membarrier;
mod memory_files;
mod page_table;
mod pipe;
mod process;
mod program;
mod random;
mod restart;
mod robust;
mod rseq;
#[path = "../runtime/mod.rs"]
mod runtime;
mod sched;
mod serial;
// aarch64 has an instruction for that.
#[cfg(not(target_arch = "aarch64"))]
mod shootdown;
mod signals;
mod space;
mod start_info;
mod syscalls;
mod system_files;
mod texts;
mod thread;
mod trace;
mod unserved;
mod user;
mod wait;

use alloc::vec::Vec;
use bonfire_testbed::stream::{End, Source};
use bonfire_testbed::{Exit, Options};
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

/// Where boot's assembly goes on the first CPU.
extern "C" fn boot_cpu(start_info: u64) -> ! {
    serial::init();
    let mut start = arch::start_info(start_info);
    let options = match Options::parse(start.command_line) {
        Ok(options) => options,
        Err(error) => fail(Exit::BadOption, format_args!("{error}")),
    };
    let cpus = arch::machine_cpus();
    if cpus > arch::MAX_CPUS {
        fail(Exit::TooManyCpus, format_args!("{cpus} CPUs, and this kernel serves {}", arch::MAX_CPUS));
    }
    if let Err(missing) = given::take(&mut start.free_memory).and_then(|()| frames::init(start.free_memory)) {
        fail(Exit::TooLittleMemory, format_args!("too little memory: {} KiB are missing", missing >> 10));
    }
    membarrier::init(&options);
    if options.traces {
        trace::switch_on();
    }
    bring_up(cpus);
    if start_first(&options, cpus).is_err() {
        fail(Exit::TooLittleMemory, format_args!("too little memory for the first program"));
    }
    arch::forget_low_half();
    sched::run()
}

/// Starts the program that the host gave, or else the one of the image.
fn start_first(options: &Options, cpus: usize) -> Result<(), space::OutOfMemory> {
    let Some(given) = given::given() else {
        say!("kernel: {cpus} CPUs, design {}", options.variant);
        return process::start_init(&options.arguments(), &[]);
    };
    let arguments: Vec<&[u8]> = given::strings(given.arguments).collect();
    let environment: Vec<&[u8]> = given::strings(given.environment).collect();
    process::start_init(&arguments, &environment)
}

/// The version of Linux whose calls these are.
const RELEASE: &str = "6.12.0-bonfire";
/// What `uname` says of the build.
const VERSION: &str = concat!("bonfire-testbed ", env!("CARGO_PKG_VERSION"));

static ARRIVED: AtomicUsize = AtomicUsize::new(0);
/// The CPUs must not run programs until each has been counted.
static MAY_RUN: AtomicBool = AtomicBool::new(false);

fn bring_up(cpus: usize) {
    arch::init_cpu(0);
    arch::read_time_of_day();
    sched::init(cpus);
    sched::init_cpu();
    if cpus > 1 {
        arch::start_others();
    }
    while ARRIVED.load(Relaxed) < cpus - 1 {
        arch::relax();
    }
    MAY_RUN.store(true, Relaxed);
}

/// Where boot's assembly goes on every other CPU.
extern "C" fn other_cpu(index: usize) -> ! {
    arch::init_cpu(index);
    sched::init_cpu();
    ARRIVED.fetch_add(1, Relaxed);
    while !MAY_RUN.load(Relaxed) {
        arch::relax();
    }
    arch::forget_low_half();
    sched::run()
}

/// The first program has ended, with this status word.
fn power_off(status: i32) -> ! {
    if given::is_given() {
        unserved::report();
        let end = End { status, most_memory: frames::most_used() };
        serial::send_piece(Source::End, &end.to_bytes());
        stop_machine(Exit::Done);
    }
    stop_machine(if status == 0 { Exit::Done } else { Exit::InitFailed })
}

/// Ends the machine; the host learns why from QEMU's exit status.
fn stop_machine(exit: Exit) -> ! {
    arch::stop_others();
    arch::end_machine(exit.status())
}

fn fail(exit: Exit, message: core::fmt::Arguments) -> ! {
    say!("kernel: {message}");
    arch::end_machine(exit.status())
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! {
    arch::set_enabled(false);
    arch::stop_others();
    serial::say_last(format_args!("kernel: {info}"));
    arch::end_machine(Exit::Panic.status())
}
