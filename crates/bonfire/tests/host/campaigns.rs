//! Campaigns: many processes, each with chances of its own, that must all end
//! the same way.
//!
//! A test runs a few. As many as one likes, with other chances, and their figures:
//!
//! ```sh
//! BONFIRE_PROCESSES=1000 BONFIRE_SEED=7 \
//!     cargo test -p bonfire --release --test host campaigns -- --nocapture --test-threads=1
//! ```

use std::collections::BTreeMap;
use std::fmt::Display;
use std::hint::spin_loop;
use std::process::Output;
use std::sync::atomic::{
    AtomicBool,
    Ordering::{Relaxed, SeqCst},
    fence,
};
use std::thread;
use std::time::Instant;

use bonfire::{Call, Command, Memory, Verdict, raw, verify};

use crate::common::{
    Counts, TWIN, is_scenario, is_seen, own_process, rounds, store_buffering, store_buffering_and_then,
};
use crate::filters::{ENOSYS, EPERM, assert_died_with_a_message};
use crate::race::Random;
use crate::sys::filter::{Then, install};

/// The filter comes after a random round, while the reader runs: the process
/// ends at its first call that fails, and no round before it went wrong.
#[test]
fn a_filter_at_any_round_ends_the_process_there() {
    let mut totals = Counts::default();
    let mut twins = Counts::default();
    let mut random = Random(setting("BONFIRE_SEED", 1));
    for _ in 0..processes(5) {
        let output = run("late", &[("BONFIRE_ROUND", 1 + random.below(1_000))]);
        assert_died_with_a_message(&output);
        assert!(words::<2>(&output, "survived").is_none(), "went on after a call had failed");
        totals.add(&output, "before the filter");
        twins.add(&output, "without the heavy fence");
    }
    assert_eq!(totals.forbidden, 0, "a round before the filter went wrong");
    println!("late filter: all ended at the first failing call; {totals}; without the heavy fence {twins}");
}

#[test]
fn late() {
    if !is_scenario("host::campaigns::late") {
        return;
    }
    let memory = Memory::register().expect("no filter yet");
    let twin = store_buffering(rounds(200), u32::MAX, &bonfire::light, &|| fence(SeqCst));
    println!("without the heavy fence: {} {}", twin.rounds, twin.forbidden);
    let round = setting("BONFIRE_ROUND", 100);
    store_buffering_and_then(rounds(round), u32::MAX, &bonfire::light, &|| memory.heavy(), |counts| {
        println!("before the filter: {} {}", counts.rounds, counts.forbidden);
        install(&[], Then::Return(if round % 2 == 0 { EPERM } else { ENOSYS }));
        memory.heavy();
        println!("survived: the filter");
    });
}

/// What would come of it if the crate made a fence of a call that fails, and
/// went on, as others do.
#[test]
fn going_on_after_a_late_filter_would_go_wrong() {
    let mut counts = Counts::default();
    counts.add(&run("downgrade", &[]), "after the filter");
    if is_seen("a silent downgrade", counts) {
        println!("a silent downgrade went wrong after {} rounds", counts.rounds);
    }
}

#[test]
fn downgrade() {
    if !is_scenario("host::campaigns::downgrade") {
        return;
    }
    let _memory = Memory::register().expect("no filter yet");
    install(&[Command::PrivateExpedited], Then::Return(EPERM));
    let heavy = || {
        if raw::membarrier(Call::new(Command::PrivateExpedited)).is_err() {
            fence(SeqCst);
        }
    };
    let counts = store_buffering(TWIN, 1, &bonfire::light, &heavy);
    println!("after the filter: {} {}", counts.rounds, counts.forbidden);
}

#[test]
fn a_liar_is_found_out_again_and_again() {
    let verdicts = verdicts("verify_liar", 10);
    println!("lying kernel, {verdicts}");
    assert_eq!(verdicts.count("orders"), 0, "{verdicts}");
}

#[test]
fn verify_liar() {
    if is_scenario("host::campaigns::verify_liar") {
        install(&[Command::PrivateExpedited], Then::Return(0));
        tell_verdict();
    }
}

