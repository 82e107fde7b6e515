//! What each barrier of the engine is for: the edge that it is an end of, the
//! other end, and what goes wrong without it.
//!
//! The edges are those of [`bonfire_engine::Site`]'s table; which scenario shows
//! it is found by exploring.

use bonfire_engine::Site;

/// What a barrier is for.
#[derive(Clone, Copy, Debug)]
pub struct Purpose {
    /// Where it stands.
    pub about: &'static str,
    /// The edge, or the edges.
    pub edge: &'static str,
    /// The barriers at the other end.
    pub pairs: &'static [Site],
    /// The other end, if it is a store and no barrier.
    pub store: Option<&'static str>,
    /// What breaks without it.
    pub breaks: &'static str,
}

const SKIPPED_STALE: &str = "A caller skips this CPU, and the thread that enters it yet reads what was there \
                             before the call.";
const SKIPPED_UNSEEN: &str =
    "A caller skips this CPU, and does not see after the call what the thread that left it did before.";
const STALE_CODE: &str = "This CPU goes on to run instructions that were replaced before the call.";

/// What `site` is for.
#[must_use]
pub const fn purpose(site: Site) -> Purpose {
    use Site::{
        ExecMb, ExitCoreSync, ExitMm, IpiCoreSync, IpiMb, MaskClear, MaskSet, MaskSwitch, MmDrop, OffPre,
        RegEntry, RegExit, RetCoreSync, SameSwitch, SchedBefore, SelfCoreSync, StaleMb, SwitchCoreSync,
        SwitchMm, SysEntry, SysExit, Untold, UnuseMm, UseMm,
    };
    const ENTERS: &[Site] = &[SysEntry];
    const LEAVES: &[Site] = &[SysExit];
    const BOTH: &[Site] = &[SysEntry, SysExit];
    let (about, edge, pairs, breaks) = match site {
        SysEntry => (
            "the caller, on entry",
            "A",
            &[SwitchMm, MmDrop, UseMm, SameSwitch, MaskSet, MaskSwitch, Untold, IpiMb] as &[Site],
            "A CPU is skipped or answers, and yet reads what was there before the call.",
        ),
        SysExit => (
            "the caller, before it returns",
            "B",
            &[SchedBefore, ExitMm, ExecMb, UnuseMm, SameSwitch, MaskClear, MaskSwitch, OffPre, Untold, IpiMb]
                as &[Site],
            "A CPU is skipped or answers, and what it did before is not seen after the call.",
        ),
        IpiMb => (
            "the handler, after it took the requests and before it answers",
            "A, B and R",
            &[SysEntry, SysExit, RegEntry] as &[Site],
            "A CPU answers, and its own accesses are on the wrong side of the call.",
        ),
        SchedBefore => ("before a switch away from a user thread is published", "B", LEAVES, SKIPPED_UNSEEN),
        ExitMm => ("before a thread that exits leaves its address space", "B", LEAVES, SKIPPED_UNSEEN),
        ExecMb => ("before an exec replaces the address space", "B", LEAVES, SKIPPED_UNSEEN),
        UnuseMm => ("before a kernel thread stops using an address space", "B", LEAVES, SKIPPED_UNSEEN),
        OffPre => ("before a CPU that goes offline says so", "B", LEAVES, SKIPPED_UNSEEN),
        MaskClear => ("before a CPU takes itself out of a mask", "B", LEAVES, SKIPPED_UNSEEN),
        SwitchMm => {
            ("after a switch from one address space to another was published", "A", ENTERS, SKIPPED_STALE)
        }
        MmDrop => {
            ("after a switch from a kernel thread to a user thread was published", "A", ENTERS, SKIPPED_STALE)
        }
        UseMm => ("after a kernel thread began to use an address space", "A", ENTERS, SKIPPED_STALE),
        MaskSet => ("after a CPU put itself into a mask", "A", ENTERS, SKIPPED_STALE),
        MaskSwitch => ("between entering one mask and leaving another", "A and B", BOTH, SKIPPED_STALE),
        SameSwitch => {
            ("on a switch between two threads of one address space", "A and B", BOTH, SKIPPED_STALE)
        }
        Untold => {
            ("on a change of occupant of which the CPU was not told before", "A and B", BOTH, SKIPPED_STALE)
        }
        RegEntry => (
            "a registration, between its intent and its poke",
            "R",
            &[IpiMb] as &[Site],
            "A CPU goes on switching without barriers after the gate is open.",
        ),
        RegExit => (
            "a registration, between the last answer and the opening of the gate",
            "G and P",
            ENTERS,
            "A second thread finds the gate open and calls before every CPU pays.",
        ),
        StaleMb => (
            "between taking the mark of stale instructions and the core serialisation",
            "M",
            &[] as &[Site],
            "A CPU takes the mark of a call ahead of its new code, leaves, is skipped, and comes back unmarked.",
        ),
        IpiCoreSync => ("the handler's core serialisation", "S", ENTERS, STALE_CODE),
        SelfCoreSync => ("the caller's own core serialisation", "S", ENTERS, STALE_CODE),
        SwitchCoreSync => {
            ("core serialisation on a switch to another address space", "S", ENTERS, STALE_CODE)
        }
        RetCoreSync => (
            "core serialisation when a kernel thread gives way to a thread of the address space that it borrowed",
            "S",
            ENTERS,
            STALE_CODE,
        ),
        ExitCoreSync => {
            ("a core serialisation that was put off, on the way to user mode", "S", ENTERS, STALE_CODE)
        }
    };
    let store = match site {
        StaleMb => Some("the mark of a call, a release store before SysEntry"),
        _ => None,
    };
    Purpose { about, edge, pairs, store, breaks }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_barrier_has_another_end() {
        for site in Site::ALL {
            let purpose = purpose(site);
            assert!(!purpose.pairs.is_empty() || purpose.store.is_some(), "{}", site.name());
        }
    }

    #[test]
    fn an_edge_of_barriers_is_the_same_from_both_ends() {
        for site in Site::ALL.into_iter().filter(|site| !site.is_core_sync()) {
            for other in purpose(site).pairs.iter().filter(|other| **other != Site::RegExit) {
                let back = purpose(*other).pairs;
                let is_gate = (site, *other) == (Site::RegExit, Site::SysEntry);
                assert!(back.contains(&site) || is_gate, "{} and {}", site.name(), other.name());
            }
        }
    }
}
