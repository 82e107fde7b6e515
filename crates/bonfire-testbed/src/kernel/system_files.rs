//! The files of `/proc` and `/sys` that programs read to learn about their machine.

use crate::arch;
use crate::membarrier;
use crate::sched;
use crate::thread::Thread;
use alloc::format;
use alloc::string::String;
use core::fmt::Write;
use core::sync::atomic::Ordering::Relaxed;

/// The contents of the file of that name, as they are now.
pub(crate) fn read(thread: &Thread, path: &str) -> Option<String> {
    let own = path.strip_prefix("/proc/self/").or_else(|| path.strip_prefix("/proc/thread-self/"));
    match (own, path.strip_prefix("/sys/devices/system/cpu/"), path) {
        (Some("maps"), ..) => Some(thread.own_space().maps()),
        (Some("status"), ..) => Some(status(thread)),
        (_, Some("online"), _) => Some(list(online()) + "\n"),
        (_, Some("possible" | "present"), _) => Some(list(present()) + "\n"),
        (.., "/proc/cpuinfo") => Some(cpus()),
        (.., "/proc/device-tree/compatible") => arch::machine().map(|name| format!("{name}\0")),
        (.., "/proc/interrupts") => Some(interrupts()),
        (.., "/proc/sys/kernel/ostype") => Some("Linux\n".into()),
        (.., "/proc/sys/kernel/osrelease") => Some(String::from(super::RELEASE) + "\n"),
        (.., "/proc/sys/kernel/version") => Some(String::from(super::VERSION) + "\n"),
        _ => None,
    }
}

fn present() -> u64 {
    u64::MAX >> (64 - sched::cpu_count())
}

fn online() -> u64 {
    (0..sched::cpu_count()).filter(|&cpu| sched::is_online(cpu)).fold(0, |set, cpu| set | 1 << cpu)
}

fn status(thread: &Thread) -> String {
    let process = thread.process.as_ref().expect("a program's thread");
    let allowed = thread.affinity.load(Relaxed) & present();
    format!(
        "Name:\tprogram\nTgid:\t{}\nPid:\t{}\nThreads:\t{}\nNoNewPrivs:\t0\nSeccomp:\t0\nSeccomp_filters:\t0\n\
         Cpus_allowed:\t{allowed:x}\nCpus_allowed_list:\t{}\n",
        process.id,
        thread.id(),
        process.threads(),
        list(allowed)
    )
}

fn cpus() -> String {
    (0..sched::cpu_count()).fold(String::new(), |mut text, cpu| {
        let _ = writeln!(text, "processor\t: {cpu}\nmodel name\t: QEMU\nflags\t\t: hypervisor\n");
        text
    })
}

/// How often each CPU was interrupted for a barrier, in Linux's table and under its name for
/// such interrupts.
fn interrupts() -> String {
    let cpus = 0..sched::cpu_count();
    let head =
        cpus.clone().fold(String::from("    "), |text, cpu| format!("{text} {:>10}", format!("CPU{cpu}")));
    let counts =
        cpus.fold(String::from("CAL:"), |text, cpu| format!("{text} {:>10}", membarrier::pokes(cpu)));
    format!("{head}\n{counts}   Function call interrupts\n")
}

/// A set of CPUs as Linux writes it: `0-3,8`.
fn list(set: u64) -> String {
    let mut text = String::new();
    let mut cpu = 0;
    while cpu < 64 {
        let run = u64::from((set >> cpu).trailing_ones());
        if run > 0 {
            let comma = if text.is_empty() { "" } else { "," };
            let _ = match run {
                1 => write!(text, "{comma}{cpu}"),
                _ => write!(text, "{comma}{cpu}-{}", cpu + run - 1),
            };
        }
        cpu += run + 1;
    }
    text
}
