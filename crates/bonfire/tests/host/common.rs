//! Two threads that meet in many rounds, and scenarios that need a process of
//! their own.

use std::process::{Command, Output};
use std::sync::atomic::{
    AtomicU32, AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};
use std::thread;
use std::time::{Duration, Instant};

use crate::sys;

/// A word alone on its cache line.
#[derive(Default)]
#[repr(align(128))]
pub(crate) struct Cell(pub(crate) AtomicU32);

/// The cells of one round, zero when it begins.
pub(crate) type Cells = [Cell; 3];

/// One side of a round: what it does, and whether it saw its half of the
/// forbidden outcome.
pub(crate) type Side<'a> = &'a (dyn Fn(&Cells) -> bool + Sync);

/// How many rounds were played, and in how many both sides saw their half.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) rounds: u32,
    pub(crate) forbidden: u32,
}

/// Plays at most `most` rounds, or until `enough` of them were forbidden.
///
/// The fast side's stores are made to wait behind stores that miss every cache,
/// and the slow side starts at a random moment: without that no outcome but
/// the ordinary ones would be seen in a lifetime.
pub(crate) fn play(most: u32, enough: u32, fast: Side, slow: Side) -> Counts {
    let table = Table::default();
    thread::scope(|scope| {
        scope.spawn(|| table.play_fast(fast));
        let counts = table.play_slow(most, enough, slow);
        table.round.0.store(u32::MAX, Release);
        counts
    })
}

/// After this long no further round is begun: on a machine whose CPUs are busy
/// with others, rounds take a time slice each. What a test then has not seen it
/// cannot tell.
const PATIENCE: Duration = Duration::from_secs(3);

struct Table {
    round: Cell,
    answer: AtomicU64,
    cells: Vec<Cells>,
    cold: Vec<Cell>,
}

impl Default for Table {
    fn default() -> Self {
        Self {
            round: Cell::default(),
            answer: AtomicU64::new(0),
            cells: (0..1024).map(|_| Cells::default()).collect(),
            cold: (0..4096).map(|_| Cell::default()).collect(),
        }
    }
}

impl Table {
    fn cells(&self, round: u32) -> &Cells {
        &self.cells[round as usize % self.cells.len()]
    }

    fn play_fast(&self, side: Side) {
        let mut random = Random(1);
        let mut played = 0;
        loop {
            let queue: [usize; 32] = std::array::from_fn(|_| random.below(self.cold.len()));
            queue.iter().for_each(|&line| sys::evict(&self.cold[line].0));
            let round = wait(|| Some(self.round.0.load(Acquire)).filter(|&round| round != played));
            if round == u32::MAX {
                return;
            }
            queue.iter().for_each(|&line| self.cold[line].0.store(round, Relaxed));
            let saw = side(self.cells(round));
            self.answer.store(u64::from(round) << 1 | u64::from(saw), Release);
            played = round;
        }
    }

    fn play_slow(&self, most: u32, enough: u32, side: Side) -> Counts {
        let mut random = Random(2);
        let mut counts = Counts::default();
        let start = Instant::now();
        while counts.rounds < most && counts.forbidden < enough && start.elapsed() < PATIENCE {
            counts.rounds += 1;
            self.cells(counts.rounds).iter().for_each(|cell| cell.0.store(0, Relaxed));
            self.round.0.store(counts.rounds, Release);
            (0..random.below(512)).for_each(|_| std::hint::spin_loop());
            let saw = side(self.cells(counts.rounds));
            let theirs = wait(|| {
                let answer = self.answer.load(Acquire);
                (answer >> 1 == u64::from(counts.rounds)).then_some(answer & 1 == 1)
            });
            counts.forbidden += u32::from(saw && theirs);
        }
        counts
    }
}

fn wait<T>(mut ready: impl FnMut() -> Option<T>) -> T {
    let mut looks = 0_u32;
    loop {
        if let Some(value) = ready() {
            return value;
        }
        looks = looks.wrapping_add(1);
        if looks % 1024 == 0 { thread::yield_now() } else { std::hint::spin_loop() }
    }
}

/// Marsaglia's xorshift.
struct Random(u32);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0 as usize % bound
    }
}

/// Store buffering with these fences between store and load.
pub(crate) fn store_buffering(
    most: u32,
    enough: u32,
    light: &(dyn Fn() + Sync),
    heavy: &(dyn Fn() + Sync),
) -> Counts {
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
    play(most, enough, fast, slow)
}

/// Rounds in which a twin must have shown what it lacks, or nothing can be told.
pub(crate) const BUDGET: u32 = 100_000;

/// Runs `scenario` of this test binary in a process of its own.
///
/// A scenario is a test that does nothing unless its name is in the
/// environment: what it does to its process (filters, registrations) is for
/// good.
pub(crate) fn in_own_process(scenario: &str) -> Output {
    let this = std::env::current_exe().expect("a test knows its own path");
    // The harness leaves the name of the crate out.
    let (_, test) = scenario.split_once("::").expect("a scenario is in a module");
    Command::new(this)
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env("BONFIRE_SCENARIO", scenario)
        .output()
        .expect("this binary can be run again")
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
