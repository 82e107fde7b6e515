//! What a machine costs: a file in which every value has a unit and a source.
//!
//! [`Hardware::parse`] reads one; [`MACHINES`] are those that come with the
//! crate. Times are kept in picoseconds ([`Ps`]).

use std::fmt;
use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;

/// Virtual time, or a span of it, in picoseconds.
pub type Ps = u64;

/// A nanosecond.
pub const NS: Ps = 1_000;
/// A second.
pub const SECOND: Ps = 1_000_000_000_000;

/// The most CPUs that a machine may have.
pub const MOST_CPUS: usize = 4096;

/// The machines that come with the crate: the name and the text of each file.
pub const MACHINES: [(&str, &str); 8] = [
    ("epyc-256", include_str!("../machines/epyc-256.toml")),
    ("server-192", include_str!("../machines/server-192.toml")),
    ("server-384", include_str!("../machines/server-384.toml")),
    ("power-192", include_str!("../machines/power-192.toml")),
    ("large-4096", include_str!("../machines/large-4096.toml")),
    ("guest-80-physical", include_str!("../machines/guest-80-physical.toml")),
    ("guest-80-cluster", include_str!("../machines/guest-80-cluster.toml")),
    ("guest-80-hypercall", include_str!("../machines/guest-80-hypercall.toml")),
];

/// A machine, as its file says.
#[derive(Clone, Debug)]
pub struct Hardware {
    /// Its name.
    pub name: String,
    /// What it is, in a sentence.
    pub says: String,
    /// Whether no machine like it was measured.
    pub extrapolated: bool,
    /// Whether a CPU that goes idle keeps the page tables of who ran there, and
    /// so stays in its mask.
    pub lazy: bool,
    /// How many CPUs there are.
    pub cpus: usize,
    /// How many CPUs share their last cache; their numbers are neighbours.
    pub cluster: usize,
    /// How many CPUs are in a socket.
    pub socket: usize,
    pub(crate) line: LineCosts,
    pub(crate) interrupt: InterruptCosts,
    pub(crate) hand_over: Ps,
    pub(crate) system: SystemCosts,
    pub(crate) off: Option<OffCosts>,
}

/// What an access to a cache line costs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LineCosts {
    pub(crate) hit: Ps,
    /// From a CPU of the same cluster, of the same socket, of another.
    pub(crate) from: [Ps; 3],
    /// An atomic operation on a line that is here.
    pub(crate) atomic: Ps,
    pub(crate) fence: Ps,
    /// How many loads may be under way at once.
    pub(crate) overlap: usize,
    /// How long a line is busy with one reader.
    pub(crate) reader: Ps,
    /// How many lines a CPU's own caches keep.
    pub(crate) kept: usize,
}

/// What an interrupt costs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InterruptCosts {
    /// The sender, for a message, and for each target of it.
    pub(crate) message: Ps,
    pub(crate) target: Ps,
    /// How many CPUs one message can reach.
    pub(crate) multicast: usize,
    /// Until it arrives, in the socket and beyond.
    pub(crate) deliver: [Ps; 2],
    /// The target: into the handler, and out of it.
    pub(crate) entry: Ps,
    pub(crate) exit: Ps,
}

/// What the kernel's own work costs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SystemCosts {
    pub(crate) call: Ps,
    pub(crate) switch: Ps,
    /// A signal to one thread, with its handler.
    pub(crate) signal: Ps,
    /// How long a grace period is.
    pub(crate) grace: Ps,
    /// How often a busy CPU switches to a kernel thread and back, a second.
    pub(crate) switches: f64,
}

/// How long interrupts are off.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OffCosts {
    /// How often a busy CPU turns them off, a second.
    pub(crate) rate: f64,
    pub(crate) median: Ps,
    pub(crate) p99: Ps,
}

/// A file that cannot be used: where, and what was expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadFile {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The key.
    pub key: String,
    /// What was expected, or what is wrong.
    pub problem: String,
}

impl fmt::Display for BadFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, key, problem } = self;
        if key.is_empty() {
            write!(f, "{file}:{line}: {problem}")
        } else {
            write!(f, "{file}:{line}: {key}: {problem}")
        }
    }
}

impl std::error::Error for BadFile {}

