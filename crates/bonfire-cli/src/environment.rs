//! What the verdict depends on besides the kernel's code: where it runs, how
//! it was started, and what this process may do.
//!
//! All of it is read from `/proc` and `/sys`. A file that is absent there says
//! something too (a kernel built without `nohz_full`); where they are absent
//! themselves nothing is known. So nothing here fails: what could not be learnt, and
//! only that, is `None`.

use std::fs;

use serde::Serialize;

use crate::hypervisor::Platform;

/// What is said at the top of every report.
#[derive(Debug, Serialize)]
pub(crate) struct Environment {
    /// Name, release and build of the kernel.
    pub(crate) kernel: String,
    /// As Rust names it.
    pub(crate) architecture: &'static str,
    /// The CPUs that this process may run on, as a list of ranges.
    pub(crate) cpus_allowed: Option<String>,
    /// The CPUs that the kernel has brought up.
    pub(crate) cpus_online: Option<String>,
    /// The CPUs without a scheduler tick, or `none`: with any, Linux has no `GLOBAL`.
    pub(crate) nohz_full: Option<String>,
    /// How many seccomp filters look at our calls; any may answer in the kernel's place.
    pub(crate) seccomp_filters: Option<u32>,
    /// What we seem to run on, or that there is no sign of anything but the machine.
    pub(crate) virtualised: Option<String>,
    /// Whether this process may use real-time priorities, which make hunts surer.
    pub(crate) realtime: Option<bool>,
    /// Where the kernel counts interrupts, if that was said.
    pub(crate) interrupts: Option<String>,
}

impl Environment {
    /// Reads what there is to read.
    pub(crate) fn read() -> Self {
        let status = read("/proc/self/status").unwrap_or_default();
        Self {
            kernel: kernel(),
            architecture: std::env::consts::ARCH,
            cpus_allowed: field(&status, "Cpus_allowed_list").map(str::to_owned),
            cpus_online: read(ONLINE),
            nohz_full: nohz_full(),
            seccomp_filters: seccomp_filters(&status),
            virtualised: Platform::read().name(),
            interrupts: None,
            realtime: may_use_realtime(&status, &read("/proc/self/limits").unwrap_or_default()),
        }
    }
}

/// The most memory that this process has had so far.
pub(crate) fn peak_memory_bytes() -> Option<u64> {
    let status = read("/proc/self/status")?;
    let kibibytes: u64 = field(&status, "VmHWM")?.strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1024)
}

fn kernel() -> String {
    let part = |name| read(&format!("/proc/sys/kernel/{name}")).unwrap_or_else(|| "?".into());
    format!("{} {} {}", part("ostype"), part("osrelease"), part("version"))
}

/// The whole of a small file, without the white space around it.
fn read(file: &str) -> Option<String> {
    fs::read_to_string(file).ok().map(|text| text.trim().to_owned())
}

/// The value of `name` in lines of `name: value`.
fn field<'a>(lines: &'a str, name: &str) -> Option<&'a str> {
    let mut values = lines.lines().filter_map(|line| line.strip_prefix(name)?.trim_start().strip_prefix(':'));
    values.next().map(str::trim)
}

/// A kernel that has no such file has no such CPUs, if it has a folder for it.
fn nohz_full() -> Option<String> {
    const CPUS: &str = "/sys/devices/system/cpu";
    let absent = || fs::exists(CPUS).unwrap_or(false).then(String::new);
    read(&format!("{CPUS}/nohz_full")).or_else(absent).map(listed)
}

/// Where the kernel lists the CPUs that it has brought up.
const ONLINE: &str = "/sys/devices/system/cpu/online";

/// How many CPUs the kernel has brought up; `None` where that is not known.
pub(crate) fn cpus_online() -> Option<u32> {
    let count = numbers(&read(ONLINE)?).len();
    u32::try_from(count).ok().filter(|&count| count > 0)
}

/// The numbers of the CPUs without a scheduler tick, as far as is known.
pub(crate) fn nohz_full_cpus() -> Vec<usize> {
    nohz_full().map(|list| numbers(&list)).unwrap_or_default()
}

/// What a list of ranges has in it.
pub(crate) fn numbers(list: &str) -> Vec<usize> {
    let range = |range: &str| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        Some(first.parse::<usize>().ok()?..=last.parse().ok()?)
    };
    list.split(',').filter_map(range).flatten().collect()
}

/// A list of CPUs, or `none` if it is empty: kernels write that in several ways.
fn listed(cpus: String) -> String {
    if cpus.is_empty() || cpus == "(null)" { "none".into() } else { cpus }
}

/// Kernels before 5.9 tell only whether there are filters; that counts as one.
fn seccomp_filters(status: &str) -> Option<u32> {
    const FILTERED: &str = "2";
    let mode = field(status, "Seccomp")?;
    let count = field(status, "Seccomp_filters").and_then(|count| count.parse().ok());
    count.or(Some(u32::from(mode == FILTERED)))
}

/// By capability, or because a limit was raised.
fn may_use_realtime(status: &str, limits: &str) -> Option<bool> {
    const SYS_NICE: u32 = 23;
    let mask = field(status, "CapEff").and_then(|mask| u64::from_str_radix(mask, 16).ok());
    let limit = limits.lines().find_map(|line| line.strip_prefix("Max realtime priority"));
    let raised = limit.and_then(|limits| limits.split_whitespace().next()).map(|soft| soft != "0");
    let capable = mask.map(|mask| mask >> SYS_NICE & 1 == 1);
    match (capable, raised) {
        (Some(true), _) | (_, Some(true)) => Some(true),
        (Some(false), Some(false)) => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_can_be_described() {
        let environment = Environment::read();
        assert!(environment.kernel.starts_with("Linux "), "{environment:?}");
        assert!(environment.cpus_allowed.is_some_and(|cpus| cpus.starts_with(|c: char| c.is_ascii_digit())));
    }

    #[test]
    fn filters_are_counted_or_at_least_noticed() {
        assert_eq!(seccomp_filters("Seccomp:\t2\nSeccomp_filters:\t3\n"), Some(3));
        assert_eq!(seccomp_filters("Seccomp:\t2\n"), Some(1));
        assert_eq!(seccomp_filters("Seccomp:\t0\n"), Some(0));
        assert_eq!(seccomp_filters("Name:\tx\n"), None);
    }

    #[test]
    fn realtime_is_a_capability_or_a_limit() {
        let limit =
            |soft| format!("Max realtime priority     {soft}                    0                    \n");
        let none = "CapEff:\t00000000007fffff\n";
        assert_eq!(may_use_realtime("CapEff:\t0000000000800000\n", &limit("0")), Some(true));
        assert_eq!(may_use_realtime(none, &limit("50")), Some(true));
        assert_eq!(may_use_realtime(none, &limit("unlimited")), Some(true));
        assert_eq!(may_use_realtime(none, &limit("0")), Some(false));
        assert_eq!(may_use_realtime(none, ""), None);
        assert_eq!(may_use_realtime("", ""), None);
    }

    #[test]
    fn a_list_of_ranges_is_a_set_of_numbers() {
        assert_eq!(numbers("0-2,5,7-8"), [0, 1, 2, 5, 7, 8]);
        assert!(numbers("none").is_empty());
    }

    #[test]
    fn an_empty_list_of_cpus_is_none() {
        assert_eq!(listed("(null)".into()), "none");
        assert_eq!(listed("2-3".into()), "2-3");
    }
}
