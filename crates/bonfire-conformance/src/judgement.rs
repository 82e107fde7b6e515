//! What becomes of a case: the verdict, in one room.
//!
//! [`weigh`] takes what is known when a process of a case has ended, and says
//! what follows: a reason, no reason (it conforms), or another process first.
//!
//! | first that applies | then |
//! |---|---|
//! | a wrong answer | does not conform; out of memory is no wrong answer |
//! | a forbidden outcome, on hardware whose twin shows it more often | does not conform |
//! | a forbidden outcome of a case that counts, in one round of ten or fewer | nothing: other things are counted, too |
//! | a forbidden outcome otherwise | a second session: again → does not conform, not again → cannot tell |
//! | means are missing, the process hung or was killed | cannot tell |
//! | the twin showed the outcome often enough | conforms |
//! | it is doubtful that the machine can show it, and the twin has had its rounds | not observable, for the reason of the doubt |
//! | else | another process; in the end, cannot tell |

use bonfire_abi::Error;

use crate::Ending;
use crate::rule::Chance;
use crate::verdict::{Finding, Means, Reason, Rounds};

/// What is known when a process of a case has ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    /// What the machine lets the case show.
    pub(crate) chance: Chance,
    pub(crate) emulated: bool,
    /// How the process ended.
    pub(crate) ending: Ending,
    /// The first wrong answer.
    pub(crate) finding: Option<Finding>,
    /// What the case found missing.
    pub(crate) missing: Option<Means>,
    /// The rounds of this process, if the case has any.
    pub(crate) rounds: Option<Rounds>,
    /// Whether it is something that is counted, and strays with it.
    pub(crate) has_strays: bool,
    /// Whether an earlier session saw the forbidden outcome, and this is to confirm it.
    pub(crate) confirms: bool,
}

/// What follows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Next {
    /// It is decided: the reason, or none where it conforms.
    Decided(Option<Reason>),
    /// A second, independent session must confirm.
    Confirm,
    /// It may tell in another process; if that is not to be, it cannot be told.
    Again,
}

/// Weighs the facts.
pub(crate) fn weigh(facts: &Facts) -> Next {
    let decided = |reason| Next::Decided(Some(reason));
    if let Some(finding) = facts.finding {
        return decided(wrong(finding));
    }
    if facts.rounds.is_some_and(|rounds| facts.are_seen(rounds)) {
        return if facts.is_plain() || facts.confirms { decided(Reason::Forbidden) } else { Next::Confirm };
    }
    if facts.confirms {
        return decided(Reason::Unconfirmed);
    }
    let in_the_way = facts.missing.map(Reason::Missing).or_else(|| ended(facts.ending));
    match (in_the_way, facts.rounds, facts.chance) {
        (Some(reason), ..) => decided(reason),
        (_, None, _) => Next::Decided(None),
        (_, Some(rounds), _) if rounds.tells() => Next::Decided(None),
        (_, Some(rounds), Chance::Doubtful(reason, enough)) if rounds.twin_rounds >= enough => {
            decided(reason)
        }
        _ => Next::Again,
    }
}

impl Facts {
    /// Whether the forbidden outcome was seen.
    const fn are_seen(&self, rounds: Rounds) -> bool {
        rounds.forbidden > 0 && !(self.has_strays && rounds.are_strays())
    }

    /// Whether a forbidden outcome can have no other cause than the barrier: on
    /// hardware that may show it, and where the twin shows it far more often.
    fn is_plain(&self) -> bool {
        let expected = !matches!(self.chance, Chance::Doubtful(Reason::Architecture, _));
        !self.emulated
            && !self.has_strays
            && expected
            && self.rounds.is_some_and(|rounds| !rounds.are_alike())
    }
}

/// A wrong answer does not conform; but the kernel may always be out of memory.
fn wrong(finding: Finding) -> Reason {
    match finding.got {
        Err(Error::OutOfMemory) => Reason::Refused(Error::OutOfMemory),
        _ => Reason::WrongAnswer(finding),
    }
}