impl Hardware {
    /// Reads the machine file `text`, called `file` in errors.
    ///
    /// # Errors
    /// [`BadFile`] with the line and the key.
    pub fn parse(file: &str, text: &str) -> Result<Self, BadFile> {
        let written: Written = toml::from_str(text).map_err(|error| BadFile::of_toml(file, text, &error))?;
        Reader { file, text }.hardware(written)
    }

    /// One of [`MACHINES`], by name.
    ///
    /// # Panics
    /// Never for a name from the list: the files are tested.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let (name, text) = MACHINES.iter().find(|(known, _)| *known == name)?;
        Some(Self::parse(&format!("{name}.toml"), text).expect("the crate's files are tested"))
    }

    /// The same machine with another number of CPUs: smaller, or larger by more
    /// sockets of the same kind.
    ///
    /// # Errors
    /// What is wrong with that number.
    pub fn with_cpus(mut self, cpus: usize) -> Result<Self, String> {
        if !(1..=MOST_CPUS).contains(&cpus) {
            return Err(format!("a machine has 1 to {MOST_CPUS} CPUs, not {cpus}"));
        }
        self.extrapolated |= cpus > self.cpus;
        self.cpus = cpus;
        Ok(self)
    }

    /// How far apart two CPUs are: 0 in a cluster, 1 in a socket, 2 beyond.
    pub(crate) fn distance(&self, one: usize, other: usize) -> usize {
        if one / self.cluster == other / self.cluster {
            0
        } else {
            1 + usize::from(one / self.socket != other / self.socket)
        }
    }

    /// The CPUs of the cluster, and of the socket, that `cpu` is in.
    pub(crate) fn neighbours(&self, cpu: usize) -> [Range<usize>; 2] {
        [self.cluster, self.socket].map(|size| {
            let first = cpu / size * size;
            first..(first + size).min(self.cpus)
        })
    }
}

impl BadFile {
    /// What the parser says, with the key that it is about.
    pub(crate) fn of_toml(file: &str, text: &str, error: &toml::de::Error) -> Self {
        let at = error.span().map_or(0, |span| span.start);
        Self::at(file, text, at, error.message().to_owned())
    }

    /// A problem at a byte of the text.
    pub(crate) fn at(file: &str, text: &str, at: usize, problem: String) -> Self {
        let before = text.get(..at).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let words = text.lines().nth(line - 1).unwrap_or_default();
        let key = words.split(['=', ']']).next().unwrap_or_default().trim_matches(['[', ' ']);
        Self { file: file.to_owned(), line, key: key.to_owned(), problem }
    }
}

/// A value as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "{ value = NUMBER, unit = \"UNIT\", source = \"SOURCE\" }")]
struct Quantity {
    value: f64,
    unit: String,
    source: String,
}