#[test]
fn the_real_kernel_is_never_accused() {
    let verdicts = verdicts("verify_kernel", 10);
    println!("real kernel, {verdicts}");
    assert_eq!(verdicts.count("lies"), 0, "{verdicts}");
}

/// The same on CPUs that all have other things to do.
#[test]
fn the_real_kernel_is_never_accused_under_load() {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let cpus = thread::available_parallelism().map_or(1, usize::from);
        (0..cpus).for_each(|_| {
            _ = scope.spawn(|| {
                while !over.load(Relaxed) {
                    spin_loop();
                }
            })
        });
        let verdicts = verdicts("verify_kernel", 3);
        // Relaxed: it ends the load and publishes nothing.
        over.store(true, Relaxed);
        println!("real kernel under load, {verdicts}");
        assert_eq!(verdicts.count("lies"), 0, "{verdicts}");
    });
}

#[test]
fn verify_kernel() {
    if is_scenario("host::campaigns::verify_kernel") {
        tell_verdict();
    }
}

fn tell_verdict() {
    let Ok(memory) = Memory::register() else { return println!("verdict: none 0") };
    let start = Instant::now();
    let name = match verify(memory) {
        Verdict::Orders(_) => "orders",
        Verdict::Lies(_) => "lies",
        Verdict::CannotTell(_) => "cannot-tell",
        _ => "not-tried",
    };
    println!("verdict: {name} {}", start.elapsed().as_micros());
}

/// How often each verdict came, and after how many microseconds.
struct Verdicts(BTreeMap<String, Vec<u32>>);

fn verdicts(scenario: &str, few: u32) -> Verdicts {
    let mut verdicts = BTreeMap::<String, Vec<u32>>::new();
    for _ in 0..processes(few) {
        let output = run(scenario, &[]);
        crate::common::assert_success(&output);
        let [name, time] = words(&output, "verdict").expect("every process tells its verdict");
        verdicts.entry(name).or_default().push(time.parse().expect("a number of microseconds"));
    }
    Verdicts(verdicts)
}

impl Verdicts {
    fn count(&self, name: &str) -> usize {
        self.0.get(name).map_or(0, Vec::len)
    }
}

impl Display for Verdicts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (name, times) in &self.0 {
            let mut times = times.clone();
            times.sort_unstable();
            let at = |percent: usize| f64::from(times[(times.len() - 1) * percent / 100]) / 1_000.0;
            let (count, median, most) = (times.len(), at(50), at(100));
            write!(f, "{name}: {count} (median {median:.1} ms, 99 % {:.1} ms, most {most:.1} ms) ", at(99))?;
        }
        Ok(())
    }
}

impl Counts {
    fn add(&mut self, output: &Output, what: &str) {
        let [rounds, forbidden] = words(output, what).expect("every process tells its rounds");
        self.rounds += rounds.parse::<u32>().expect("a number");
        self.forbidden += forbidden.parse::<u32>().expect("a number");
    }
}

impl Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} forbidden outcomes in {} rounds", self.forbidden, self.rounds)
    }
}

fn processes(few: u32) -> u32 {
    setting("BONFIRE_PROCESSES", few)
}

/// What the environment says, or the default.
fn setting(name: &str, default: u32) -> u32 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

fn run(scenario: &str, settings: &[(&str, u32)]) -> Output {
    let mut process = own_process(&format!("host::campaigns::{scenario}"));
    process.envs(settings.iter().map(|(name, value)| (name, value.to_string())));
    process.output().expect("this binary can be run again")
}

/// The words that a process printed after `what:`.
fn words<const COUNT: usize>(output: &Output, what: &str) -> Option<[String; COUNT]> {
    let text = String::from_utf8_lossy(&output.stdout);
    let (_, rest) = text.split_once(&format!("{what}: "))?;
    let words = rest.lines().next()?.split(' ').map(str::to_owned);
    words.collect::<Vec<_>>().try_into().ok()
}
