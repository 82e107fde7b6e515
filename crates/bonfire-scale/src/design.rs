//! Who makes the barriers: the engine with one of its designs, or one of those
//! that it is compared with.

use std::rc::Rc;

use bonfire_engine::Design as OfEngine;
use serde::{Deserialize, Serialize};

use crate::barriers::Barriers;
use crate::clock::Clock;
use crate::engine;
use crate::linux::{Linux, Serialised};
use crate::lock::Lock;
use crate::signals::Signals;

/// The engine's five designs, Linux's four, and signals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Design {
    /// The engine: every CPU that is online.
    Everywhere,
    /// The engine: CPUs that run the process, by looking at each.
    Running,
    /// The engine: the process's mask.
    Mask,
    /// The engine: the mask, and a lock for each CPU in it.
    LockedMask,
    /// The engine: a walk over the threads.
    Threads,
    /// Linux without a mutex.
    #[serde(rename = "linux-2017")]
    Linux2017,
    /// Linux with one mutex.
    #[serde(rename = "linux-2024")]
    Linux2024,
    /// Linux with the serialising cross-call of the RFC.
    #[serde(rename = "linux-rfc")]
    LinuxRfc,
    /// Linux with a mutex for each CPU for targeted calls.
    #[serde(rename = "linux-2026")]
    Linux2026,
    /// A signal to every thread: what programs do without the call.
    Signals,
}

impl Design {
    /// Every design.
    pub const ALL: [Self; 10] = [
        Self::Everywhere,
        Self::Running,
        Self::Mask,
        Self::LockedMask,
        Self::Threads,
        Self::Linux2017,
        Self::Linux2024,
        Self::LinuxRfc,
        Self::Linux2026,
        Self::Signals,
    ];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Everywhere => "everywhere",
            Self::Running => "running",
            Self::Mask => "mask",
            Self::LockedMask => "locked-mask",
            Self::Threads => "threads",
            Self::Linux2017 => "linux-2017",
            Self::Linux2024 => "linux-2024",
            Self::LinuxRfc => "linux-rfc",
            Self::Linux2026 => "linux-2026",
            Self::Signals => "signals",
        }
    }

    /// What it is, in a phrase.
    #[must_use]
    pub const fn says(self) -> &'static str {
        match self {
            Self::Everywhere => "engine: every CPU that is online",
            Self::Running => "engine: CPUs that run the process, found by looking where it has been",
            Self::Mask => "engine: the mask of the process, without locks",
            Self::LockedMask => "engine: a mask that is only set, each CPU confirmed under its lock",
            Self::Threads => "engine: a walk over the threads of the process",
            Self::Linux2017 => "Linux 4.14: looks at each CPU, no mutex",
            Self::Linux2024 => "Linux 6.8: the same under one mutex for the system",
            Self::LinuxRfc => "an RFC of 2024: no mutex, cross-calls one at a time",
            Self::Linux2026 => "Linux 7.2: a mutex for each CPU where a call names one",
            Self::Signals => "no call: a signal to every thread",
        }
    }

    /// The design of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|design| design.name() == name)
    }

    /// Whether it is one of the engine's.
    #[must_use]
    pub const fn is_engine(self) -> bool {
        matches!(self, Self::Everywhere | Self::Running | Self::Mask | Self::LockedMask | Self::Threads)
    }

    pub(crate) fn barriers(self, clock: &Rc<Clock>, run_queues: &Rc<[Lock]>) -> Box<dyn Barriers> {
        let engine = |design| engine::engine(design, clock, run_queues);
        let linux = |serialised| Linux::boxed(serialised, clock);
        match self {
            Self::Everywhere => engine(OfEngine::Everywhere),
            Self::Running => engine(OfEngine::Running),
            Self::Mask => engine(OfEngine::Mask),
            Self::LockedMask => engine(OfEngine::LockedMask),
            Self::Threads => engine(OfEngine::Threads),
            Self::Linux2017 => linux(Serialised::No),
            Self::Linux2024 => linux(Serialised::Whole),
            Self::LinuxRfc => linux(Serialised::CrossCall),
            Self::Linux2026 => linux(Serialised::Targeted),
            Self::Signals => Signals::boxed(clock),
        }
    }
}
