//! One or two readers, and an updater that is idle, updates a thousand times a second, or as
//! often as it can: what a section costs, how long an update takes, how many there are, how
//! much is not freed meanwhile and how long that takes in the end, and how often CPUs are
//! interrupted.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use crate::figure::{About, Report, tell};
use crate::peers::{Peer, Value};
use crate::sys;

const ROUNDS: usize = 5;
const LONG: Duration = Duration::from_millis(60);
const BATCH: u64 = 2000;
/// Longer than this nobody waits for what was retired.
const PATIENCE: Duration = Duration::from_millis(500);

/// How often somebody updates.
#[derive(Clone, Copy, PartialEq)]
enum Updates {
    None,
    OneKilohertz,
    Saturated,
}

const UPDATES: [(Updates, &str); 3] =
    [(Updates::None, "none"), (Updates::OneKilohertz, "1 kHz"), (Updates::Saturated, "saturated")];

/// What one round with one peer came to.
#[derive(Default)]
struct Round {
    section_ns: Vec<f64>,
    update_us: Vec<f64>,
    updates_per_s: Vec<f64>,
    unreclaimed_kb: Vec<f64>,
    reclaimed_us: Vec<f64>,
    interrupts_per_s: Vec<f64>,
}

/// Measures every peer in every situation, in turn.
pub(crate) fn measure(report: &mut Report, peers: &[Box<dyn Peer>]) {
    let peers: Vec<&dyn Peer> = peers.iter().map(AsRef::as_ref).filter(|peer| peer.updates()).collect();
    for readers in [1, 2] {
        for (updates, name) in UPDATES {
            tell(&format!("{readers} readers, updates: {name}"));
            let mut rounds: Vec<Round> = peers.iter().map(|_| Round::default()).collect();
            for _ in 0..ROUNDS {
                for (peer, round) in peers.iter().zip(&mut rounds) {
                    play(*peer, readers, updates, round);
                }
            }
            for (peer, round) in peers.iter().zip(rounds) {
                tell_of(report, peer.name(), readers, (updates, name), round);
            }
        }
    }
}

fn tell_of(
    report: &mut Report,
    name: &str,
    readers: usize,
    (updates, often): (Updates, &'static str),
    round: Round,
) {
    let mut add =
        |group, unit, samples| report.add(About { group, readers, updates: often, unit }, name, samples);
    add("read section beside others", "ns", round.section_ns);
    if updates != Updates::None {
        add("an update", "µs", round.update_us);
        add("interrupts", "a second", round.interrupts_per_s);
    }
    if updates == Updates::Saturated {
        add("updates", "a second", round.updates_per_s);
        add("not reclaimed, at most", "kB", round.unreclaimed_kb);
        add("until all is reclaimed", "µs", round.reclaimed_us);
    }
}

fn play(peer: &dyn Peer, readers: usize, updates: Updates, round: &mut Round) {
    let over = AtomicBool::new(false);
    let before = Value::alive();
    thread::scope(|scope| {
        let reading: Vec<_> = (0..readers).map(|_| scope.spawn(|| read(peer, &over))).collect();
        update(peer, updates, round);
        over.store(true, Relaxed);
        round.section_ns.extend(reading.into_iter().filter_map(|reader| reader.join().ok().flatten()));
    });
    if updates == Updates::Saturated {
        let start = Instant::now();
        while Value::alive() > before && start.elapsed() < PATIENCE {
            peer.reclaim();
        }
        if Value::alive() <= before {
            round.reclaimed_us.push(start.elapsed().as_nanos() as f64 / 1000.0);
        }
    }
}

/// What a section takes of this thread's time on a CPU.
fn read(peer: &dyn Peer, over: &AtomicBool) -> Option<f64> {
    let (mut count, start) = (0, sys::thread_time_ns());
    while !over.load(Relaxed) {
        peer.sections(BATCH);
        count += BATCH;
    }
    (count > 0).then(|| (sys::thread_time_ns() - start) as f64 / count as f64)
}

fn update(peer: &dyn Peer, updates: Updates, round: &mut Round) {
    let (start, interrupts) = (Instant::now(), interrupts());
    let (mut count, mut most) = (0_u64, 0);
    while start.elapsed() < LONG {
        if updates == Updates::None {
            thread::sleep(LONG);
            continue;
        }
        let began = Instant::now();
        peer.update();
        round.update_us.push(began.elapsed().as_nanos() as f64 / 1000.0);
        count += 1;
        most = most.max(Value::alive());
        if updates == Updates::OneKilohertz {
            thread::sleep(Duration::from_millis(1));
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    if updates == Updates::Saturated {
        round.updates_per_s.push(count as f64 / seconds);
        round.unreclaimed_kb.push((most * size_of::<Value>() as i64) as f64 / 1000.0);
    }
    round
        .interrupts_per_s
        .extend(interrupts.zip(self::interrupts()).map(|(one, other)| (other - one) / seconds));
}

/// How often one CPU has called a function on another so far, in the whole system.
fn interrupts() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/interrupts").ok()?;
    let line = text.lines().find_map(|line| line.trim_start().strip_prefix("CAL:"))?;
    Some(line.split_whitespace().map_while(|count| count.parse::<f64>().ok()).sum())
}
