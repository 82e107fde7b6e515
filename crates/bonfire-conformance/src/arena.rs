//! The memory that all processes of a subject share while a case runs.

use core::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering::Relaxed};

use bonfire_abi::{Commands, from_return, to_return};

use crate::abilities;
use crate::duel::Duel;
use crate::interrupts::Watched;
use crate::litmus::Table;
use crate::verdict::{Finding, Means, Rounds};

/// One block of shared memory, without pointers, all zero at first.
///
/// A subject provides one and maps it into every process that it starts; where
/// it is mapped does not matter. Everything in it is atomic, so that no value
/// another process may have written is a surprise.
///
/// Nothing here orders anything but the litmus loops themselves: what a task
/// leaves for the runner is read after [`Subject::process`](crate::Subject::process)
/// returned, and the end of a process is ordered before the return of whoever
/// waited for it.
#[repr(C)]
pub struct Arena {
    /// How many tasks began; a subject that never calls `enter` is noticed.
    pub(crate) entered: AtomicU32,
    /// What `QUERY` returned to the probe, raw.
    pub(crate) query: AtomicI64,
    /// How many CPUs the subject has.
    cpus: AtomicU32,
    /// Answers that were compared.
    pub(crate) calls: AtomicU64,
    /// What the machine was measured to be able to show.
    pub(crate) abilities: abilities::Shared,
    /// The first [`Means`] that was missing, or 0.
    pub(crate) missing: AtomicU32,
    /// The first wrong answer.
    pub(crate) wrong: WrongAnswer,
    /// What the case may spend.
    plan: Plan,
    /// Whether the threads of a race must end.
    over: AtomicU32,
    /// The rounds of a race.
    pub(crate) counts: Counts,
    /// Where the threads of a litmus meet.
    pub(crate) table: Table,
    /// What two threads fight about.
    pub(crate) duel: Duel,
    /// What those say of themselves beside whom interrupts are counted.
    pub(crate) watched: Watched,
}

/// What a case may spend.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Allowance {
    /// Where its random numbers start.
    pub(crate) seed: u64,
    /// When it should end.
    pub(crate) deadline_ns: u64,
    /// When it must end, whether its rounds tell anything or not.
    pub(crate) limit_ns: u64,
    /// How many rounds are enough.
    pub(crate) rounds: u64,
}

/// [`Rounds`] in shared memory.
#[repr(C)]
pub(crate) struct Counts([AtomicU64; 4]);

/// An [`Allowance`] in shared memory.
#[repr(C)]
struct Plan {
    seed: AtomicU64,
    deadline_ns: AtomicU64,
    limit_ns: AtomicU64,
    goal: AtomicU64,
}

/// A [`Finding`] in shared memory. Whoever changes `step` from 0 owns the rest.
#[repr(C)]
pub(crate) struct WrongAnswer {
    step: AtomicU32,
    registers: [AtomicU64; 3],
    expected: AtomicI64,
    got: AtomicI64,
}

impl Arena {
    /// An arena as it must be before its first use: all zero.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "large: meant for statics and mappings, not for moving")]
    pub const fn new() -> Self {
        Self {
            entered: AtomicU32::new(0),
            query: AtomicI64::new(0),
            cpus: AtomicU32::new(0),
            calls: AtomicU64::new(0),
            missing: AtomicU32::new(0),
            wrong: WrongAnswer {
                step: AtomicU32::new(0),
                registers: [const { AtomicU64::new(0) }; 3],
                expected: AtomicI64::new(0),
                got: AtomicI64::new(0),
            },
            abilities: abilities::Shared::new(),
            over: AtomicU32::new(0),
            counts: Counts::new(),
            duel: Duel::new(),
            watched: Watched::new(),
            plan: Plan {
                seed: AtomicU64::new(0),
                deadline_ns: AtomicU64::new(0),
                limit_ns: AtomicU64::new(0),
                goal: AtomicU64::new(0),
            },
            table: Table::new(),
        }
    }

    /// Forgets what the last case left, and tells the next what it may spend.
    pub(crate) fn reset(&self, allowance: Allowance) {
        self.plan.seed.store(allowance.seed, Relaxed);
        self.plan.deadline_ns.store(allowance.deadline_ns, Relaxed);
        self.plan.limit_ns.store(allowance.limit_ns, Relaxed);
        self.plan.goal.store(allowance.rounds, Relaxed);
        self.counts.reset();
        self.duel.reset();
        self.watched.reset();
        self.table.reset();
        self.open();
        self.entered.store(0, Relaxed);
        self.calls.store(0, Relaxed);
        self.missing.store(0, Relaxed);
        self.wrong.step.store(0, Relaxed);
    }

