//! The budget of a run: who may spend how much of it.
//!
//! ```text
//! 0 ─────── plan ── credit ───── end ─ budget
//!     60 %      75 %        95 %
//! ```
//!
//! Each case has a share by its weight in what is left until *plan*. One that
//! tells nothing in its share may borrow as much again until *credit*. Those whose
//! twins were silent are tried again until *end*; what is left then is for births
//! and deaths. However much those before it have used, a case is left its part of
//! what lies between *credit* and *end*; what begins after *end* is not run.
//!
//! From the first conviction on the verdict on the whole is settled, and the rest
//! is only to say how far it goes: nobody borrows, nothing is tried again, no case
//! takes more than a tenth of a second, and no race begins after two seconds more.

use crate::arena::Allowance;

/// What a case may cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    /// How much of the budget it is worth, relative to others.
    pub(crate) weight: u64,
    /// How many rounds are enough.
    pub(crate) rounds: u64,
    /// How long it may take at most, however much of the budget is left.
    pub(crate) most_ns: u64,
    /// Whether more time might tell what its share did not.
    pub(crate) may_borrow: bool,
}

impl Cost {
    /// Of a case that takes what it takes, which is next to nothing.
    pub(crate) const SMALL: Self = Self { weight: 1, rounds: 0, most_ns: u64::MAX, may_borrow: false };

    /// Of a race that can only show what nobody expects.
    pub(crate) const GLANCE: Self = Self { weight: 2, rounds: 500, most_ns: 10_000_000, may_borrow: false };

    /// Whether it has never rounds enough: a hunt.
    const fn is_insatiable(self) -> bool {
        self.rounds == u64::MAX
    }
}

/// What a case takes after a conviction at the most, and what a case in which only
/// the caller can reorder takes at all.
pub(crate) const SHORT_NS: u64 = 100_000_000;
/// For how long after a conviction races begin.
const SETTLED_NS: u64 = 2_000_000_000;
/// How long past its share a case may take before it is stopped: a machine under
/// load is slow, and a kernel that hangs is patient.
pub(crate) const GRACE_NS: u64 = 5_000_000_000;
/// The same near the end of the budget.
const LEAST_GRACE_NS: u64 = 1_000_000_000;

/// What is left.
#[derive(Debug)]
pub(crate) struct Budget {
    began_ns: u64,
    budget_ns: u64,
    /// Until when a case may borrow; 0 when nobody has credit any more.
    credit_end_ns: u64,
    /// What a case gets at least for each unit of its weight.
    least_ns: u64,
    /// The weights of the cases that are still to come.
    weight_left: u64,
    /// Until when races begin although the verdict is settled; `None` before it is.
    settled_end_ns: Option<u64>,
}

impl Budget {
    /// Of a run that begins now, with cases of these weights.
    pub(crate) fn new(now_ns: u64, budget_ns: u64, weights: u64) -> Self {
        let mut budget = Self {
            began_ns: now_ns,
            budget_ns,
            credit_end_ns: 0,
            least_ns: 0,
            weight_left: weights,
            settled_end_ns: None,
        };
        budget.credit_end_ns = budget.after(75);
        budget.least_ns = (budget.end_ns() - budget.credit_end_ns) / weights.max(1);
        budget
    }

    /// When so many hundredths of the budget are over.
    fn after(&self, percent: u64) -> u64 {
        self.began_ns.saturating_add(self.budget_ns / 100 * percent)
    }

    fn plan_end_ns(&self) -> u64 {
        self.after(60)
    }

    pub(crate) fn end_ns(&self) -> u64 {
        self.after(95)
    }

    /// Cases of these weights are to come, once more, in what is left.
    pub(crate) fn again(&mut self, weights: u64) {
        self.credit_end_ns = 0;
        self.weight_left = weights;
    }

    /// A case does not conform.
    pub(crate) fn convict(&mut self, now_ns: u64) {
        self.settled_end_ns.get_or_insert(now_ns.saturating_add(SETTLED_NS));
        self.credit_end_ns = 0;
    }

    /// Whether a case did not conform.
    pub(crate) fn is_convicted(&self) -> bool {
        self.settled_end_ns.is_some()
    }

    /// Whether what was silent is to be tried again.
    pub(crate) fn tries_again(&self, now_ns: u64) -> bool {
        !self.is_convicted() && now_ns < self.end_ns()
    }

    /// Whether nothing is left for another case.
    pub(crate) fn is_spent(&self, now_ns: u64) -> bool {
        now_ns >= self.end_ns()
    }

    /// Whether a race of this cost is no longer begun, since the verdict is settled.
    pub(crate) fn is_settled(&self, cost: Cost, now_ns: u64) -> bool {
        !cost.is_insatiable() && self.settled_end_ns.is_some_and(|end_ns| now_ns >= end_ns)
    }

    /// The share of a case that comes for the first time.
    pub(crate) fn share_ns(&mut self, cost: Cost, now_ns: u64) -> u64 {
        // A hunt would leave most of the reserve.
        let plan_ns = self.plan_end_ns();
        let until_ns = if cost.is_insatiable() { u64::midpoint(plan_ns, self.end_ns()) } else { plan_ns };
        self.share_until(cost, now_ns, until_ns)
    }

