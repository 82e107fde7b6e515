//! The memory that all processes of a subject share while a case runs.

use core::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering::Relaxed};

use bonfire_abi::{Commands, from_return, to_return};

use crate::litmus::Table;
use crate::verdict::{Finding, Means};

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
    /// Answers that were compared.
    pub(crate) calls: AtomicU64,
    /// The first [`Means`] that was missing, or 0.
    pub(crate) missing: AtomicU32,
    /// The first wrong answer.
    pub(crate) wrong: WrongAnswer,
    /// What the case may spend.
    plan: Plan,
    /// Where the threads of a litmus meet.
    pub(crate) table: Table,
}

/// What the runner tells the case.
#[repr(C)]
struct Plan {
    seed: AtomicU64,
    deadline_ns: AtomicU64,
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
            calls: AtomicU64::new(0),
            missing: AtomicU32::new(0),
            wrong: WrongAnswer {
                step: AtomicU32::new(0),
                registers: [const { AtomicU64::new(0) }; 3],
                expected: AtomicI64::new(0),
                got: AtomicI64::new(0),
            },
            plan: Plan { seed: AtomicU64::new(0), deadline_ns: AtomicU64::new(0), goal: AtomicU64::new(0) },
            table: Table::new(),
        }
    }

    /// Forgets what the last case left, and plans the next: where its random
    /// numbers start, when it must end, and how many rounds are enough.
    pub(crate) fn reset(&self, seed: u64, deadline_ns: u64, goal: u64) {
        self.plan.seed.store(seed, Relaxed);
        self.plan.deadline_ns.store(deadline_ns, Relaxed);
        self.plan.goal.store(goal, Relaxed);
        self.table.reset();
        self.entered.store(0, Relaxed);
        self.calls.store(0, Relaxed);
        self.missing.store(0, Relaxed);
        self.wrong.step.store(0, Relaxed);
    }

    /// Where random numbers start.
    pub(crate) fn seed(&self) -> u64 {
        self.plan.seed.load(Relaxed)
    }

    /// When the case must end.
    pub(crate) fn deadline_ns(&self) -> u64 {
        self.plan.deadline_ns.load(Relaxed)
    }

    /// Whether more rounds would change nothing.
    pub(crate) fn is_settled(&self) -> bool {
        self.wrong.finding().is_some() || self.table.rounds().is_settled(self.plan.goal.load(Relaxed))
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
