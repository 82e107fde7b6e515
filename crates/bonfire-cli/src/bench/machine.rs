//! Which processor a bench ran on, and what else wanted it.

use std::fs;

/// Name, and family and model where it has them: what a figure belongs to.
pub(crate) fn processor() -> Option<String> {
    named(&fs::read_to_string("/proc/cpuinfo").ok()?)
}

/// Some processors say what they are called, others only who made them and which
/// number they have.
fn named(cpuinfo: &str) -> Option<String> {
    let of = |key: &str| {
        let mut lines = cpuinfo.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(name, _)| name.trim().eq_ignore_ascii_case(key)).map(|(_, value)| value.trim())
    };
    let name = ["model name", "cpu", "uarch", "processor 0"].into_iter().find_map(of);
    let parts = [
        ("family", "cpu family"),
        ("model", "model"),
        ("implementer", "CPU implementer"),
        ("part", "CPU part"),
    ];
    let parts = parts.into_iter().filter_map(|(what, key)| Some(format!("{what} {}", of(key)?)));
    let parts = parts.collect::<Vec<_>>().join(", ");
    match (name, parts.as_str()) {
        (Some(name), "") => Some(name.to_owned()),
        (Some(name), parts) => Some(format!("{name} ({parts})")),
        (None, "") => None,
        (None, parts) => Some(parts.to_owned()),
    }
}

/// How many tasks wanted a CPU in the last minute, on average.
pub(crate) fn load() -> Option<f64> {
    fs::read_to_string("/proc/loadavg").ok()?.split_whitespace().next()?.parse().ok()
}

/// How many CPUs this process may run on. A quota of time, as a container may
/// have, is no number of CPUs: two threads still run at once.
pub(crate) fn cpus() -> usize {
    rustix::thread::sched_getaffinity(None).map_or(1, |cpus| cpus.count() as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_processor_is_named_by_what_it_says() {
        let intel = "processor\t: 0\ncpu family\t: 6\nmodel\t\t: 143\nmodel name\t: Xeon\n";
        assert_eq!(named(intel).as_deref(), Some("Xeon (family 6, model 143)"));
        let arm = "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd40\n";
        assert_eq!(named(arm).as_deref(), Some("implementer 0x41, part 0xd40"));
        assert_eq!(named("processor\t: 0\ncpu\t\t: POWER9\n").as_deref(), Some("POWER9"));
        assert_eq!(named(""), None);
    }

    #[test]
    fn this_machine_has_a_processor_and_a_load() {
        assert!(cpus() > 0 && load().is_some_and(|load| load >= 0.0));
    }
}
