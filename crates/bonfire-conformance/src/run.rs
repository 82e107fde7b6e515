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
    let mut runner = Runner::new(subject, selected, options);
    let mut report = Report { observer, summary: Summary::default() };
    let mut silent = Silent::default();
    for (number, case) in (0..).zip(cases()).filter(|(_, case)| selected(case)) {
        report.observer.begins(&case);
        let outcome = if report.observer.stop() { not_run() } else { runner.judge(number, &case) };
        if !(is_silent(&outcome) && silent.keep(number, case, outcome)) {
            report.ended(&case, &outcome);
        }
    }
    runner.again(silent.cases().map(|(_, case, _)| case));
    for (number, case, outcome) in silent.cases() {
        report.observer.begins(&case);
        let outcome = if report.observer.stop() { outcome } else { runner.retry(number, &case, outcome) };
        report.ended(&case, &outcome);
    }
    report.summary
}

/// Where outcomes go.
struct Report<'a> {
    observer: &'a mut dyn Observer,
    summary: Summary,
}

impl Report<'_> {
    fn ended(&mut self, case: &Case, outcome: &Outcome) {
        self.summary.add(outcome.verdict);
        self.observer.ended(case, outcome);
    }
}

fn is_silent(outcome: &Outcome) -> bool {
    outcome.reason == Some(Reason::TwinSilent)
}

/// The cases whose twin was silent, with what became of them: they are tried
/// again when all have had their turn, and reported then.
#[derive(Default)]
struct Silent {
    kept: [Option<(u16, Case, Outcome)>; Self::MOST],
    count: usize,
}

impl Silent {
    /// Among more than that, nobody would get much of the time that is left.
    const MOST: usize = 32;

    /// Whether there was room for it.
    fn keep(&mut self, number: u16, case: Case, outcome: Outcome) -> bool {
        let Some(place) = self.kept.get_mut(self.count) else { return false };
        *place = Some((number, case, outcome));
        self.count += 1;
        true
    }

    fn cases(&self) -> impl Iterator<Item = (u16, Case, Outcome)> {
        self.kept.iter().copied().flatten()
    }
}

fn not_run() -> Outcome {
    Outcome::new(Some(Reason::NotRun), Evidence::default())
}

struct Runner<'a> {
    subject: &'a dyn Subject,
    seeds: Random,
    /// When all cases should have run: after six tenths of the budget.
    plan_end_ns: u64,
    /// Until when a case that does not tell in its share may borrow from those
    /// that follow.
    credit_end_ns: u64,
    /// When all have run again that need to. The last tenth of the budget is for
    /// births, deaths, and the last call of a slow command.
    end_ns: u64,
    /// What a case gets at least for each unit of its weight, however much those
    /// before it have used: all of them together, what is between `credit_end_ns`
    /// and `end_ns`.
    least_ns: u64,
    /// The weights of the cases that are still to come.
    weight_left: u64,
    /// Why no case can be judged, if so.
    deaf: Option<Reason>,
}

impl<'a> Runner<'a> {
    fn new(subject: &'a dyn Subject, selected: &dyn Fn(&Case) -> bool, options: Options) -> Self {
        let (now_ns, tenth_ns) = (subject.now_ns(), options.budget_ns / 10);
        let after = |tenths_ns: u64| now_ns.saturating_add(tenths_ns);
        let mut runner = Self {
            subject,
            seeds: Random::new(options.seed),
            plan_end_ns: after(tenth_ns * 6),
            credit_end_ns: after(tenth_ns * 15 / 2),
            end_ns: after(tenth_ns * 9),
            least_ns: 0,
            weight_left: 0,
            deaf: probe(subject),
        };
        runner.expect(cases().filter(|case| selected(case)));
        runner.least_ns = (runner.end_ns - runner.credit_end_ns) / runner.weight_left.max(1);
        runner
    }

    /// These are to come.
    fn expect(&mut self, cases: impl Iterator<Item = Case>) {
        let order = self.subject.memory_order();
        self.weight_left = cases.map(|case| case.cost(order).weight).sum();
    }

    /// These are to come once more, in what is left; nobody has credit any more.
    fn again(&mut self, cases: impl Iterator<Item = Case>) {
        self.credit_end_ns = 0;
        self.expect(cases);
    }

    fn judge(&mut self, number: u16, case: &Case) -> Outcome {
        let share_ns = self.share_ns(case, self.plan_end_ns);
        match self.deaf.or_else(|| self.obstacle(case)) {
            Some(reason) => Outcome::new(Some(reason), Evidence::default()),
            None => self.play(number, case, share_ns),
        }
    }

    /// Plays a case whose twin was silent until it tells something, in a fresh
    /// process each time: what keeps a twin silent (where its threads and its
    /// memory came to lie, who else has the CPUs) stays with a process, and
    /// seldom meets two in a row. A violation ends it at once, whichever process
    /// saw it.
    fn retry(&mut self, number: u16, case: &Case, first: Outcome) -> Outcome {
        const PROCESSES: u64 = 3;
        let share_ns = self.share_ns(case, self.end_ns) / PROCESSES;
        let mut outcome = first;
        for _ in 0..PROCESSES {
            if !is_silent(&outcome) || self.subject.now_ns() >= self.end_ns {
                break;
            }
            outcome = self.play(number, case, share_ns);
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

    /// One process of `case`.
    fn play(&mut self, number: u16, case: &Case, share_ns: u64) -> Outcome {
        let arena = self.subject.arena();
        let order = self.subject.memory_order();
        let allowance = self.allowance(case, share_ns);
        arena.reset(allowance);
        let began_ns = self.subject.now_ns();
        let patience_ns = allowance.limit_ns.saturating_sub(began_ns) + GRACE_NS;
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
        let duration_ns = self.subject.now_ns().saturating_sub(began_ns);
        Outcome { duration_ns, ..Outcome::new(reason, evidence) }
    }

    /// The share of `case` in what is left until then.
    fn share_ns(&mut self, case: &Case, until_ns: u64) -> u64 {
        let Cost { weight, rounds, most_ns } = case.cost(self.subject.memory_order());
        // A hunt has never enough rounds, and would leave most of the reserve.
        let is_insatiable = rounds == u64::MAX;
        let until_ns = if is_insatiable { u64::midpoint(until_ns, self.end_ns) } else { until_ns };
        let left_ns = until_ns.saturating_sub(self.subject.now_ns());
        let unit_ns = u64::max(left_ns / self.weight_left.max(1), self.least_ns);
        self.weight_left -= weight;
        most_ns.min(unit_ns * weight)
    }

    /// What one process of `case` may use: the share, and if that tells nothing
    /// while there is credit, as much again.
    fn allowance(&mut self, case: &Case, share_ns: u64) -> Allowance {
        let order = self.subject.memory_order();
        let share_end_ns = self.end_ns.min(self.subject.now_ns() + share_ns);
        let credit_ns = self.credit_end_ns.saturating_sub(share_end_ns).min(share_ns);
        Allowance {
            seed: self.seeds.next(),
            deadline_ns: share_end_ns,
            limit_ns: if case.always_tells(order) { share_end_ns + credit_ns } else { share_end_ns },
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

#[cfg(test)]
mod tests;
