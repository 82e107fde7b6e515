//! What two CPUs do to each other: a line that goes to and fro, an interrupt.

use std::fs;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::Instant;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::bench::crowd::Crowd;
use crate::bench::stall::{self, Storm};
use crate::environment::numbers;
use crate::sys::Guarded;

/// The CPUs that this process may use, and how they lie to each other.
pub(super) struct Places {
    pub(super) cpus: Vec<usize>,
    /// How many share the last cache, and how many a socket.
    pub(super) cluster: usize,
    pub(super) socket: usize,
    /// A pair of CPUs for each distance, where there is one: of one cluster, of one
    /// socket, of two.
    pub(super) pairs: [Option<(usize, usize)>; 3],
    /// The size of the second-level cache.
    pub(super) second_level_bytes: Option<usize>,
}

impl Places {
    /// As the system tells it; where it tells nothing, all share one cache.
    pub(super) fn read() -> Self {
        let allowed = sched_getaffinity(None).ok();
        let cpus: Vec<usize> =
            (0..CpuSet::MAX_CPU).filter(|&cpu| allowed.is_none_or(|set| set.is_set(cpu))).collect();
        let first = cpus.first().copied().unwrap_or(0);
        let of_first = |path: &str| text(first, path).map(|list| numbers(&list));
        let near = of_first("cache/index3/shared_cpu_list").unwrap_or_else(|| cpus.clone());
        let socket = of_first("topology/package_cpus_list").unwrap_or_else(|| cpus.clone());
        let other = |is_so: &dyn Fn(usize) -> bool| {
            let mut others = cpus.iter().copied().filter(|&cpu| cpu != first);
            others.find(|&cpu| is_so(cpu)).map(|cpu| (first, cpu))
        };
        let pairs = [
            other(&|cpu| near.contains(&cpu)),
            other(&|cpu| socket.contains(&cpu) && !near.contains(&cpu)),
            other(&|cpu| !socket.contains(&cpu)),
        ];
        let count = |list: &[usize]| list.iter().filter(|cpu| cpus.contains(cpu)).count().max(1);
        let (cluster, socket) = (count(&near), count(&socket));
        // A socket is a whole number of clusters, or there are none.
        let cluster = if socket.is_multiple_of(cluster) { cluster } else { socket };
        let second_level_bytes = text(first, "cache/index2/size").and_then(|size| bytes(&size));
        Self { cpus, cluster, socket, pairs, second_level_bytes }
    }
}

fn text(cpu: usize, path: &str) -> Option<String> {
    let text = fs::read_to_string(format!("/sys/devices/system/cpu/cpu{cpu}/{path}")).ok()?;
    Some(text.trim().to_owned())
}

/// `2048K` in bytes.
fn bytes(size: &str) -> Option<usize> {
    let scale = match size.chars().last()? {
        'K' => 1 << 10,
        'M' => 1 << 20,
        _ => return size.parse().ok(),
    };
    Some(size[..size.len() - 1].parse::<usize>().ok()? * scale)
}

/// Keeps this thread on a CPU: that of this number among those it may use.
pub(super) fn pin(place: usize) {
    let Ok(allowed) = sched_getaffinity(None) else { return };
    let cpu = (0..CpuSet::MAX_CPU).filter(|&cpu| allowed.is_set(cpu)).nth(place);
    cpu.into_iter().for_each(pin_to);
}

fn pin_to(cpu: usize) {
    let mut one = CpuSet::new();
    one.set(cpu);
    // A thread that stays movable is measured all the same, with more noise.
    let _ = sched_setaffinity(None, &one);
}

/// Half the time of a round trip of one line between two CPUs, both of which change
/// it by compare-exchange.
pub(super) fn transfer((one, other): (usize, usize)) -> Option<f64> {
    const TRIPS: u64 = 100;
    #[repr(align(128))]
    struct Line(AtomicU64);
    let (line, over) = (Line(AtomicU64::new(0)), AtomicBool::new(false));
    // Relaxed, all of them: the word itself is all that is passed on.
    let step = |from: u64| line.0.compare_exchange_weak(from, from + 1, Relaxed, Relaxed).is_ok();
    thread::scope(|scope| {
        scope.spawn(|| {
            pin_to(other);
            while !over.load(Relaxed) {
                let seen = line.0.load(Relaxed);
                if seen % 2 == 1 {
                    step(seen);
                }
            }
        });
        let mine = scope.spawn(|| {
            pin_to(one);
            let window = || {
                let start = Instant::now();
                for _ in 0..TRIPS {
                    let mut at = line.0.load(Relaxed);
                    while at % 2 == 1 || !step(at) {
                        at = line.0.load(Relaxed);
                    }
                }
                start.elapsed().as_nanos() as f64 / (2 * TRIPS) as f64
            };
            let windows = (0..400).map(|_| window()).collect();
            over.store(true, Relaxed);
            lower_quartile(windows)
        });
        mine.join().ok()
    })
}

/// What an interrupt takes: there and back for the sender, and from the CPU that
/// takes it.
#[derive(Clone, Copy)]
pub(super) struct Interrupt {
    pub(super) round_trip: f64,
    pub(super) stall: f64,
}

/// By taking the right to write from a page that the process has just written:
/// every CPU that runs the process is interrupted, and the others are not.
pub(super) fn interrupt() -> Option<Interrupt> {
    let page = Guarded::map().ok()?;
    let once = || {
        page.open();
        let start = Instant::now();
        page.close();
        start.elapsed().as_nanos() as f64
    };
    let median = |crowd: &Crowd| {
        let mut times: Vec<f64> = (0..2_001).filter_map(|_| crowd.observed(once)).collect();
        times.sort_by(f64::total_cmp);
        times.get(times.len() / 2).copied()
    };
    let asleep = median(&Crowd::start(1, false).ok()?)?;
    let running = median(&Crowd::start(0, true).ok()?)?;
    let storm = || _ = once();
    let storms: Vec<Storm> = vec![("", Box::new(storm))];
    let stalls = stall::losses(41, &storms).pop()?;
    Some(Interrupt { round_trip: running - asleep, stall: median_of(stalls)? })
}

/// The middle one.
pub(super) fn median_of(mut samples: Vec<f64>) -> Option<f64> {
    samples.sort_by(f64::total_cmp);
    samples.get(samples.len() / 2).copied()
}

/// Where a quarter is less: what is slower was disturbed by others.
pub(super) fn lower_quartile(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples.get(samples.len() / 4).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_of_caches_are_read_as_the_system_writes_them() {
        assert_eq!(
            ["48K", "2048K", "32M", "512"].map(bytes).map(Option::unwrap),
            [49152, 2 << 20, 32 << 20, 512]
        );
        assert_eq!(bytes("K"), None);
    }

    #[test]
    fn this_machine_has_places() {
        let Places { cpus, cluster, socket, pairs, .. } = Places::read();
        assert!(!cpus.is_empty() && cluster <= socket && socket <= cpus.len());
        assert!(cpus.len() == 1 || pairs.iter().any(Option::is_some));
    }
}
