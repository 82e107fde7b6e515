//! The runner: takes cases to a subject, one after the other, within a budget.

use core::sync::atomic::Ordering::Relaxed;

use bonfire_abi::{Error, from_return};

use crate::arena::Allowance;
use crate::case::{self, Case, Cost, cases};
use crate::random::Random;
use crate::verdict::{Evidence, Finding, Outcome, Reason, Verdict};
use crate::{Ending, Subject};

/// What a run may spend, and from where its chances come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// How long the whole run may take, in nanoseconds of the subject's clock.
    /// It is shared out among the cases; what one leaves over, the next get.
    pub budget_ns: u64,
    /// Where the random numbers start. The same seed tries the same delays in
    /// the same order; what the machine makes of them differs each time.
    pub seed: u64,
}

/// Who watches a run.
pub trait Observer {
    /// `case` begins.
    fn begins(&mut self, case: &Case) {
        let _ = case;
    }

    /// `case` has ended so.
    fn ended(&mut self, case: &Case, outcome: &Outcome);

    /// Whether to stop before the next case. Those left are reported as not run.
    fn stop(&mut self) -> bool {
        false
    }
}

/// How many cases got which verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    counts: [u32; 4],
}

impl Summary {
    /// How many cases got this verdict.
    #[must_use]
    pub const fn count(&self, verdict: Verdict) -> u32 {
        self.counts[verdict as usize]
    }

    /// The verdict on all of them: the worst that one got. `NotObservable` where
    /// no case gave a verdict at all.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let worst_first =
            [Verdict::DoesNotConform, Verdict::CannotTell, Verdict::Conforms, Verdict::NotObservable];
        let got = worst_first.into_iter().find(|&verdict| self.count(verdict) > 0);
        got.unwrap_or(Verdict::NotObservable)
    }

    fn add(&mut self, verdict: Verdict) {
        self.counts[verdict as usize] += 1;
    }
}

impl FromIterator<Verdict> for Summary {
    fn from_iter<I: IntoIterator<Item = Verdict>>(verdicts: I) -> Self {
        let mut summary = Self::default();
        verdicts.into_iter().for_each(|verdict| summary.add(verdict));
        summary
    }
}

/// How long past its share a case may take before it is stopped: a machine
/// under load is slow, and a kernel that hangs is patient.
const GRACE_NS: u64 = 5_000_000_000;

/// Runs those of [`cases`] that `selected` picks, in their order.
pub fn run(
    subject: &dyn Subject,
    selected: &dyn Fn(&Case) -> bool,
    options: Options,
    observer: &mut dyn Observer,
) -> Summary {
    let mut summary = Summary::default();
    let mut runner = Runner::new(subject, selected, options);
    for (number, case) in (0..).zip(cases()).filter(|(_, case)| selected(case)) {
        observer.begins(&case);
        let began = subject.now_ns();
        let mut outcome = if observer.stop() { not_run() } else { runner.judge(number, &case) };
        outcome.duration_ns = subject.now_ns().saturating_sub(began);
        summary.add(outcome.verdict);
        observer.ended(&case, &outcome);
    }
    summary
}

fn not_run() -> Outcome {
    Outcome::new(Some(Reason::NotRun), Evidence::default())
}

struct Runner<'a> {
    subject: &'a dyn Subject,
    seeds: Random,
    /// When all cases should have run: after six tenths of the budget. Three
    /// more are for those whose rounds do not tell in their share; the last is
    /// for births, deaths, and the last call of a slow command.
    plan_end_ns: u64,
    end_ns: u64,
    /// What a case gets at least for each unit of its weight, before `end_ns`.
    least_ns: u64,
    /// The weights of the cases that have not run.
    weight_left: u64,
    /// Why no case can be judged, if so.
    deaf: Option<Reason>,
}

impl<'a> Runner<'a> {
    fn new(subject: &'a dyn Subject, selected: &dyn Fn(&Case) -> bool, options: Options) -> Self {
        let order = subject.memory_order();
        let weight_left = cases().filter(|case| selected(case)).map(|case| case.cost(order).weight).sum();
        let (now_ns, tenth_ns) = (subject.now_ns(), options.budget_ns / 10);
        let seeds = Random::new(options.seed);
        Self {
            subject,
            seeds,
            plan_end_ns: now_ns.saturating_add(tenth_ns * 6),
            end_ns: now_ns.saturating_add(tenth_ns * 9),
            least_ns: tenth_ns * 3 / u64::max(weight_left, 1),
            weight_left,
            deaf: probe(subject),
        }
    }

    fn judge(&mut self, number: u16, case: &Case) -> Outcome {
        let share_ns = self.share_ns(case);
        match self.deaf.or_else(|| self.obstacle(case)) {
            Some(reason) => Outcome::new(Some(reason), Evidence::default()),
            None => self.persist(number, case, share_ns),
        }
    }

