//! The names of all accesses and fences whose order matters, and of those whose does not.
//!
//! | edge | one side | other side | without it |
//! |------|----------|------------|------------|
//! | section | a reader is inside, *light*, it loads what is shared ([`Site::EnterLight`]) | something is unpublished, *heavy*, an updater looks for readers ([`Site::Heavy`]) | the updater sees nobody and the reader sees the old |
//! | epoch | an updater publishes the epoch behind what it unpublished ([`Site::Begin`]) | a reader takes its epoch from there ([`Site::EnterEpoch`]) | a reader that seems to have come later saw the old |
//! | left | a reader is done, and says so, or says that it is inside again ([`Site::Leave`], [`Site::Enter`], [`Site::Prepare`]) | an updater sees that ([`Site::Look`]) | what a reader still reads is freed |
//! | line | an updater joins the line ([`Site::Join`]) | a grace period begins behind it ([`Site::Line`]) | a grace period is shared by somebody who came too late for it |
//! | done | a grace period is over ([`Site::Done`]) | somebody who shares it goes on ([`Site::IsDone`]) | the sharer frees what readers still read |
//! | sleep | a reader has left, *light*, it looks whether somebody sleeps ([`Site::LeaveLight`]) | an updater says that it sleeps, *heavy*, looks again ([`Site::SleepHeavy`]) | nobody wakes the updater |
//! | seat | a thread gives its record or slot back ([`Site::Vacate`]) | another thread takes it ([`Site::Claim`]) | two threads have one record |
//! | hazard | a slot says *anything*, *light*, the pointer is loaded ([`Site::HoldLight`]) | something is unpublished, *heavy*, the slots are scanned ([`Site::Heavy`]) | what is held is freed |
//! | let go | a slot holds no longer ([`Site::LetGo`], [`Site::HoldAny`], [`Site::Hold`]) | a scan sees that ([`Site::Scan`]) | what is still read is freed |

use core::sync::atomic::Ordering::{self, Acquire, Relaxed, Release};

/// Where an access or a fence stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Site {
    /// A reader that enters looks at its own word, which nobody else writes. A machine may
    /// read it as plain memory.
    Own,
    /// A reader takes its epoch.
    EnterEpoch,
    /// A reader says that it is inside.
    Enter,
    /// The fence between that and what the reader loads.
    EnterLight,
    /// The same, while the machine is not ready.
    EnterFull,
    /// A reader says that it is outside.
    Leave,
    /// The fence between that and [`Site::LeaveQuiet`].
    LeaveLight,
    /// The same, while the machine is not ready.
    LeaveFull,
    /// A reader looks whether somebody sleeps until it has left.
    LeaveQuiet,
    /// A reader says that nobody has to sleep any longer.
    Awaken,
    /// An updater joins the line.
    Join,
    /// A grace period takes its number.
    Line,
    /// A grace period begins: readers that come later take its number.
    Begin,
    /// The heavy fence of a grace period.
    Heavy,
    /// An updater counts the records or slots.
    Count,
    /// An updater looks whether a reader has left.
    Look,
    /// An updater is about to sleep until a reader has left.
    Asleep,
    /// The heavy fence between that and the last look.
    SleepHeavy,
    /// A grace period is over.
    Done,
    /// An updater looks whether a grace period is over.
    IsDone,
    /// The same, by whoever holds the lock.
    Held,
    /// A thread looks for a record or slot that is free.
    Free,
    /// A thread takes a record or slot.
    Claim,
    /// A thread makes one record or slot more.
    More,
    /// A record is prepared for its new owner.
    Prepare,
    /// What a thread says or is told of an owner, for reports or about itself.
    Who,
    /// A thread gives a record or slot back.
    Vacate,
    /// A slot holds anything.
    HoldAny,
    /// The fence between that and the load of the pointer.
    HoldLight,
    /// The same, while the machine is not ready.
    HoldFull,
    /// A slot holds one pointer.
    Hold,
    /// A slot holds nothing.
    LetGo,
    /// An updater looks into a slot.
    Scan,
}

