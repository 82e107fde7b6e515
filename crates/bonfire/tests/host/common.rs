//! Two threads that meet in many rounds, and scenarios that need a process of
//! their own.

use std::process::{Command, Output};
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::Duration;

use bonfire_skip::Cause;

use crate::race::{Cells, Race};

/// One side of a round: what it does, and whether it saw its half of the
/// forbidden outcome.
pub(crate) type Side<'a> = &'a (dyn Fn(&Cells) -> bool + Sync);

/// How many rounds were played, and in how many both sides saw their half.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) rounds: u32,
    pub(crate) forbidden: u32,
}

/// How long a race is at most.
#[derive(Clone, Copy)]
pub(crate) struct Length {
    pub(crate) rounds: u32,
    /// After this long no further round is begun: on a machine whose CPUs are busy
    /// with others, rounds take a time slice each.
    patience: Duration,
}

/// Of a pair of fences, which goes wrong in no round.
pub(crate) const fn rounds(rounds: u32) -> Length {
    Length { rounds, patience: Duration::from_secs(3) }
}

/// Of a twin, which must be seen to fail: a processor on which it has not in all these
/// rounds does not show it. Others may have the CPUs for most of a minute.
pub(crate) const TWIN: Length = Length { rounds: 100_000, patience: Duration::from_secs(60) };

/// Whether a twin was seen to fail in a race of [`TWIN`]; if not, says that the test is
/// skipped, and whether the processor is the cause or those who had it.
pub(crate) fn is_seen(twin: &str, counts: Counts) -> bool {
    let rounds = counts.rounds;
    match counts.forbidden {
        0 if rounds < TWIN.rounds => bonfire_skip::say(Cause::Busy(&format!(
            "to play more than {rounds} of {} rounds of {twin}",
            TWIN.rounds
        ))),
        0 => {
            bonfire_skip::say(Cause::Processor(&format!("did not show in {rounds} rounds what {twin} does")))
        }
        _ => return true,
    }
    false
}

/// Plays at most `most` rounds, or until `enough` of them were forbidden.
pub(crate) fn play(most: Length, enough: u32, fast: Side, slow: Side) -> Counts {
    play_and_then(most, enough, fast, slow, |counts| counts)
}

/// Does `then` while the fast side still waits for another round.
fn play_and_then<T>(most: Length, enough: u32, fast: Side, slow: Side, then: impl FnOnce(Counts) -> T) -> T {
    let race = Race::new(most.patience).expect("there is memory for a race");
    thread::scope(|scope| {
        scope.spawn(|| race.play_fast(|_, cells| fast(cells)));
        let mut counts = Counts::default();
        while counts.rounds < most.rounds && counts.forbidden < enough {
            let Some(forbidden) = race.play_slow(counts.rounds + 1, slow) else { break };
            counts.rounds += 1;
            counts.forbidden += u32::from(forbidden);
        }
        let result = then(counts);
        race.end();
        result
    })
}

/// Store buffering with these fences between store and load.
pub(crate) fn store_buffering(most: Length, enough: u32, light: Fence, heavy: Fence) -> Counts {
    store_buffering_and_then(most, enough, light, heavy, |counts| counts)
}

pub(crate) type Fence<'a> = &'a (dyn Fn() + Sync);

/// The same, and then `then` in the heavy thread, while the light one still runs.
pub(crate) fn store_buffering_and_then<T>(
    most: Length,
    enough: u32,
    light: Fence,
    heavy: Fence,
    then: impl FnOnce(Counts) -> T,
) -> T {
    let fast: Side = &|[x, y, _]| {
        x.0.store(1, Relaxed);
        light();
        y.0.load(Relaxed) == 0
    };
    let slow: Side = &|[x, y, _]| {
        y.0.store(1, Relaxed);
        heavy();
        x.0.load(Relaxed) == 0
    };
    play_and_then(most, enough, fast, slow, then)
}

/// Runs `scenario` of this test binary in a process of its own.
///
/// A scenario is a test that does nothing unless its name is in the
/// environment: what it does to its process (filters, registrations) is for
/// good.
pub(crate) fn in_own_process(scenario: &str) -> Output {
    own_process(scenario).output().expect("this binary can be run again")
}

/// The process of `scenario`, not yet started.
pub(crate) fn own_process(scenario: &str) -> Command {
    let this = std::env::current_exe().expect("a test knows its own path");
    // The harness leaves the name of the crate out.
    let (_, test) = scenario.split_once("::").expect("a scenario is in a module");
    let mut process = Command::new(this);
    process.args(["--exact", test, "--nocapture", "--test-threads=1"]).env("BONFIRE_SCENARIO", scenario);
    process
}

/// Whether this process was started for `scenario`.
pub(crate) fn is_scenario(scenario: &str) -> bool {
    std::env::var("BONFIRE_SCENARIO").is_ok_and(|name| name == scenario)
}

/// A test of the first name that runs the second, which does nothing unless it
/// is run so, in a process of its own.
macro_rules! scenario {
    ($test:ident, $scenario:ident, $end:expr, $body:expr) => {
        #[test]
        fn $test() {
            let end: fn(&std::process::Output) = $end;
            end(&$crate::common::in_own_process(concat!(module_path!(), "::", stringify!($scenario))));
        }

        #[test]
        fn $scenario() {
            if $crate::common::is_scenario(concat!(module_path!(), "::", stringify!($scenario))) {
                let body: fn() = $body;
                body();
            }
        }
    };
}

pub(crate) use scenario;

/// What a scenario's process must not be without: an end that is as expected.
#[track_caller]
pub(crate) fn assert_success(output: &Output) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{}\n{said}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout)
    );
}
