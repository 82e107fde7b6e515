//! `cargo xtask code-guests`: code that is replaced while it runs, on every architecture.
//!
//! The example `expressions` of `bonfire-code` is the only program under Debian's kernels
//! in QEMU: it publishes, announces and patches functions while threads call them, and
//! counts calls that executed what was there before. The table of `docs/code-guests.md`
//! has a row for each guest and way; the verb fails on a stale or mixed execution, and
//! where a guest says nothing of a way.

use anyhow::Result;

use crate::guest::machine::{Guest, Threads};
use crate::guests::host::Host;
use crate::guests::selection::{Ground, Selection};
use crate::guests::table::Table;
use crate::target::{EXPRESSIONS, Target};

/// Which guests.
#[derive(clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    selection: Selection,
    /// How long functions are replaced in each way, in seconds
    #[arg(long, value_name = "NUMBER", default_value_t = 5)]
    seconds: u64,
}

/// How a guest is set up.
struct Setup {
    cpus: u32,
    threads: Threads,
    /// For its kernel.
    words: &'static str,
    /// Threads that call, beside the one that replaces.
    callers: u32,
}

/// What tells most first. With one caller and two CPUs the caller has one for itself, on
/// which the kernel stops the clock where it can.
const SETUPS: [Setup; 4] = [
    Setup { cpus: 2, threads: Threads::Multi, words: "", callers: 2 },
    Setup { cpus: 2, threads: Threads::Single, words: "", callers: 2 },
    Setup { cpus: 2, threads: Threads::Multi, words: "nohz_full=1", callers: 1 },
    Setup { cpus: 4, threads: Threads::Multi, words: "", callers: 3 },
];

const TABLE: Table = Table {
    page: "docs/code-guests.md",
    verb: "code-guests",
    columns: &[
        "architecture",
        "kernel",
        "emulator",
        "CPUs",
        "threads",
        "words",
        "callers",
        "way",
        "versions",
        "calls",
        "stale",
        "mixed",
        "seconds",
        "load",
        "date",
        "remark",
    ],
    names: 8,
};

/// What the example calls its ways.
const WAYS: [&str; 3] = ["published, no checks", "announced, threads check", "patched in place"];

pub(crate) fn run(options: &Options) -> Result<()> {
    options.selection.each(&EXPRESSIONS, &SETUPS, |ground, setup| options.guest(ground, setup))
}

impl Options {
    /// Boots one guest; returns what was wrong.
    fn guest(&self, ground: &Ground, setup: &Setup) -> Result<Vec<String>> {
        let said = self.said(ground, setup);
        let outcomes = WAYS.map(|way| Outcome::read(way, said.as_deref().unwrap_or_default()));
        let host = Host::read(ground.target)?;
        let name = ground.name(setup, &host);
        let row = |(way, outcome): (&&str, &Outcome)| {
            let cells = outcome.cells(self.seconds, &host)?;
            Some(name.iter().cloned().chain([(*way).to_owned()]).chain(cells).collect())
        };
        let rows: Vec<Vec<String>> = WAYS.iter().zip(&outcomes).filter_map(row).collect();
        TABLE.keep(&rows, &host)?;
        let name = name.join(" ");
        let fault = |(way, outcome): (&&str, &Outcome)| Some(format!("{name} {way}: {}", outcome.fault()?));
        let mut wrong: Vec<String> = WAYS.iter().zip(&outcomes).filter_map(fault).collect();
        wrong.extend(is_untried(&outcomes).then(|| format!("{name}: no way was tried")));
        if !wrong.is_empty() {
            println!("{}", said.unwrap_or_else(|error| format!("{error:#}")));
        }
        Ok(wrong)
    }

    fn said(&self, ground: &Ground, setup: &Setup) -> Result<String> {
        let leave_out = keeps_translations(ground.target, setup.threads).then_some("--leave-out patching");
        let words = format!("--seconds {} --threads {}", self.seconds, setup.callers);
        let guest = Guest {
            kernel: &ground.kernel,
            memory: &ground.memory,
            cpus: setup.cpus,
            threads: setup.threads,
            append: setup.words,
            emulator: &[],
            takes: self.seconds * WAYS.len() as u64,
            arguments: &[words, leave_out.unwrap_or_default().to_owned()],
        };
        guest.said(ground.target)
    }
}

impl Ground {
    fn name(&self, setup: &Setup, host: &Host) -> Vec<String> {
        let Setup { cpus, threads, words, callers } = setup;
        let [architecture, words] = [self.target.architecture, words].map(str::to_owned);
        let [cpus, threads, callers] = [cpus.to_string(), threads.to_string(), callers.to_string()];
        [architecture, self.release(), host.emulator.clone(), cpus, threads, words, callers].into()
    }
}

/// Whether a guest refused or left out everything, which shows nothing.
fn is_untried(outcomes: &[Outcome]) -> bool {
    outcomes.iter().all(|outcome| matches!(outcome, Outcome::NotTried(_)))
}

