//! What programs do: workloads as data. A file describes groups of processes;
//! [`Workload::parse`] reads one, [`WORKLOADS`] are those that come with the
//! crate.

use serde::Deserialize;
use toml::Spanned;

use crate::hardware::{BadFile, NS, Ps};

/// The workloads that come with the crate: the name and the text of each file.
pub const WORKLOADS: [(&str, &str); 13] = [
    ("one-caller", include_str!("../workloads/one-caller.toml")),
    ("two-threads", include_str!("../workloads/two-threads.toml")),
    ("hammer-all", include_str!("../workloads/hammer-all.toml")),
    ("hammer-threads", include_str!("../workloads/hammer-threads.toml")),
    ("hammer-shared", include_str!("../workloads/hammer-shared.toml")),
    ("hammer-processes", include_str!("../workloads/hammer-processes.toml")),
    ("sleepers", include_str!("../workloads/sleepers.toml")),
    ("migrants", include_str!("../workloads/migrants.toml")),
    ("run-queues", include_str!("../workloads/run-queues.toml")),
    ("turns", include_str!("../workloads/turns.toml")),
    ("targeted", include_str!("../workloads/targeted.toml")),
    ("starts", include_str!("../workloads/starts.toml")),
    ("rcu", include_str!("../workloads/rcu.toml")),
];

/// A workload.
#[derive(Clone, Debug)]
pub struct Workload {
    /// Its name.
    pub name: String,
    /// What it is, in a sentence.
    pub says: String,
    /// How long it runs, unless it ends by the number of its calls.
    pub(crate) time: Ps,
    /// After how many calls it ends.
    pub(crate) calls: u64,
    pub(crate) groups: Vec<Group>,
}

/// Processes that do the same.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) role: Role,
    /// How many, unless the threads are further ones of the processes of the
    /// group before.
    pub(crate) processes: Option<Count>,
    /// How many threads of each run, and how many only sleep.
    pub(crate) threads: Count,
    pub(crate) asleep: Count,
    pub(crate) place: Place,
    pub(crate) does: Does,
    pub(crate) registered: bool,
}

/// What a group is there for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    /// It makes the trouble: taken out to see what a bystander has without it.
    #[default]
    Caller,
    /// It suffers the trouble: its loss is measured.
    Bystander,
}

/// Where the threads of a group run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Place {
    /// On the CPUs behind those of the group before.
    #[default]
    Next,
    /// On the CPUs of the group before, from its first on.
    Same,
    /// On the CPUs from the first on, with whoever is there.
    Over,
}

/// What a thread does, over and over.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(tag = "what", rename_all = "lowercase", deny_unknown_fields)]
pub(crate) enum Does {
    /// Computes.
    Compute {},
    /// Computes for a while, then calls.
    Call { think_us: f64 },
    /// Computes for a while, then calls for one CPU, a random one of those that
    /// its process has threads on.
    Target { think_us: f64 },
    /// Computes for a while, then gives its CPU to the next thread there.
    Switch { every_us: f64 },
    /// Computes for a while, then moves to a random CPU.
    Migrate { every_us: f64 },
    /// Computes for a while, then its CPU keeps interrupts off.
    Throttle { every_us: f64, off_us: f64 },
    /// Becomes a new process, registers, and computes for a while.
    Start { every_us: f64 },
}

/// A number that may depend on how many CPUs there are: `12`, `cpus`, `cpus/4`,
/// `cpus-1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Count {
    of_cpus: bool,
    divided_by: usize,
    less: usize,
    fixed: usize,
}

impl Count {
    /// The number, where there are so many CPUs.
    pub(crate) fn on(self, cpus: usize) -> usize {
        if self.of_cpus { (cpus / self.divided_by).saturating_sub(self.less) } else { self.fixed }
    }

