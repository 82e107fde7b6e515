//! The runner: takes cases to a subject, one after the other, within a budget.

use core::sync::atomic::Ordering::Relaxed;

use bonfire_abi::from_return;

use crate::arena::Allowance;
use crate::budget::{Budget, Cost, GRACE_NS};
use crate::case::{Case, cases};
use crate::judgement::{Facts, Next, ended, weigh};
use crate::kind::Group;
use crate::random::Random;
use crate::rule::{Chance, Needs, Setting, chance};
use crate::verdict::{Evidence, Means, Outcome, Reason, Rounds, Verdict};
use crate::{Abilities, Subject, Task, measure};

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
    /// The machine was measured, for cases that race.
    fn measured(&mut self, abilities: &Abilities) {
        let _ = abilities;
    }

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

/// Runs those of [`cases`] that `selected` picks, in their order.
///
/// Where cases are among them that race, the machine is measured first, for about
/// a second at the most.
pub fn run(
    subject: &dyn Subject,
    selected: &dyn Fn(&Case) -> bool,
    options: Options,
    observer: &mut dyn Observer,
) -> Summary {
    let mut runner = Runner::new(subject, selected, options);
    if runner.is_measured {
        observer.measured(&runner.setting.measured);
    }
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
    budget: Budget,
    setting: Setting,
    is_measured: bool,
    /// Why no case can be judged, if so.
    deaf: Option<Reason>,
    /// Whether a twin has shown that a store of a light thread waits here.
    stores_wait: bool,
}

/// What a case has shown so far, in however many processes.
#[derive(Clone, Copy, Default)]
struct Trial {
    evidence: Evidence,
    /// Whether a session saw the forbidden outcome that another is to confirm.
    confirms: bool,
}

impl<'a> Runner<'a> {
    fn new(subject: &'a dyn Subject, selected: &dyn Fn(&Case) -> bool, options: Options) -> Self {
        let began_ns = subject.now_ns();
        let deaf = probe(subject);
        let races = cases()
            .filter(|case| selected(case))
            .any(|case| case.needs(subject.memory_order()) != Needs::Nothing);
        let is_measured = races && deaf.is_none() && subject.cpus() > 1 && subject.has_clock();
        let mut seeds = Random::new(options.seed);
        let measured = if is_measured {
            measure::run(subject, options.budget_ns, seeds.next())
        } else {
            Abilities::default()
        };
        let (order, emulated) = (subject.memory_order(), subject.is_emulated());
        let setting = Setting { order, emulated, measured };
        let weights = weights(cases().filter(|case| selected(case)), &setting);
        let budget = Budget::new(began_ns, options.budget_ns, weights);
        Self { subject, seeds, budget, setting, is_measured, deaf, stores_wait: false }
    }

    /// These are to come once more.
    fn again(&mut self, cases: impl Iterator<Item = Case>) {
        self.budget.again(weights(cases, &self.setting));
    }

    fn judge(&mut self, number: u16, case: &Case) -> Outcome {
        let now_ns = self.subject.now_ns();
        let cost = case.cost(&self.setting);
        let share_ns = self.budget.share_ns(cost, now_ns);
        let settled = case.takes_long() && self.budget.is_settled(cost, now_ns);
        let spent = self.budget.is_spent(now_ns) || settled;
        let obstacle = self.deaf.or_else(|| self.obstacle(case)).or_else(|| spent.then_some(Reason::NotRun));
        match obstacle {
            Some(reason) => Outcome::new(Some(reason), Evidence::default()),
            None => self.decide(number, case, share_ns, Evidence::default()),
        }
    }

    /// Plays a case whose twin was silent until it tells something, in a fresh
    /// process each time: what keeps a twin silent (where its threads and its
    /// memory came to lie, who else has the CPUs) stays with a process, and
    /// seldom meets two in a row. A violation ends it at once, whichever process
    /// saw it.
    fn retry(&mut self, number: u16, case: &Case, first: Outcome) -> Outcome {
        const PROCESSES: u64 = 3;
        let now_ns = self.subject.now_ns();
        // What was not worth much of the plan may have what is left.
        let cost = Cost { most_ns: u64::MAX, ..case.cost(&self.setting) };
        let share_ns = self.budget.share_of_rest_ns(cost, now_ns) / PROCESSES;
        let mut outcome = first;
        for _ in 0..PROCESSES {
            if !is_silent(&outcome) || !self.budget.tries_again(self.subject.now_ns()) {
                break;
            }
            let duration_ns = outcome.duration_ns;
            outcome = self.decide(number, case, share_ns, outcome.evidence);
            outcome.duration_ns += duration_ns;
        }
        outcome
    }