/// What stands at a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// An access of a word, with this ordering.
    Access(Ordering),
    /// A light fence.
    Light,
    /// A full fence, for machines that are not ready.
    Full,
    /// A heavy fence.
    Heavy,
}

impl Site {
    /// All of them.
    pub const ALL: [Self; 33] = [
        Self::Own,
        Self::EnterEpoch,
        Self::Enter,
        Self::EnterLight,
        Self::EnterFull,
        Self::Leave,
        Self::LeaveLight,
        Self::LeaveFull,
        Self::LeaveQuiet,
        Self::Awaken,
        Self::Join,
        Self::Line,
        Self::Begin,
        Self::Heavy,
        Self::Count,
        Self::Look,
        Self::Asleep,
        Self::SleepHeavy,
        Self::Done,
        Self::IsDone,
        Self::Held,
        Self::Free,
        Self::Claim,
        Self::More,
        Self::Prepare,
        Self::Who,
        Self::Vacate,
        Self::HoldAny,
        Self::HoldLight,
        Self::HoldFull,
        Self::Hold,
        Self::LetGo,
        Self::Scan,
    ];

    /// What stands here.
    #[must_use]
    #[inline(always)]
    pub const fn kind(self) -> Kind {
        match self {
            // PAIRS(section): with `Heavy`, of whoever unpublishes.
            // PAIRS(sleep): with `SleepHeavy`. PAIRS(hazard): with `Heavy`.
            Self::EnterLight | Self::LeaveLight | Self::HoldLight => Kind::Light,
            // PAIRS(section), PAIRS(sleep), PAIRS(hazard): with the same, where the reader
            // was not told that light fences are enough.
            Self::EnterFull | Self::LeaveFull | Self::HoldFull => Kind::Full,
            // PAIRS(section), PAIRS(hazard): with the fences of readers.
            // PAIRS(sleep): with the fence of a reader that leaves.
            Self::Heavy | Self::SleepHeavy => Kind::Heavy,
            access => Kind::Access(access.order()),
        }
    }

    /// The ordering of the access that stands here.
    #[must_use]
    #[inline(always)]
    pub const fn order(self) -> Ordering {
        match self {
            // PAIRS(epoch): with `Begin`. Whoever has an epoch sees what was unpublished
            // before it began.
            Self::EnterEpoch => Acquire,
            // PAIRS(epoch): with `EnterEpoch`.
            Self::Begin => Release,
            // PAIRS(left): with `Look`. Entering is a release too: an updater that sees a
            // reader inside *again* has seen it leave, and language models since C++20
            // do not let a relaxed store carry on what the release before it began.
            Self::Leave | Self::Enter | Self::Prepare => Release,
            // PAIRS(left): with `Leave`, `Enter` and `Prepare`.
            Self::Look => Acquire,
            // PAIRS(line): with `Line`. Whoever takes the next number sees what we unpublished.
            Self::Join => Release,
            // PAIRS(line): with `Join`, of all who joined before.
            Self::Line => Acquire,
            // PAIRS(done): with `IsDone`, of whoever shares the grace period.
            Self::Done => Release,
            // PAIRS(done): with `Done`.
            Self::IsDone => Acquire,
            // PAIRS(seat): with `Vacate`, of whoever had the record before.
            Self::Claim => Acquire,
            // PAIRS(seat): with `Claim`.
            Self::Vacate => Release,
            // PAIRS(let go): with `Scan`. As with `Enter`, a slot that holds something else
            // says that it has let go of what it held before.
            Self::LetGo | Self::HoldAny | Self::Hold => Release,
            // PAIRS(let go): with `LetGo`, `HoldAny` and `Hold`.
            Self::Scan => Acquire,
            _ => Relaxed,
        }
    }
}
