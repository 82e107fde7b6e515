//! What a program can ask of the machine, one operation at a time.
//!
//! An operation is a value: a program is run until it asks for the next one,
//! and the explorer decides when, and in which order with everybody else's, it
//! takes effect.

use std::sync::atomic::Ordering;

use super::replay::{told, word_name};

/// A word that CPUs share, by its number in the session.
pub(crate) type WordId = u8;

/// Where a user access leaves the value that it read.
pub type Register = u8;

/// The strength of a barrier between the accesses of one CPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Barrier {
    /// Everything before it, then everything after it.
    Full,
    /// Stores before it, then stores after it.
    Write,
    /// Loads before it, then everything after it.
    Acquire,
    /// Everything before it, then stores after it.
    Release,
}

/// What a read-modify-write makes of the word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Change {
    Swap(u64),
    Set(u64),
    Clear(u64),
    Add(u64),
}

impl Change {
    /// The word after the change.
    pub(crate) const fn apply(self, old: u64) -> u64 {
        match self {
            Self::Swap(new) => new,
            Self::Set(bits) => old | bits,
            Self::Clear(bits) => old & !bits,
            Self::Add(count) => old.wrapping_add(count),
        }
    }
}

/// One operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Op {
    /// A load whose value the program goes on with. It returns at once, perhaps
    /// with an old value.
    Load { word: WordId, acquire: bool },
    /// A load whose value only an observer looks at. It may happen later than
    /// stores that come after it.
    Observe { word: WordId, register: Register },
    /// An instruction fetch: sees the word as of the last core serialisation,
    /// or anything later.
    Fetch { word: WordId, register: Register },
    /// A store; it happens when it leaves the window.
    Store { word: WordId, value: u64, release: bool },
    /// A read-modify-write. If its result is used it reads at once and nobody
    /// else writes the word until its own write has left the window; if not, it
    /// is posted, and both halves happen when it leaves the window.
    Modify { word: WordId, change: Change, acquire: bool, release: bool, used: bool },
    /// A barrier.
    Fence(Barrier),
    /// From here on this CPU fetches no instruction older than now.
    CoreSync,
    /// Interrupts on their way to a set of CPUs, a bit for each.
    Poke(u8),
    /// Until the word is at least a number, or, with interrupts off, until
    /// another word has one of some bits.
    Wait { word: WordId, at_least: u64, acquire: bool, inbox: Option<(WordId, u64)> },
    /// Until the word is 0, which it then no longer is.
    Lock { word: WordId },
    /// Nothing; but here an interrupt can still arrive, and for a while not.
    Gate,
    /// From here on pokes of this CPU are dropped.
    Dead,
    /// From here on they are not.
    Alive,
    /// The program is over.
    End,
}

impl Op {
    /// The operation, with words and numbers by their names.
    pub(crate) fn told(self) -> String {
        match self {
            Self::Store { word, value, release } => {
                format!("{} = {} {release}", word_name(word), told(value))
            }
            Self::Modify { word, change, acquire, release, used } => {
                let change = match change {
                    Change::Swap(value) => format!("swap {}", told(value)),
                    bits => format!("{bits:?}"),
                };
                format!("{} {change} {acquire} {release} {used}", word_name(word))
            }
            Self::Load { word, acquire } => format!("load {} {acquire}", word_name(word)),
            Self::Wait { word, at_least, inbox, .. } => {
                let inbox = inbox.map(|(word, wanted)| (word_name(word), wanted));
                format!("wait {} {at_least} {inbox:?}", word_name(word))
            }
            Self::Lock { word } => format!("lock {}", word_name(word)),
            op => format!("{op:?}"),
        }
    }

    /// The word that the operation writes.
    pub(crate) const fn writes(self) -> Option<WordId> {
        match self {
            Self::Store { word, .. } | Self::Modify { word, .. } | Self::Lock { word } => Some(word),
            _ => None,
        }
    }
}

/// Whether an ordering makes later accesses wait for the load.
pub(crate) const fn acquires(order: Ordering) -> bool {
    matches!(order, Ordering::Acquire | Ordering::AcqRel | Ordering::SeqCst)
}

/// Whether an ordering makes the store wait for earlier accesses.
pub(crate) const fn releases(order: Ordering) -> bool {
    matches!(order, Ordering::Release | Ordering::AcqRel | Ordering::SeqCst)
}
