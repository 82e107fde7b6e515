//! The rule: which cases a machine can show, from what was measured of it.
//!
//! A case that looks for a reordering needs a machine that can show it. Where no
//! budget and no quiet could, the verdict is *not observable here*, and says by
//! which row of [`RULE`]; *cannot tell* is only what more time or more quiet
//! might tell. `docs/litmus.md` has the table for readers.

use crate::verdict::Reason;
use crate::{Abilities, MemoryOrder};

/// What must be possible for a missing barrier to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Needs {
    /// Nothing of the machine: an answer, an aborted section.
    Nothing,
    /// That a load overtakes an earlier store of a thread that does not call.
    Light,
    /// That a load overtakes an earlier store of the caller, across its call.
    Caller,
    /// That other accesses than these change places.
    Others,
    /// That an instruction runs in its old form after it was rewritten.
    Stale,
}

/// Where a case is to be tried.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    pub(crate) order: MemoryOrder,
    /// Whether code is translated rather than run.
    pub(crate) emulated: bool,
    pub(crate) measured: Abilities,
}

/// What a case's trial is worth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Chance {
    /// It is tried, and with enough rounds it tells.
    Fair,
    /// It is tried; if its twin stays silent for so many rounds, this is why.
    Doubtful(Reason, u64),
    /// It is not tried: nothing it could show would mean anything.
    Never(Reason),
}

use Chance::{Doubtful, Fair, Never};
use Needs::{Caller, Light, Others, Stale};

/// A row of the rule.
pub(crate) struct Row {
    /// The cases that it is for.
    needs: &'static [Needs],
    /// When it applies.
    when: fn(&Setting) -> bool,
    then: Chance,
    /// The row in words.
    pub(crate) says: &'static str,
}

/// How many silent rounds of a twin are enough to believe in a doubt.
const SOME: u64 = 100;
const MANY: u64 = 2_000;

/// The first row that applies decides; where none does, the chance is fair.
pub(crate) static RULE: &[Row] = &[
    Row {
        needs: &[Stale],
        when: |setting| setting.emulated,
        then: Never(Reason::Translated),
        says: "Under an emulator it is not tried: a translation may be kept whatever the kernel does.",
    },
    Row {
        needs: &[Stale],
        when: |setting| setting.measured.helped_seen > 0,
        then: Never(Reason::StaleAnyway),
        says: "Where the old form ran although the thread had serialised itself, it is not tried.",
    },
    Row {
        needs: &[Stale],
        when: |setting| setting.measured.goes_stale() == Some(false),
        then: Doubtful(Reason::NoStaleInstruction, 1),
        says: "Where no instruction went stale in 100 measured rounds, nor in the twin's, it is not observable.",
    },
    Row {
        needs: &[Stale],
        when: |setting| setting.measured.goes_stale().is_none(),
        then: Doubtful(Reason::NoStaleInstruction, SOME),
        says: "Where fewer rounds were measured, and none went stale in the twin's first 100, it is not observable.",
    },
    Row {
        needs: &[Others],
        when: |setting| setting.order == MemoryOrder::StoreBuffer && setting.emulated,
        then: Never(Reason::Architecture),
        says: "Where only a load may overtake an earlier store, an emulator is given no time for it.",
    },
    Row {
        needs: &[Others],
        when: |setting| setting.order == MemoryOrder::StoreBuffer,
        then: Doubtful(Reason::Architecture, 0),
        says: "Where only a load may overtake an earlier store, a few rounds are tried all the same; it is not observable.",
    },
    Row {
        needs: &[Others],
        when: |setting| {
            setting.emulated && setting.measured.order_rounds >= SOME && setting.measured.order_seen == 0
        },
        then: Never(Reason::HostOrder),
        says: "Under an emulator on whose host such accesses never changed places in the measurement, it is not tried.",
    },
    Row {
        needs: &[Light, Caller, Others],
        when: |setting| setting.emulated && setting.measured.takes_turns(),
        then: Never(Reason::OneAtATime),
        says: "Under an emulator that takes its CPUs in turns it is not tried.",
    },
    Row {
        needs: &[Light, Caller, Others],
        when: |setting| setting.emulated && setting.measured.runs_at_once() == Some(false),
        then: Fair,
        says: "Under an emulator whose host was too busy for two CPUs at once it is tried; what stays silent cannot be told.",
    },
    Row {
        needs: &[Caller],
        when: |setting| setting.may_only_overtake() && setting.measured.call_empties() == Some(true),
        then: Never(Reason::CallEmpties),
        says: "Where a call empties its caller's store buffer it is not tried.",
    },
    Row {
        needs: &[Light, Caller],
        when: |setting| setting.may_only_overtake() && setting.calls_per_wait() >= Some(200),
        then: Never(Reason::CallOutlasts),
        says: "Where a call takes more than twice as long as any store waits it is not tried.",
    },
    Row {
        needs: &[Light, Caller],
        when: |setting| setting.may_only_overtake() && setting.calls_per_wait() >= Some(50),
        then: Doubtful(Reason::CallOutlasts, SOME),
        says: "Where a call takes about as long as stores wait, and the twin's first 100 rounds are silent, it is not observable.",
    },
    Row {
        needs: &[Light, Caller, Others],
        when: |setting| setting.emulated,
        then: Doubtful(Reason::EmulatorHides, SOME),
        says: "Under an emulator, where the twin's first 100 rounds are silent, it is not observable.",
    },
    Row {
        needs: &[Caller],
        when: |setting| setting.may_only_overtake() && setting.measured.call_empties().is_none(),
        then: Doubtful(Reason::CallEmpties, MANY),
        says: "Where that did not show, and the twin's first 2,000 rounds are silent it is not observable: a call empties its caller's store buffer.",
    },
];

/// What this machine lets a case with these needs show.
pub(crate) fn chance(needs: Needs, setting: &Setting) -> Chance {
    let row = rows(needs).find(|row| (row.when)(setting));
    row.map_or(Fair, |row| row.then)
}

/// The rows that are for a case with these needs.
pub(crate) fn rows(needs: Needs) -> impl Iterator<Item = &'static Row> {
    RULE.iter().filter(move |row| row.needs.contains(&needs))
}

impl Setting {
    /// Whether nothing but a load that overtakes a store can be seen here.
    fn may_only_overtake(&self) -> bool {
        self.order == MemoryOrder::StoreBuffer || (self.emulated && self.measured.order_seen == 0)
    }

    /// How long a call takes in hundredths of what a store waits; `None` before
    /// there is enough to say so. On hardware stores always wait: where none was
    /// seen to, something else kept the CPUs busy.
    fn calls_per_wait(&self) -> Option<u64> {
        let Abilities { wait_rounds, wait_ns, .. } = self.measured;
        let call_ns = self.measured.fastest_call_ns();
        match wait_ns {
            0 if self.emulated && wait_rounds >= SOME => Some(u64::MAX),
            0 => None,
            _ => Some(call_ns * 100 / wait_ns),
        }
    }
}

#[cfg(test)]
mod tests;