type Value = Spanned<Quantity>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    says: String,
    #[serde(default)]
    extrapolated: bool,
    #[serde(default)]
    lazy: bool,
    cpus: Cpus,
    line: Line,
    interrupt: Interrupt,
    lock: Lock,
    system: System,
    off: Option<Off>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cpus {
    count: Value,
    cluster: Value,
    socket: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    hit: Value,
    cluster: Value,
    socket: Value,
    far: Value,
    atomic: Value,
    fence: Value,
    overlap: Value,
    reader: Value,
    kept: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Interrupt {
    message: Value,
    target: Value,
    multicast: Value,
    deliver: Value,
    deliver_far: Value,
    entry: Value,
    exit: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Lock {
    hand_over: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct System {
    call: Value,
    switch: Value,
    signal: Value,
    grace: Value,
    switches: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Off {
    rate: Value,
    median: Value,
    p99: Value,
}

/// Reads values, and knows where they stand.
struct Reader<'a> {
    file: &'a str,
    text: &'a str,
}

impl Reader<'_> {
    fn hardware(&self, written: Written) -> Result<Hardware, BadFile> {
        let Written { cpus, line, interrupt, lock, system, off, .. } = written;
        let hardware = Hardware {
            name: written.name,
            says: written.says,
            extrapolated: written.extrapolated,
            lazy: written.lazy,
            cpus: self.count(&cpus.count, "CPUs", MOST_CPUS)?,
            cluster: self.count(&cpus.cluster, "CPUs", MOST_CPUS)?,
            socket: self.count(&cpus.socket, "CPUs", MOST_CPUS)?,
            line: self.line(&line)?,
            interrupt: self.interrupt(&interrupt)?,
            hand_over: self.time(&lock.hand_over)?,
            system: SystemCosts {
                call: self.time(&system.call)?,
                switch: self.time(&system.switch)?,
                signal: self.time(&system.signal)?,
                grace: self.time(&system.grace)?,
                switches: self.rate(&system.switches)?,
            },
            off: off.map(|off| self.off(&off)).transpose()?,
        };
        if !hardware.socket.is_multiple_of(hardware.cluster) {
            return Err(self.bad(&cpus.cluster, "a socket is a whole number of clusters".to_owned()));
        }
        Ok(hardware)
    }

    fn line(&self, line: &Line) -> Result<LineCosts, BadFile> {
        let from = [self.time(&line.cluster)?, self.time(&line.socket)?, self.time(&line.far)?];
        for (nearer, further, value) in [(from[0], from[1], &line.socket), (from[1], from[2], &line.far)] {
            if further < nearer {
                return Err(self.bad(
                    value,
                    "expected at least the time above: lines come from further away".to_owned(),
                ));
            }
        }
        Ok(LineCosts {
            hit: self.time(&line.hit)?,
            from,
            atomic: self.time(&line.atomic)?,
            fence: self.time(&line.fence)?,
            overlap: self.count(&line.overlap, "loads", 64)?,
            reader: self.time(&line.reader)?,
            kept: self.count(&line.kept, "lines", 1 << 24)?,
        })
    }

    fn interrupt(&self, interrupt: &Interrupt) -> Result<InterruptCosts, BadFile> {
        Ok(InterruptCosts {
            message: self.time(&interrupt.message)?,
            target: self.time(&interrupt.target)?,
            multicast: self.count(&interrupt.multicast, "CPUs", MOST_CPUS)?,
            deliver: [self.time(&interrupt.deliver)?, self.time(&interrupt.deliver_far)?],
            entry: self.time(&interrupt.entry)?,
            exit: self.time(&interrupt.exit)?,
        })
    }

    fn off(&self, off: &Off) -> Result<OffCosts, BadFile> {
        let (median, p99) = (self.time(&off.median)?, self.time(&off.p99)?);
        if median == 0 || p99 < median {
            return Err(self.bad(&off.p99, "at least the median, which is more than 0".to_owned()));
        }
        Ok(OffCosts { rate: self.rate(&off.rate)?, median, p99 })
    }

    fn time(&self, value: &Value) -> Result<Ps, BadFile> {
        let Quantity { value: number, unit, .. } = self.sourced(value)?;
        let scale = match unit.as_str() {
            "ns" => 1.0e3,
            "us" => 1.0e6,
            "ms" => 1.0e9,
            other => {
                return Err(self.bad(value, format!("expected a unit of time (ns, us, ms), not \"{other}\"")));
            }
        };
        if !(0.0..=1.0e12).contains(&(number * scale)) {
            return Err(self.bad(value, format!("expected a time from 0 to 1 s, not {number} {unit}")));
        }
        // CAST: checked above; a fraction of a picosecond is nothing.
        Ok((number * scale) as Ps)
    }

    fn count(&self, value: &Value, of: &str, most: usize) -> Result<usize, BadFile> {
        let Quantity { value: number, unit, .. } = self.sourced(value)?;
        if unit != of {
            return Err(self.bad(value, format!("expected the unit \"{of}\", not \"{unit}\"")));
        }
        if number.fract() != 0.0 || !(1.0..=most as f64).contains(number) {
            return Err(self.bad(value, format!("expected a whole number from 1 to {most}, not {number}")));
        }
        Ok(*number as usize)
    }

    fn rate(&self, value: &Value) -> Result<f64, BadFile> {
        let Quantity { value: number, unit, .. } = self.sourced(value)?;
        if unit != "per second" {
            return Err(self.bad(value, format!("expected the unit \"per second\", not \"{unit}\"")));
        }
        if !(0.0..=1.0e6).contains(number) {
            return Err(self.bad(value, format!("expected a rate from 0 to 1000000, not {number}")));
        }
        Ok(*number)
    }

    fn sourced<'a>(&self, value: &'a Value) -> Result<&'a Quantity, BadFile> {
        let quantity = value.get_ref();
        if quantity.source.trim().is_empty() {
            return Err(self.bad(value, "expected a source, or \"assumed: \" and why".to_owned()));
        }
        Ok(quantity)
    }

    fn bad(&self, value: &Value, problem: String) -> BadFile {
        BadFile::at(self.file, self.text, value.span().start, problem)
    }
}