    /// The share of a case that is tried again.
    pub(crate) fn share_of_rest_ns(&mut self, cost: Cost, now_ns: u64) -> u64 {
        self.share_until(cost, now_ns, self.end_ns())
    }

    fn share_until(&mut self, cost: Cost, now_ns: u64, until_ns: u64) -> u64 {
        let left_ns = until_ns.saturating_sub(now_ns);
        let unit_ns = u64::max(left_ns / self.weight_left.max(1), self.least_ns);
        self.weight_left = self.weight_left.saturating_sub(cost.weight);
        // A hunt is run to see which of several known faults there are.
        let is_short = self.is_convicted() && !cost.is_insatiable();
        let most_ns = if is_short { cost.most_ns.min(SHORT_NS) } else { cost.most_ns };
        most_ns.min(unit_ns.saturating_mul(cost.weight))
    }

    /// What one process of a case may use: the share, and if that tells nothing
    /// while there is credit, as much again.
    pub(crate) fn allowance(&self, cost: Cost, share_ns: u64, now_ns: u64, seed: u64) -> Allowance {
        let deadline_ns = self.end_ns().min(now_ns.saturating_add(share_ns));
        let credit_ns = self.credit_end_ns.saturating_sub(deadline_ns).min(share_ns);
        let limit_ns = if cost.may_borrow { deadline_ns + credit_ns } else { deadline_ns };
        Allowance { seed, deadline_ns, limit_ns, rounds: cost.rounds }
    }

    /// When a process that was to end at `limit_ns` is stopped, from now on.
    pub(crate) fn patience_ns(&self, limit_ns: u64, now_ns: u64) -> u64 {
        let over_ns = self.after(105).saturating_sub(limit_ns);
        limit_ns.saturating_sub(now_ns).saturating_add(over_ns.clamp(LEAST_GRACE_NS, GRACE_NS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;
    const USUAL: Cost = Cost { weight: 10, rounds: 100, most_ns: u64::MAX, may_borrow: true };

    #[test]
    fn a_case_leaves_to_others_what_it_does_not_use() {
        let mut budget = Budget::new(0, 100 * SECOND, 20);
        assert_eq!(budget.share_ns(USUAL, 0), 30 * SECOND);
        assert_eq!(budget.share_ns(USUAL, SECOND), 59 * SECOND);
    }

    #[test]
    fn a_case_that_comes_late_gets_its_least() {
        let mut budget = Budget::new(0, 100 * SECOND, 20);
        budget.share_ns(USUAL, 0);
        assert_eq!(budget.share_ns(USUAL, 80 * SECOND), 10 * SECOND, "half of what lies behind the credit");
        assert!(!budget.is_spent(94 * SECOND) && budget.is_spent(95 * SECOND));
    }

    #[test]
    fn only_a_case_that_may_tell_borrows_and_only_from_the_credit() {
        let budget = Budget::new(0, 100 * SECOND, 20);
        let limit = |cost, share, now| budget.allowance(cost, share, now, 0).limit_ns;
        assert_eq!(limit(USUAL, 10 * SECOND, 0), 20 * SECOND);
        assert_eq!(limit(Cost { may_borrow: false, ..USUAL }, 10 * SECOND, 0), 10 * SECOND);
        assert_eq!(limit(USUAL, 10 * SECOND, 60 * SECOND), 75 * SECOND);
        assert_eq!(limit(USUAL, 10 * SECOND, 90 * SECOND), 95 * SECOND);
    }

    #[test]
    fn after_a_conviction_all_is_short() {
        let mut budget = Budget::new(0, 100 * SECOND, 40);
        budget.convict(0);
        let share_ns = budget.share_ns(USUAL, SECOND);
        assert_eq!(share_ns, SHORT_NS);
        assert_eq!(budget.allowance(USUAL, share_ns, SECOND, 0).limit_ns, SECOND + SHORT_NS);
        assert!(!budget.tries_again(2 * SECOND));
        let hunt = Cost { rounds: u64::MAX, ..USUAL };
        assert!(budget.share_ns(hunt, SECOND) > SHORT_NS);
        budget.convict(SECOND);
        assert!(!budget.is_settled(USUAL, SETTLED_NS - 1), "a moment after the first");
        assert!(budget.is_settled(USUAL, SETTLED_NS) && !budget.is_settled(hunt, SETTLED_NS));
    }

    #[test]
    fn what_hangs_is_stopped_before_the_budget_is_far_exceeded() {
        let budget = Budget::new(0, 20 * SECOND, 1);
        assert_eq!(budget.patience_ns(2 * SECOND, SECOND), SECOND + GRACE_NS);
        assert_eq!(budget.patience_ns(19 * SECOND, 19 * SECOND), 2 * SECOND);
        assert_eq!(budget.patience_ns(22 * SECOND, 22 * SECOND), LEAST_GRACE_NS);
    }
}
