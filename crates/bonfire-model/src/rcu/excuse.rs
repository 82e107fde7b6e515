//! Why an order may be weakened and nothing breaks here.
//!
//! The list is closed: a survivor that is not in it fails the run, and so does an entry for
//! a change that does break something.

use super::machine::{Change, Site};

/// An excuse of a relaxed access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Excuse {
    /// Another site gives the order as well. Checked: with both relaxed something breaks.
    Redundant(Site, &'static str),
    /// A full fence stands in between, which is there for another edge.
    Fenced(&'static str),
    /// What it orders are stores to one word, which every machine keeps in order. Rust's
    /// memory model does not say so of a store that follows a release.
    OneWord(&'static str),
    /// What comes behind it is a store that depends on what was loaded, which no machine
    /// makes early. Rust's memory model does not know dependencies.
    Depends(&'static str),
    /// A machine whose CPUs agree on one order of writes does not need it; POWER is not one,
    /// nor is Rust's memory model.
    OneOrderOfWrites(&'static str),
}

impl Excuse {
    /// Why.
    #[must_use]
    pub const fn why(self) -> &'static str {
        match self {
            Self::Redundant(_, why)
            | Self::Fenced(why)
            | Self::OneWord(why)
            | Self::Depends(why)
            | Self::OneOrderOfWrites(why) => why,
        }
    }

    /// What kind of reason it is.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Redundant(..) => "redundant",
            Self::Fenced(_) => "behind a fence",
            Self::OneWord(_) => "one word",
            Self::Depends(_) => "a dependent store",
            Self::OneOrderOfWrites(_) => "one order of writes",
        }
    }
}

/// The excuses, all of relaxed accesses.
pub const EXCUSES: &[(Site, Excuse)] = &[
    (
        Site::Enter,
        Excuse::OneWord(
            "the store of leaving, a release, is earlier in the same word; whoever sees this one is behind both",
        ),
    ),
    (Site::Prepare, Excuse::OneWord("the record's last owner left by a release in the same word")),
    (Site::HoldAny, Excuse::OneWord("letting go was a release, and is earlier in the same word")),
    (
        Site::Hold,
        Excuse::OneWord("letting go of what was held before was a release, and is earlier in the same word"),
    ),
    (
        Site::Begin,
        Excuse::Redundant(
            Site::Join,
            "the updater joined in between, by a release: what it unpublished is out before the epoch is",
        ),
    ),
    (
        Site::Line,
        Excuse::OneOrderOfWrites(
            "those who joined had published before, to everybody at once; and a fence follows",
        ),
    ),
    (Site::Look, Excuse::Depends("freeing depends on what was seen")),
    (Site::IsDone, Excuse::Depends("freeing depends on what was seen")),
    (Site::Scan, Excuse::Depends("freeing depends on what was seen")),
    (Site::Done, Excuse::OneOrderOfWrites("readers had left, to everybody at once, when the updater saw it")),
    (
        Site::Vacate,
        Excuse::Fenced(
            "behind leaving stands a full fence, for the sake of who sleeps: the record is empty before it is free",
        ),
    ),
    (Site::Claim, Excuse::Depends("what a new owner does with a record are stores that depend on having it")),
];

/// The excuse for a change.
#[must_use]
pub fn excuse(site: Site, change: Change) -> Option<Excuse> {
    let found = EXCUSES.iter().find(|(excused, _)| *excused == site && change == Change::Relaxed);
    found.map(|(_, excuse)| *excuse)
}