/// Why a process that ended like this tells nothing.
pub(crate) fn ended(ending: Ending) -> Option<Reason> {
    match ending {
        Ending::Ended => None,
        Ending::Hung => Some(Reason::Hung),
        Ending::Killed(signal) => Some(Reason::Killed(signal)),
        Ending::Missing => Some(Reason::Missing(Means::Start)),
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use crate::verdict::Verdict;
    use Next::{Again, Confirm, Decided};
    use std::string::ToString;

    const PLAIN: Facts = Facts {
        chance: Chance::Fair,
        emulated: false,
        ending: Ending::Ended,
        finding: None,
        missing: None,
        rounds: None,
        has_strays: false,
        confirms: false,
    };
    const DOUBT: Chance = Chance::Doubtful(Reason::CallEmpties, 2000);
    const TELLS: Rounds = rounds(0, 600);
    const SILENT: Rounds = rounds(0, 0);
    /// As a kernel has it that loses a barrier now and then.
    const RARE: Rounds = rounds(3, 600);
    /// As a liar has it.
    const ALIKE: Rounds = rounds(580, 600);

    const fn rounds(forbidden: u64, twin_forbidden: u64) -> Rounds {
        Rounds { rounds: 1000, forbidden, twin_rounds: 1000, twin_forbidden }
    }

    fn played(rounds: Rounds) -> Facts {
        Facts { rounds: Some(rounds), ..PLAIN }
    }

    fn check(facts: Facts, expected: Next) {
        assert_eq!(weigh(&facts), expected, "{facts:?}");
    }

    #[test]
    fn what_was_seen_on_hardware_stays_what_it_is() {
        check(played(RARE), Decided(Some(Reason::Forbidden)));
        check(Facts { ending: Ending::Hung, ..played(RARE) }, Decided(Some(Reason::Forbidden)));
        check(Facts { missing: Some(Means::Start), ..played(RARE) }, Decided(Some(Reason::Forbidden)));
    }

    #[test]
    fn where_the_machine_may_be_to_blame_a_second_session_must_confirm() {
        let never = Chance::Doubtful(Reason::Architecture, 0);
        for facts in
            [played(ALIKE), Facts { emulated: true, ..played(RARE) }, Facts { chance: never, ..played(RARE) }]
        {
            check(facts, Confirm);
            check(Facts { confirms: true, ..facts }, Decided(Some(Reason::Forbidden)));
            let not_again = Facts { confirms: true, rounds: Some(TELLS), ..facts };
            check(not_again, Decided(Some(Reason::Unconfirmed)));
            let ended_early = Facts { ending: Ending::Hung, rounds: Some(SILENT), ..not_again };
            check(ended_early, Decided(Some(Reason::Unconfirmed)));
        }
    }

    #[test]
    fn what_is_counted_has_strays_and_a_verdict_on_it_two_sessions() {
        let counted = |rounds| Facts { has_strays: true, ..played(rounds) };
        check(counted(RARE), Decided(None));
        check(counted(ALIKE), Confirm);
        check(Facts { confirms: true, ..counted(ALIKE) }, Decided(Some(Reason::Forbidden)));
        check(counted(SILENT), Again);
    }

    #[test]
    fn a_silent_twin_says_why_only_after_its_rounds() {
        check(played(TELLS), Decided(None));
        check(played(SILENT), Again);
        let doubtful = Facts { chance: DOUBT, ..played(SILENT) };
        check(doubtful, Again);
        let many = Rounds { twin_rounds: 2000, ..SILENT };
        check(Facts { rounds: Some(many), ..doubtful }, Decided(Some(Reason::CallEmpties)));
        check(Facts { rounds: Some(TELLS), ..doubtful }, Decided(None));
    }

    #[test]
    fn what_is_in_the_way_is_told_before_what_is_silent() {
        let missing = Facts { missing: Some(Means::Exec), ..played(SILENT) };
        check(missing, Decided(Some(Reason::Missing(Means::Exec))));
        check(Facts { ending: Ending::Killed(9), ..played(TELLS) }, Decided(Some(Reason::Killed(9))));
        check(Facts { ending: Ending::Missing, ..PLAIN }, Decided(Some(Reason::Missing(Means::Start))));
        check(PLAIN, Decided(None));
    }

    #[test]
    fn what_no_set_up_brings_is_not_observable() {
        for means in Means::ALL {
            let reason = Reason::Missing(means);
            let is_for_good = means == Means::Registration || reason.to_string().contains("is written for");
            let expected = if is_for_good { Verdict::NotObservable } else { Verdict::CannotTell };
            assert_eq!(reason.verdict(), expected, "{reason}");
        }
    }

    #[test]
    fn a_wrong_answer_comes_before_all_else_and_no_memory_is_none() {
        let finding = |got| Finding { registers: [8, 0, 0], expected: Ok(0), got, step: 1 };
        let wrong = finding(Err(Error::NotRegistered));
        let facts = Facts { finding: Some(wrong), ending: Ending::Hung, ..played(ALIKE) };
        check(facts, Decided(Some(Reason::WrongAnswer(wrong))));
        let refused = Facts { finding: Some(finding(Err(Error::OutOfMemory))), ..PLAIN };
        check(refused, Decided(Some(Reason::Refused(Error::OutOfMemory))));
    }
}
