//! The names of all steps.
//!
//! | edge | one side | other side | without it |
//! |------|----------|------------|------------|
//! | code | code is written, caches are maintained, everybody serialises ([`Site::Maintain`], [`Site::SyncCore`]), or says so ([`Site::Announce`]) | a thread executes it, after it serialised where it has to ([`Site::Serialise`]) | it executes what was there before |
//! | generation | code is written, the generation counted up ([`Site::Announce`]) | a thread that knows of the code reads the generation ([`Site::Notice`]) | it does not serialise, or before the code was written |
//! | patch | a byte is written, everybody serialises ([`Site::TrapSync`], [`Site::TailSync`], [`Site::HeadSync`]) | a thread fetches the instruction | it executes a mixture of two instructions |

use core::sync::atomic::Ordering::{self, Acquire, Relaxed, Release};

/// Where a step stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Site {
    /// Caches are maintained for what was written.
    Maintain,
    /// Everybody serialises, behind the maintenance.
    SyncCore,
    /// The generation is counted up.
    Announce,
    /// A thread that is about to execute reads the generation.
    Notice,
    /// It serialises, because there is a new one.
    Serialise,
    /// Everybody serialises behind the trap.
    TrapSync,
    /// Everybody serialises behind the other bytes.
    TailSync,
    /// Everybody serialises behind the first byte.
    HeadSync,
}

/// What stands at a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// An access of a word, with this ordering.
    Access(Ordering),
    /// Caches are maintained.
    Maintenance,
    /// Everybody serialises.
    SyncCore,
    /// The thread serialises itself.
    Serialisation,
}

impl Site {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Maintain,
        Self::SyncCore,
        Self::Announce,
        Self::Notice,
        Self::Serialise,
        Self::TrapSync,
        Self::TailSync,
        Self::HeadSync,
    ];

    /// What stands here.
    #[must_use]
    #[inline(always)]
    pub const fn kind(self) -> Kind {
        match self {
            Self::Maintain => Kind::Maintenance,
            Self::SyncCore | Self::TrapSync | Self::TailSync | Self::HeadSync => Kind::SyncCore,
            Self::Serialise => Kind::Serialisation,
            // PAIRS(generation): with `Notice`. What was written is in the generation.
            Self::Announce => Kind::Access(Release),
            // PAIRS(generation): with `Announce`.
            Self::Notice => Kind::Access(Acquire),
        }
    }

    /// The ordering of the access that stands here; relaxed where none does.
    #[must_use]
    #[inline(always)]
    pub const fn order(self) -> Ordering {
        match self.kind() {
            Kind::Access(order) => order,
            _ => Relaxed,
        }
    }
}