    fn parse(text: &str) -> Option<Self> {
        let fixed = |fixed| Self { of_cpus: false, divided_by: 1, less: 0, fixed };
        let Some(rest) = text.strip_prefix("cpus") else { return text.parse().ok().map(fixed) };
        let (divisor, less) = rest.split_once('-').map_or((rest, "0"), |(divisor, less)| (divisor, less));
        let divided_by = match divisor.strip_prefix('/') {
            Some(divisor) => divisor.parse().ok().filter(|&divisor| divisor > 0)?,
            None if divisor.is_empty() => 1,
            None => return None,
        };
        Some(Self { of_cpus: true, divided_by, less: less.parse().ok()?, fixed: 0 })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    says: String,
    time_us: Spanned<f64>,
    #[serde(default = "many")]
    calls: u64,
    group: Vec<WrittenGroup>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenGroup {
    #[serde(default)]
    role: Role,
    processes: Option<Spanned<WrittenCount>>,
    threads: Spanned<WrittenCount>,
    asleep: Option<Spanned<WrittenCount>>,
    #[serde(default)]
    place: Place,
    does: Spanned<Does>,
    #[serde(default = "yes")]
    registered: bool,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum WrittenCount {
    Number(usize),
    Text(String),
}

fn many() -> u64 {
    u64::MAX
}

fn yes() -> bool {
    true
}

impl Workload {
    /// Reads the workload file `text`, called `file` in errors.
    ///
    /// # Errors
    /// [`BadFile`] with the line and the key.
    pub fn parse(file: &str, text: &str) -> Result<Self, BadFile> {
        let written: Written = toml::from_str(text).map_err(|error| BadFile::of_toml(file, text, &error))?;
        let bad = |at: usize, problem: &str| BadFile::at(file, text, at, problem.to_owned());
        let microseconds = *written.time_us.get_ref();
        if !(1.0..=1.0e7).contains(&microseconds) {
            return Err(bad(written.time_us.span().start, "expected microseconds, from 1 to 10000000"));
        }
        let count = |count: &Spanned<WrittenCount>| {
            let read = match count.get_ref() {
                WrittenCount::Number(number) => Count::parse(&number.to_string()),
                WrittenCount::Text(text) => Count::parse(text),
            };
            let expected = "expected a number, or \"cpus\", \"cpus/N\", \"cpus-N\", \"cpus/N-N\"";
            read.ok_or_else(|| bad(count.span().start, expected))
        };
        let group = |group: &WrittenGroup| {
            if !group.does.get_ref().has_sane_times() {
                return Err(bad(group.does.span().start, "expected microseconds, from 0 to 1000000"));
            }
            let none = Ok(Count::parse("0").expect("a number"));
            Ok(Group {
                role: group.role,
                processes: group.processes.as_ref().map(count).transpose()?,
                threads: count(&group.threads)?,
                asleep: group.asleep.as_ref().map_or(none, count)?,
                place: group.place,
                does: *group.does.get_ref(),
                registered: group.registered,
            })
        };
        let groups = written.group.iter().map(group).collect::<Result<Vec<Group>, _>>()?;
        if groups.first().is_none_or(|first| first.processes.is_none()) {
            return Err(bad(
                text.find("[[group]]").unwrap_or(0),
                "the first group has to say how many processes",
            ));
        }
        Ok(Self {
            name: written.name,
            says: written.says,
            time: ps(microseconds),
            calls: written.calls,
            groups,
        })
    }

    /// One of [`WORKLOADS`], by name.
    ///
    /// # Panics
    /// Never for a name from the list: the files are tested.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let (name, text) = WORKLOADS.iter().find(|(known, _)| *known == name)?;
        Some(Self::parse(&format!("{name}.toml"), text).expect("the crate's files are tested"))
    }

    /// The same, with so many sleeping threads in every process whose threads
    /// make the trouble.
    #[must_use]
    pub fn with_asleep(mut self, threads: usize) -> Self {
        let troubles = |group: &&mut Group| group.role == Role::Caller && group.processes.is_some();
        for group in self.groups.iter_mut().filter(troubles) {
            group.asleep = Count { of_cpus: false, divided_by: 1, less: 0, fixed: threads };
        }
        self
    }

    /// The same with so many callers: threads of one process, or processes where
    /// each caller is one of its own.
    #[must_use]
    pub fn with_callers(mut self, callers: usize) -> Self {
        let fixed = |fixed| Count { of_cpus: false, divided_by: 1, less: 0, fixed };
        let mut left = callers;
        for group in self.groups.iter_mut().filter(|group| group.does.is_call()) {
            let own = group.processes.is_some_and(|count| count.of_cpus);
            let count = if own { group.processes.as_mut() } else { Some(&mut group.threads) };
            count.into_iter().for_each(|count| *count = fixed(left));
            left = 0;
        }
        self
    }

    /// The same, ended by so many calls at the latest.
    #[must_use]
    pub fn with_calls(mut self, calls: u64) -> Self {
        self.calls = calls;
        self
    }

    /// The same, for so long.
    #[must_use]
    pub fn with_time(mut self, time: Ps) -> Self {
        self.time = time;
        self
    }

    /// The same with nobody calling; `None` if there is nobody to profit.
    pub(crate) fn without_callers(&self) -> Option<Self> {
        let mut alone = self.clone();
        for group in alone.groups.iter_mut().filter(|group| group.does.is_call()) {
            group.does = Does::Compute {};
        }
        alone.has_bystanders().then_some(alone)
    }

    /// Whether some group only suffers.
    #[must_use]
    pub fn has_bystanders(&self) -> bool {
        self.groups.iter().any(|group| group.role == Role::Bystander)
    }

    /// How many threads run and call where there are so many CPUs, and how many
    /// threads there are in all.
    pub(crate) fn threads(&self, cpus: usize) -> (usize, usize) {
        let (mut processes, mut calling, mut all) = (0, 0, 0);
        for group in &self.groups {
            processes = group.processes.map_or(processes, |count| count.on(cpus));
            let running = processes * group.threads.on(cpus);
            all += running + processes * group.asleep.on(cpus);
            if group.does.is_call() {
                calling += running;
            }
        }
        (calling, all)
    }
}

impl Does {
    pub(crate) fn is_call(self) -> bool {
        matches!(self, Self::Call { .. } | Self::Target { .. } | Self::Start { .. })
    }

    fn has_sane_times(self) -> bool {
        let (one, other) = match self {
            Self::Compute {} => (0.0, 0.0),
            Self::Call { think_us: time } | Self::Target { think_us: time } => (time, 0.0),
            Self::Switch { every_us } | Self::Migrate { every_us } | Self::Start { every_us } => {
                (every_us, 0.0)
            }
            Self::Throttle { every_us, off_us } => (every_us, off_us),
        };
        [one, other].iter().all(|time| (0.0..=1.0e6).contains(time))
    }
}

/// Microseconds as virtual time.
pub(crate) fn ps(microseconds: f64) -> Ps {
    // CAST: a fraction of a picosecond is nothing; negative numbers are refused.
    (microseconds * 1.0e3) as Ps * NS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_are_threads_or_processes() {
        for (name, expected) in
            [("hammer-threads", (5, 21)), ("hammer-processes", (5, 10)), ("targeted", (5, 17))]
        {
            let workload = Workload::named(name).expect("it comes with the crate").with_callers(5);
            assert_eq!(workload.threads(64), expected, "{name}");
        }
    }

    #[test]
    fn a_count_may_depend_on_the_cpus() {
        for (text, expected) in [("12", 12), ("cpus", 64), ("cpus/4", 16), ("cpus-1", 63), ("cpus/2-2", 30)] {
            assert_eq!(Count::parse(text).map(|count| count.on(64)), Some(expected), "{text}");
        }
        for text in ["", "cpu", "cpus/0", "cpus*2", "-1", "cpus-"] {
            assert_eq!(Count::parse(text), None, "{text}");
        }
    }
}