    /// Plays `case` until it tells something, in a fresh process each time: what
    /// keeps a twin silent (where its threads and its memory came to lie) stays
    /// with a process, and seldom meets two in a row. A violation ends it at once,
    /// whichever process saw it.
    fn persist(&mut self, number: u16, case: &Case, share_ns: u64) -> Outcome {
        const PROCESSES: u32 = 3;
        let mut outcome = not_run();
        for _ in 0..PROCESSES {
            let allowance = self.allowance(case, share_ns);
            outcome = self.play(number, case, allowance);
            if outcome.reason != Some(Reason::TwinSilent) || self.subject.now_ns() >= self.end_ns {
                break;
            }
        }
        outcome
    }

    /// Why `case` cannot even be tried.
    fn obstacle(&self, case: &Case) -> Option<Reason> {
        let (needed, present) = (case.cpus(), self.subject.cpus());
        let absent = case.needs(self.subject.arena().commands()).map(Reason::NotAdvertised);
        let crowded = || (present < needed).then_some(Reason::TooFewCpus { needed, present });
        let hidden = || case.hidden(self.subject.memory_order());
        absent.or_else(|| crowded().map(|crowded| hidden().unwrap_or(crowded)))
    }

    fn play(&self, number: u16, case: &Case, allowance: Allowance) -> Outcome {
        let arena = self.subject.arena();
        let order = self.subject.memory_order();
        arena.reset(allowance);
        let patience_ns = allowance.limit_ns.saturating_sub(self.subject.now_ns()) + GRACE_NS;
        let ending = self.subject.process(Case::first_task(number), patience_ns);
        let rounds = arena.counts.rounds();
        let evidence =
            Evidence { calls: arena.calls.load(Relaxed), rounds: case.has_rounds().then_some(rounds) };
        let silent = case.has_rounds() && !rounds.tells();
        let reason = (rounds.forbidden > 0)
            .then_some(Reason::Forbidden)
            .or_else(|| arena.wrong.finding().map(wrong))
            .or_else(|| missing(self.subject))
            .or_else(|| ended(ending))
            .or_else(|| case.hidden(order).or_else(|| case.unseen(rounds)))
            .or_else(|| silent.then_some(Reason::TwinSilent));
        Outcome::new(reason, evidence)
    }

    /// The share of `case` in what is left of the plan.
    fn share_ns(&mut self, case: &Case) -> u64 {
        let Cost { weight, rounds, most_ns } = case.cost(self.subject.memory_order());
        // A hunt has never enough rounds, and would leave most of the reserve.
        let is_insatiable = rounds == u64::MAX;
        let plan_end_ns =
            if is_insatiable { u64::midpoint(self.plan_end_ns, self.end_ns) } else { self.plan_end_ns };
        let left_ns = plan_end_ns.saturating_sub(self.subject.now_ns());
        let unit_ns = u64::max(left_ns / self.weight_left.max(1), self.least_ns);
        self.weight_left -= weight;
        most_ns.min(unit_ns * weight)
    }

    /// What one process of `case` may use: the share, and if that tells nothing,
    /// some more.
    fn allowance(&mut self, case: &Case, share_ns: u64) -> Allowance {
        const SHARES_IN_NEED: u64 = 2;
        let order = self.subject.memory_order();
        let now_ns = self.subject.now_ns();
        let need_ns = if case.always_tells(order) { share_ns * SHARES_IN_NEED } else { share_ns };
        Allowance {
            seed: self.seeds.next(),
            deadline_ns: self.end_ns.min(now_ns + share_ns),
            limit_ns: self.end_ns.min(now_ns + need_ns),
            rounds: case.cost(order).rounds,
        }
    }
}

/// Asks `QUERY`, and says why nothing can be judged if it fails.
fn probe(subject: &dyn Subject) -> Option<Reason> {
    let arena = subject.arena();
    arena.reset(Allowance::default());
    let ending = subject.process(case::PROBE, GRACE_NS);
    let answer = from_return(arena.query.load(Relaxed) as isize);
    ended(ending).or_else(|| missing(subject)).or_else(|| answer.err().map(Reason::NoCall))
}

/// A wrong answer does not conform; but the kernel may always be out of memory.
fn wrong(finding: Finding) -> Reason {
    match finding.got {
        Err(Error::OutOfMemory) => Reason::Refused(Error::OutOfMemory),
        _ => Reason::WrongAnswer(finding),
    }
}

/// Why a process that ended like this tells nothing.
fn ended(ending: Ending) -> Option<Reason> {
    match ending {
        Ending::Ended => None,
        Ending::Hung => Some(Reason::Hung),
        Ending::Killed(signal) => Some(Reason::Killed(signal)),
        Ending::Missing => Some(Reason::Missing(crate::Means::Start)),
    }
}

/// What the case found missing; a subject that did not even enter it is missing too.
fn missing(subject: &dyn Subject) -> Option<Reason> {
    let arena = subject.arena();
    let silent = (arena.entered.load(Relaxed) == 0).then_some(crate::Means::Start);
    arena.missing().or(silent).map(Reason::Missing)
}