    /// Why `case` cannot even be tried.
    fn obstacle(&self, case: &Case) -> Option<Reason> {
        let (needed, present) = (case.cpus(), self.subject.cpus());
        let absent = case.lacks(self.subject.arena().commands()).map(Reason::NotAdvertised);
        let never = match self.chance(case) {
            Chance::Never(reason) => Some(reason),
            // What is looked at for a moment only is not, once the verdict is settled.
            Chance::Doubtful(reason @ Reason::Architecture, _)
                if present < needed || self.budget.is_convicted() =>
            {
                Some(reason)
            }
            _ => None,
        };
        let online = self.subject.cpus_online();
        let too_few = match present < needed {
            false => None,
            true if online < needed => Some(Reason::MachineTooSmall { needed, online }),
            true => Some(Reason::TooFewCpus { needed, present }),
        };
        let clockless = case.has_rounds() && !self.subject.has_clock();
        let clockless = clockless.then_some(Reason::Missing(Means::Clock));
        absent.or(never).or(clockless).or(too_few)
    }

    /// What the machine lets `case` show, as far as this run knows: that a call
    /// empties its caller's buffer is concluded only where stores of others wait.
    fn chance(&self, case: &Case) -> Chance {
        match chance(case.needs(self.setting.order), &self.setting) {
            Chance::Doubtful(Reason::CallEmpties, _) if !self.stores_wait => Chance::Fair,
            chance => chance,
        }
    }

    /// Plays a process of `case`, and a second one if a session must confirm.
    fn decide(&mut self, number: u16, case: &Case, share_ns: u64, before: Evidence) -> Outcome {
        let began_ns = self.subject.now_ns();
        let mut trial = Trial { evidence: before, confirms: false };
        let next = self.play(number, case, share_ns, &mut trial);
        let reason = match next {
            Next::Decided(reason) => reason,
            Next::Again => Some(Reason::TwinSilent),
            Next::Confirm => {
                trial.confirms = true;
                match self.play(number, case, share_ns, &mut trial) {
                    Next::Decided(reason) => reason,
                    _ => Some(Reason::Unconfirmed),
                }
            }
        };
        let outcome = Outcome::new(reason, trial.evidence);
        if outcome.verdict == Verdict::DoesNotConform {
            self.budget.convict(self.subject.now_ns());
        }
        Outcome { duration_ns: self.subject.now_ns().saturating_sub(began_ns), ..outcome }
    }

    /// One process of `case`, and what follows from it.
    fn play(&mut self, number: u16, case: &Case, share_ns: u64, trial: &mut Trial) -> Next {
        let arena = self.subject.arena();
        let now_ns = self.subject.now_ns();
        let allowance = self.budget.allowance(case.cost(&self.setting), share_ns, now_ns, self.seeds.next());
        arena.reset(allowance);
        let patience_ns = self.budget.patience_ns(allowance.limit_ns, now_ns);
        let ending = self.subject.process(Task::of(number, 0, 0), patience_ns);
        let rounds = case.has_rounds().then(|| arena.counts.rounds());
        trial.add(arena.calls.load(Relaxed), rounds);
        self.stores_wait |=
            case.needs(self.setting.order) == Needs::Light && rounds.is_some_and(|rounds| rounds.tells());
        weigh(&Facts {
            chance: self.chance(case),
            emulated: self.setting.emulated,
            ending,
            finding: arena.wrong.finding(),
            missing: missing(self.subject),
            // A session that is to confirm stands for itself.
            rounds: if trial.confirms { rounds } else { trial.evidence.rounds },
            has_strays: case.group() == Group::Interrupts,
            confirms: trial.confirms,
        })
    }
}

impl Trial {
    fn add(&mut self, calls: u64, rounds: Option<Rounds>) {
        self.evidence.calls += calls;
        let Some(rounds) = rounds else { return };
        self.evidence.sessions += u32::from(rounds.forbidden > 0);
        let before = self.evidence.rounds.unwrap_or_default();
        self.evidence.rounds = Some(before.with(rounds));
    }
}

fn weights(cases: impl Iterator<Item = Case>, setting: &Setting) -> u64 {
    cases.map(|case| case.cost(setting).weight).sum()
}

/// Asks `QUERY`, and says why nothing can be judged if it fails.
fn probe(subject: &dyn Subject) -> Option<Reason> {
    let arena = subject.arena();
    arena.reset(Allowance::default());
    arena.set_cpus(subject.cpus());
    let ending = subject.process(Task::PROBE, GRACE_NS);
    let answer = from_return(arena.query.load(Relaxed) as isize);
    let missing = || missing(subject).map(Reason::Missing);
    ended(ending).or_else(missing).or_else(|| answer.err().map(Reason::NoCall))
}

/// What the case found missing; a subject that did not even enter it is missing too.
fn missing(subject: &dyn Subject) -> Option<Means> {
    let arena = subject.arena();
    let silent = (arena.entered.load(Relaxed) == 0).then_some(Means::Start);
    arena.missing().or(silent)
}

#[cfg(test)]
mod tests;
