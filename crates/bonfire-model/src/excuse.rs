//! Why a barrier may be taken out or weakened and nothing breaks.
//!
//! The list is closed, and each excuse is checked as far as it can be: one for a
//! change that does break something is as wrong as a survivor without one.

use bonfire_engine::Site;

use crate::explorer::Barrier;
use crate::machine::{Change, Mutant};
use crate::matrix::{Cell, Matrix};
use crate::run::Design;

/// An excuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Excuse {
    /// The design keeps its promise without it. Checked: it survives here, and
    /// another design needs it.
    NotNeeded(&'static str),
    /// Another site does the same. Checked: with both taken out, something
    /// breaks.
    Redundant(Site, &'static str),
    /// A machine whose CPUs agree on one order of writes does not need it; POWER
    /// is not one. Checked beyond its survival only for `SysExit` → acquire, which
    /// breaks under loom (`tests/loom`), whose writes need not reach all at once.
    OneOrderOfWrites(&'static str),
}

impl Excuse {
    /// Why.
    #[must_use]
    pub const fn why(self) -> &'static str {
        match self {
            Self::NotNeeded(why) | Self::Redundant(_, why) | Self::OneOrderOfWrites(why) => why,
        }
    }

    /// The engine that has to break for the excuse to stand, if there is one.
    #[must_use]
    pub fn pair(self, site: Site) -> Option<Mutant> {
        match self {
            Self::Redundant(other, _) => Some(vec![(site, Change::Deleted), (other, Change::Deleted)]),
            Self::NotNeeded(_) | Self::OneOrderOfWrites(_) => None,
        }
    }
}

const GATE: &str = "no hook depends on a registration here: it opens a gate and changes nothing else";
const ANSWERED: &str = "the gate opens behind a wait that decides whether it opens at all, and what the handlers did \
                        before they answered is visible to all at once";
const STORES_FIRST: &str = "everything before it is behind it for every store after it, which is what the edge is \
                            made of where all CPUs see a store at once";
const READS_DECIDE: &str = "what comes before it are the reads that chose and the waits for the answers; whoever \
                            was skipped or answered had its writes visible to all by then";

const PUBLISHED: &str = "what it orders before the gate is the occupant that the CPU published itself, a store; the \
                         answers of others are visible to all at once";
const UNLISTED: &str = "a thread leaves the list of its address space under the lock that the walk of the list takes; \
                        a list that is walked without one needs the barrier";
const UNLOCKED: &str = "the run queue was unlocked behind the last switch, which all loads before it precede; what is \
                        left to order are stores";

/// The excuse for a change in a design, if there is one.
#[must_use]
pub const fn excuse(design: Design, site: Site, change: Change) -> Option<Excuse> {
    use Barrier::{Acquire, Release, Write};
    Some(match (design, site, change) {
        (Design::Everywhere | Design::LockedMask, Site::RegEntry | Site::RegExit, _) => {
            Excuse::NotNeeded(GATE)
        }
        (Design::Mask | Design::Threads, Site::RegExit, _) => Excuse::OneOrderOfWrites(ANSWERED),
        (Design::Running, Site::RegExit, Change::Weakened(Write)) => Excuse::OneOrderOfWrites(PUBLISHED),
        (Design::Threads, Site::ExecMb, _) => Excuse::NotNeeded(UNLISTED),
        (Design::LockedMask, Site::OffPre, Change::Weakened(Write)) => Excuse::NotNeeded(UNLOCKED),
        (_, Site::SysExit, Change::Weakened(Acquire)) => Excuse::OneOrderOfWrites(READS_DECIDE),
        (
            _,
            Site::SchedBefore
            | Site::ExitMm
            | Site::ExecMb
            | Site::UnuseMm
            | Site::OffPre
            | Site::RegExit
            | Site::MaskClear,
            Change::Weakened(Release),
        ) => Excuse::OneOrderOfWrites(STORES_FIRST),
        _ => return None,
    })
}

/// What is to be thought of a changed site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// Something breaks: the barrier is needed.
    Needed,
    /// Nothing breaks, and that is excused.
    Excused(Excuse),
    /// Nothing breaks, and nobody knows why: a failure.
    Unexplained,
    /// Something breaks, and there is an excuse for why nothing would: a failure.
    Outdated(Excuse),
    /// Some scenarios took more memory than allowed: no judgement.
    Unfinished,
}

/// Judges one cell of the matrix.
#[must_use]
pub fn judge(design: Design, site: Site, change: Change, cell: &Cell) -> Judgement {
    match (cell.killed_by.is_empty(), excuse(design, site, change)) {
        (false, None) => Judgement::Needed,
        (false, Some(excuse)) => Judgement::Outdated(excuse),
        (true, _) if cell.unfinished > 0 => Judgement::Unfinished,
        (true, Some(excuse)) => Judgement::Excused(excuse),
        (true, None) => Judgement::Unexplained,
    }
}

/// The cells that are no good: unexplained, outdated or unfinished.
#[must_use]
pub fn failures(matrix: &Matrix) -> Vec<(Design, Site, Change, Judgement)> {
    let judged = matrix
        .iter()
        .map(|(&(design, site, change), cell)| (design, site, change, judge(design, site, change, cell)));
    judged.filter(|(.., judgement)| !matches!(judgement, Judgement::Needed | Judgement::Excused(_))).collect()
}

/// Why a design does not pass a site at all.
#[must_use]
pub const fn not_passed(design: Design, site: Site) -> Option<&'static str> {
    use Site::{
        ExecMb, ExitMm, MaskClear, MaskSet, MaskSwitch, MmDrop, RetCoreSync, SameSwitch, SchedBefore,
        StaleMb, SwitchCoreSync, SwitchMm, Untold, UnuseMm, UseMm,
    };
    Some(match (design, site) {
        (
            Design::Everywhere,
            SchedBefore | SwitchMm | MmDrop | StaleMb | SwitchCoreSync | RetCoreSync | ExitMm | ExecMb
            | UseMm | UnuseMm | MaskSet | MaskClear | MaskSwitch | SameSwitch | Untold,
        ) => "its hooks do nothing: every online CPU is poked",
        (Design::Running, MaskSet | MaskClear | MaskSwitch) => "it keeps no masks",
        (Design::Running | Design::Mask | Design::LockedMask, SameSwitch) => {
            "a switch within an address space leaves the CPU a target"
        }
        (Design::Mask, SchedBefore | SwitchMm | MmDrop | ExitMm | ExecMb | UseMm | UnuseMm) => {
            "its barriers are those around the edits of the mask"
        }
        (
            Design::LockedMask,
            SchedBefore | SwitchMm | MmDrop | ExitMm | ExecMb | UseMm | UnuseMm | MaskClear | MaskSwitch,
        ) => "the lock of the run queue orders its hooks, and it never clears a bit",
        (Design::Threads, MaskSet | MaskClear | MaskSwitch) => "it keeps no masks",
        _ => return None,
    })
}