/// Whether this emulator executes code that is patched while it runs from translations of what
/// was there before: `docs/code-guests.md`.
fn keeps_translations(target: &Target, threads: Threads) -> bool {
    target.architecture == "aarch64" && threads == Threads::Multi
}

/// What came of one way.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Counted(Counts),
    /// Refused or left out, and why.
    NotTried(String),
    /// The guest did not say.
    Lost,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    versions: u64,
    calls: u64,
    stale: u64,
    mixed: u64,
}

impl Outcome {
    /// What the example said of this way.
    fn read(way: &str, said: &str) -> Self {
        let told = said.lines().find_map(|line| line.trim().strip_prefix(way)?.strip_prefix(": "));
        match told {
            None => Self::Lost,
            Some("left out") => {
                Self::NotTried("left out: this emulator executes old translations".to_owned())
            }
            Some(told) if told.starts_with("refused: ") => Self::NotTried(told.to_owned()),
            Some(told) => Counts::read(told).map_or(Self::Lost, Self::Counted),
        }
    }

    fn fault(&self) -> Option<String> {
        match self {
            Self::Counted(Counts { versions, stale: 0, mixed: 0, calls }) if *versions > 0 && *calls > 0 => {
                None
            }
            Self::Counted(Counts { versions, calls, stale, mixed }) => {
                Some(format!("{versions} versions, {calls} calls, {stale} stale, {mixed} mixed"))
            }
            Self::NotTried(_) => None,
            Self::Lost => Some("the guest said nothing of it".to_owned()),
        }
    }

    /// The cells behind a row's name; a way of which nothing was said has no row.
    fn cells(&self, seconds: u64, host: &Host) -> Option<Vec<String>> {
        let (counts, seconds, remark) = match self {
            Self::Counted(counts) => (counts.cells(), seconds.to_string(), String::new()),
            Self::NotTried(why) => (["", "", "", ""].map(str::to_owned), String::new(), why.clone()),
            Self::Lost => return None,
        };
        let rest = [seconds, host.load.clone(), host.date.clone(), remark];
        Some(counts.into_iter().chain(rest).collect())
    }
}

impl Counts {
    /// `1 versions, 2 calls, 3 stale, 4 mixed`
    fn read(text: &str) -> Option<Self> {
        let mut counts = Self::default();
        for part in text.split(", ") {
            let (number, what) = part.split_once(' ')?;
            let place = match what {
                "versions" => &mut counts.versions,
                "calls" => &mut counts.calls,
                "stale" => &mut counts.stale,
                "mixed" => &mut counts.mixed,
                _ => return None,
            };
            *place = number.parse().ok()?;
        }
        Some(counts)
    }

    fn cells(&self) -> [String; 4] {
        [self.versions, self.calls, self.stale, self.mixed].map(|count| count.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = "published, no checks: 7 versions, 99 calls, 1 stale, 0 mixed\r\n\
                        announced, threads check: 8 versions, 70 calls, 0 stale, 0 mixed\r\n\
                        patched in place: refused: why\r\n";

    #[test]
    fn a_stale_call_and_a_lost_guest_are_faults_and_a_refusal_is_none() {
        let faults = |said: &str| WAYS.map(|way| Outcome::read(way, said).fault());
        let stale = "7 versions, 99 calls, 1 stale, 0 mixed".to_owned();
        assert_eq!(faults(SAID), [Some(stale), None, None]);
        assert!(faults("").iter().all(Option::is_some));
        assert!(faults("patched in place: 9 versions, 0 calls, 0 stale, 0 mixed")[2].is_some());
        assert!(faults("patched in place: 9 things")[2].is_some());
        let [counted, refused] = [SAID, "patched in place: refused: why"];
        assert!(!is_untried(&WAYS.map(|way| Outcome::read(way, counted))));
        assert!(is_untried(&[Outcome::read(WAYS[2], refused)]));
    }

    #[test]
    fn a_row_has_a_cell_for_each_column() {
        let [said, x] = [SAID, "x"].map(str::to_owned);
        let host = Host { processor: x.clone(), emulator: x, load: "1.5".into(), date: "today".into() };
        let cells = |said: &str| WAYS.map(|way| Outcome::read(way, said).cells(5, &host));
        for cells in cells(&said).iter().flatten() {
            assert_eq!(TABLE.names + cells.len(), TABLE.columns.len(), "{cells:?}");
        }
        let [published, _, patched] = cells(&said).map(|cells| cells.unwrap().join("|"));
        assert_eq!(published, "7|99|1|0|5|1.5|today|");
        assert_eq!(patched, "|||||1.5|today|refused: why");
        assert_eq!(cells(""), [None, None, None]);
    }

    #[test]
    fn the_page_has_its_marks() {
        crate::guests::table::tests::has_its_marks(&TABLE);
    }
}
