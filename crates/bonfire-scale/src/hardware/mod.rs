//! What a machine costs: a file in which every value has a unit and a source.
//!
//! [`Hardware::parse`] reads one; [`MACHINES`] are those that come with the
//! crate. Times are kept in picoseconds ([`Ps`]).

mod file;

use std::ops::Range;

pub use file::BadFile;

use crate::recorded::Recorded;

/// Virtual time, or a span of it, in picoseconds.
pub type Ps = u64;

/// A nanosecond.
pub const NS: Ps = 1_000;
/// A second.
pub const SECOND: Ps = 1_000_000_000_000;

/// The most CPUs that a machine may have.
pub const MOST_CPUS: usize = 4096;

/// The machines that come with the crate: the name and the text of each file.
pub const MACHINES: [(&str, &str); 9] = [
    ("epyc-256", include_str!("../../machines/epyc-256.toml")),
    ("server-192", include_str!("../../machines/server-192.toml")),
    ("server-384", include_str!("../../machines/server-384.toml")),
    ("power-192", include_str!("../../machines/power-192.toml")),
    ("large-4096", include_str!("../../machines/large-4096.toml")),
    ("guest-80-physical", include_str!("../../machines/guest-80-physical.toml")),
    ("guest-80-cluster", include_str!("../../machines/guest-80-cluster.toml")),
    ("guest-80-hypercall", include_str!("../../machines/guest-80-hypercall.toml")),
    ("guest-2", include_str!("../../machines/guest-2.toml")),
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
    /// What was measured on it beside its costs.
    pub(crate) recorded: Option<Recorded>,
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

impl Hardware {
    /// Reads the machine file `text`, called `file` in errors.
    ///
    /// # Errors
    /// [`BadFile`] with the line and the key.
    pub fn parse(file: &str, text: &str) -> Result<Self, BadFile> {
        file::read(file, text)
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