    /// Where random numbers start.
    pub(crate) fn seed(&self) -> u64 {
        self.plan.seed.load(Relaxed)
    }

    /// Whether the case has had its rounds. It has when more would change
    /// nothing, or when its time is up; but while the rounds do not tell yet,
    /// it may borrow some from the cases that follow.
    pub(crate) fn is_done(&self, now_ns: u64) -> bool {
        let rounds = self.counts.rounds();
        let late = now_ns >= self.plan.deadline_ns.load(Relaxed);
        self.wrong.finding().is_some()
            || rounds.is_settled(self.plan.goal.load(Relaxed))
            || (late && rounds.tells_clearly())
            || self.is_late(now_ns)
    }

    /// Ends the race if the case has none of its time left: what waits for a
    /// thread that gets no CPU must not wait for ever.
    pub(crate) fn close_if_late(&self, now_ns: u64) {
        if self.is_late(now_ns) {
            self.close();
        }
    }

    /// Says how many CPUs the subject has.
    pub(crate) fn set_cpus(&self, cpus: u32) {
        self.cpus.store(cpus, Relaxed);
    }

    /// How many CPUs the subject has; at least one.
    pub(crate) fn cpus(&self) -> u32 {
        self.cpus.load(Relaxed).max(1)
    }

    /// When the case must end.
    pub(crate) fn limit_ns(&self) -> u64 {
        self.plan.limit_ns.load(Relaxed)
    }

    fn is_late(&self, now_ns: u64) -> bool {
        now_ns >= self.limit_ns()
    }

    /// Lets threads race.
    pub(crate) fn open(&self) {
        self.over.store(0, Relaxed);
    }

    /// Ends the race: nobody waits for another round.
    pub(crate) fn close(&self) {
        self.over.store(1, Relaxed);
    }

    /// Whether the race is over.
    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Relaxed) != 0
    }

    /// The commands that the probe was told of.
    pub(crate) fn commands(&self) -> Commands {
        let mask = from_return(self.query.load(Relaxed) as isize).unwrap_or(0);
        Commands::from_mask(mask)
    }

    /// Counts an answer that was compared.
    pub(crate) fn compared(&self) {
        self.calls.fetch_add(1, Relaxed);
    }

    /// Notes that the world lacks `means`.
    pub(crate) fn lacks(&self, means: Means) {
        self.missing.store(means as u32, Relaxed);
    }

    /// What was found missing.
    pub(crate) fn missing(&self) -> Option<Means> {
        let missing = self.missing.load(Relaxed);
        Means::ALL.into_iter().find(|&means| means as u32 == missing)
    }
}

impl Counts {
    const fn new() -> Self {
        Self([const { AtomicU64::new(0) }; 4])
    }

    fn reset(&self) {
        self.0.iter().for_each(|count| count.store(0, Relaxed));
    }

    /// Counts a round, of the case or of its twin.
    pub(crate) fn add(&self, twin: bool, forbidden: bool) {
        let of = if twin { 2 } else { 0 };
        self.0[of].fetch_add(1, Relaxed);
        self.0[of + 1].fetch_add(u64::from(forbidden), Relaxed);
    }

    /// What one thread has counted so far.
    pub(crate) fn set(&self, rounds: Rounds) {
        let Rounds { rounds, forbidden, twin_rounds, twin_forbidden } = rounds;
        let counts = [rounds, forbidden, twin_rounds, twin_forbidden];
        self.0.iter().zip(counts).for_each(|(to, count)| to.store(count, Relaxed));
    }

    /// What was counted.
    pub(crate) fn rounds(&self) -> Rounds {
        let [rounds, forbidden, twin_rounds, twin_forbidden] =
            [0, 1, 2, 3].map(|i: usize| self.0[i].load(Relaxed));
        Rounds { rounds, forbidden, twin_rounds, twin_forbidden }
    }
}

impl WrongAnswer {
    /// Keeps `finding` if it is the first.
    pub(crate) fn report(&self, finding: Finding) {
        if self.step.compare_exchange(0, finding.step, Relaxed, Relaxed).is_err() {
            return;
        }
        for (to, from) in self.registers.iter().zip(finding.registers) {
            to.store(from, Relaxed);
        }
        self.expected.store(to_return(finding.expected) as i64, Relaxed);
        self.got.store(to_return(finding.got) as i64, Relaxed);
    }

    /// What was kept.
    pub(crate) fn finding(&self) -> Option<Finding> {
        let step = self.step.load(Relaxed);
        (step != 0).then(|| Finding {
            step,
            registers: [0, 1, 2].map(|i: usize| self.registers[i].load(Relaxed)),
            expected: from_return(self.expected.load(Relaxed) as isize),
            got: from_return(self.got.load(Relaxed) as isize),
        })
    }
}
