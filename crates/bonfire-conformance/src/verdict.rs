//! What a case ends with: a verdict, the reason where there is no plain answer,
//! and the evidence that it rests on.

use core::fmt;

use bonfire_abi::{Call, Command, Error, Result};

use crate::arch;

/// What a run of a case says about the kernel.
///
/// Ordered by precedence: a violation that was seen outweighs everything, and
/// what cannot be shown here at all is not something that we failed to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Something was seen that the kernel promises never to happen.
    DoesNotConform,
    /// This architecture, emulator or kernel cannot show it.
    NotObservable,
    /// Nothing wrong was seen, and nothing is proved: see the [`Reason`].
    CannotTell,
    /// Nothing wrong was seen where a fault would have shown.
    Conforms,
}

impl Verdict {
    /// All four, in the order in which a summary counts them.
    pub const ALL: [Self; 4] = [Self::Conforms, Self::DoesNotConform, Self::CannotTell, Self::NotObservable];

    /// The words of a report.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Conforms => "conforms",
            Self::DoesNotConform => "does not conform",
            Self::CannotTell => "cannot tell",
            Self::NotObservable => "not observable here",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Why a case does not conform, cannot tell, or is not observable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// Does not conform: a call returned something else than it must.
    WrongAnswer(Finding),
    /// Does not conform: a forbidden outcome was seen.
    Forbidden,
    /// Not observable: `QUERY` says that this kernel does not have the command.
    NotAdvertised(Command),
    /// Not observable: this architecture keeps the accesses of the case in
    /// order by itself, so that a missing barrier would not show.
    Architecture,
    /// Not observable: the twin ran its rounds and never executed a stale
    /// instruction, so this machine does not seem to be able to.
    NoStaleInstruction,
    /// Cannot tell: the twin, which has no barrier, did not show the forbidden
    /// outcome either (or too rarely).
    TwinSilent,
    /// Not observable: a call empties its caller's store buffer, so that what the
    /// caller's own stores would show stays hidden.
    CallEmpties,
    /// Not observable: an ordinary call takes longer than any store waits.
    CallOutlasts,
    /// Not observable: the emulator takes its CPUs in turns, on one of its host's.
    OneAtATime,
    /// Not observable: the machine under the emulator keeps these accesses in order.
    HostOrder,
    /// Not observable: the twin stayed silent in an emulator, whose every store
    /// and call takes many instructions.
    EmulatorHides,
    /// Not observable: code is translated here, and a translation may be kept.
    Translated,
    /// Not observable: an old instruction ran although its thread had serialised
    /// itself, so a barrier cannot be blamed for one.
    StaleAnyway,
    /// Cannot tell: a forbidden outcome was seen in one session, where another
    /// was asked to confirm it and did not.
    Unconfirmed,
    /// Cannot tell: too few CPUs may be used.
    TooFewCpus {
        /// How many the case needs.
        needed: u32,
        /// How many there are.
        present: u32,
    },
    /// Not observable: the machine has too few CPUs.
    MachineTooSmall {
        /// How many the case needs.
        needed: u32,
        /// How many the machine has.
        online: u32,
    },
    /// Cannot tell: `QUERY` itself fails, so there is no call to judge.
    NoCall(Error),
    /// Cannot tell: a call failed in a way that no clause of the ABI forbids
    /// (`ENOMEM`), or as only a filter does.
    Refused(Error),
    /// Cannot tell: the subject has no means for this. Not observable where that is
    /// how the kernel is made, or where what it takes is written for no such architecture.
    Missing(Means),
    /// Cannot tell: the case did not end in time and was stopped.
    Hung,
    /// Cannot tell: the process of the case was killed by this signal.
    Killed(i32),
    /// Cannot tell: the budget of the run was spent, its verdict was settled by
    /// others, or it was interrupted.
    NotRun,
}

/// Something that a case needs of its world and that a world may lack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Means {
    /// Starting threads or processes.
    Start = 1,
    /// Becoming a new program image.
    Exec,
    /// Placing a thread on a CPU.
    Place,
    /// Code that can be rewritten while it runs.
    Code,
    /// Restartable sequences.
    Restartable,
    /// A kind of registration of restartable sequences, which this kernel has not.
    Registration,
    /// A count of interrupts.
    Counter,
    /// A clock.
    Clock,
    /// Processes that share this one's memory.
    Share,
}

impl Means {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Start,
        Self::Exec,
        Self::Place,
        Self::Code,
        Self::Restartable,
        Self::Registration,
        Self::Counter,
        Self::Clock,
        Self::Share,
    ];

    /// Whether no set-up of this machine would bring them: the kernel is made so, or nobody
    /// has written for this architecture what the cases need.
    pub(crate) const fn are_lacking_for_good(self) -> bool {
        match self {
            Self::Code => !arch::HAS_FUNCTION,
            Self::Restartable => !arch::HAS_RSEQ,
            Self::Registration => true,
            _ => false,
        }
    }
}

impl fmt::Display for Means {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Start => {
                "no thread or process can be started here, or its end be seen; look at clone, wait4 and \
                 futex, and at the limit on processes (ulimit -u)"
            }
            Self::Exec => {
                "no program can go on in a new image here: that takes execve, and memory that the image \
                 finds again (memfd_create, and no limit on the size of files: ulimit -f)"
            }
            Self::Place => "threads cannot be placed on CPUs here; allow sched_setaffinity",
            Self::Code if !arch::HAS_FUNCTION => NO_FUNCTION,
            Self::Code => {
                "memory cannot be both written and executed here (mmap); allow it, or run without that \
                 hardening"
            }
            Self::Restartable if !arch::HAS_RSEQ => NO_FUNCTION,
            Self::Restartable => {
                "this program has no restartable sequences: that takes rseq, a build with glibc 2.35 or \
                 newer, and glibc.pthread.rseq left on"
            }
            Self::Registration => {
                "this kernel does not tell two kinds of registration of restartable sequences apart (rseq)"
            }
            Self::Counter => "nothing here counts interrupts; name the kernel's count with --interrupts",
            Self::Clock => {
                "no clock can be read here, by which a race knows when to end; allow clock_gettime"
            }
            Self::Share => {
                "no process can be started in this one's memory here, or it gets a copy; look at clone with \
                 CLONE_VM and CLONE_VFORK"
            }
        })
    }
}

const NO_FUNCTION: &str = "no function is written for this architecture yet";

/// A call and what it returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The three registers of the call: command, flags, CPU.
    pub registers: [u64; 3],
    /// What it must return.
    pub expected: Result<u32>,
    /// What it returned.
    pub got: Result<u32>,
    /// Which of the steps of the case it was, from 1.
    pub step: u32,
}

/// What was counted while the case ran.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Evidence {
    /// Calls whose answer was compared.
    pub calls: u64,
    /// Rounds of a litmus or another race.
    pub rounds: Option<Rounds>,
    /// In how many independent sessions a forbidden outcome was seen. One is
    /// enough on hardware whose twin shows it more often; where the machine
    /// itself may be to blame (an emulator, or where case and twin show it
    /// alike), a verdict rests on two.
    pub sessions: u32,
}

/// The counts of a race that was run with and without the barrier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rounds {
    /// Rounds with the barrier.
    pub rounds: u64,
    /// Those among them with a forbidden outcome.
    pub forbidden: u64,
    /// Rounds of the twin, with an ordinary system call in its place.
    pub twin_rounds: u64,
    /// Those among them with a forbidden outcome.
    pub twin_forbidden: u64,
}

impl Rounds {
    /// How sure it is that a missing barrier would have been noticed, from 0 to 1.
    ///
    /// Suppose that the barrier did nothing. Then a round of the case is a round
    /// of the twin, and shows the forbidden outcome with the twin's rate *p*;
    /// that *n* rounds show none has probability (1 - *p*)^*n*, and the
    /// confidence is the rest. Rounds are not independent (a thread that lost
    /// its CPU spoils several in a row), so *p* is taken as **half** of what the
    /// twin showed. Case and twin are drawn at random round by round, so that
    /// whatever disturbs the machine disturbs both.
    ///
    /// It speaks of a barrier that is missing altogether; of one that is
    /// missing in one call of a million it says nothing.
    ///
    /// ```
    /// use bonfire_conformance::Rounds;
    /// let seen = Rounds { rounds: 100, forbidden: 0, twin_rounds: 100, twin_forbidden: 20 };
    /// assert!((seen.confidence() - (1.0 - 0.9f64.powi(100))).abs() < 1e-9);
    /// let silent = Rounds { twin_forbidden: 0, ..seen };
    /// assert_eq!(silent.confidence(), 0.0);
    /// ```
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    pub fn confidence(&self) -> f64 {
        if self.twin_rounds == 0 {
            return 0.0;
        }
        let rate = self.twin_forbidden as f64 / self.twin_rounds as f64 / 2.0;
        1.0 - power(1.0 - rate, self.rounds)
    }
}

impl Rounds {
    /// These and others, in which nothing else was different.
    pub(crate) const fn with(self, more: Self) -> Self {
        Self {
            rounds: self.rounds + more.rounds,
            forbidden: self.forbidden + more.forbidden,
            twin_rounds: self.twin_rounds + more.twin_rounds,
            twin_forbidden: self.twin_forbidden + more.twin_forbidden,
        }
    }

    /// Whether the case showed the outcome about as often as the twin: at a
    /// quarter of its rate or more.
    pub(crate) const fn are_alike(&self) -> bool {
        4 * self.forbidden * self.twin_rounds >= self.twin_forbidden * self.rounds
    }

    /// Whether the outcome was so rare that what is counted besides may have made it.
    pub(crate) const fn are_strays(&self) -> bool {
        10 * self.forbidden <= self.rounds
    }

    /// Whether the twin showed the outcome often enough for its absence from the
    /// case to mean something.
    pub(crate) fn tells(&self) -> bool {
        self.twin_forbidden >= 5 && self.confidence() >= 0.9
    }

    /// Whether it is clear that another run would tell, too.
    pub(crate) fn tells_clearly(&self) -> bool {
        self.twin_forbidden >= 20 && self.confidence() >= 0.999
    }

    /// Whether more rounds would change nothing: it does not conform, or `goal`
    /// rounds did not show it and the twin showed it all along.
    pub(crate) fn is_settled(&self, goal: u64) -> bool {
        self.forbidden >= 8 || (self.rounds >= goal && self.confidence() >= 0.999_999)
    }
}

/// `base` to the `exponent`; `core` has no `powi`.
fn power(mut base: f64, mut exponent: u64) -> f64 {
    let mut result = 1.0;
    while exponent > 0 {
        if exponent & 1 == 1 {
            result *= base;
        }
        base *= base;
        exponent >>= 1;
    }
    result
}

/// What became of one case.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcome {
    /// The verdict.
    pub verdict: Verdict,
    /// Why; `None` exactly where the verdict is [`Verdict::Conforms`].
    pub reason: Option<Reason>,
    /// What it rests on.
    pub evidence: Evidence,
    /// How long the case took, in nanoseconds of the subject's clock.
    pub duration_ns: u64,
}

impl Reason {
    /// Those that say all by their name.
    pub const PLAIN: [Self; 14] = [
        Self::Forbidden,
        Self::Architecture,
        Self::NoStaleInstruction,
        Self::TwinSilent,
        Self::CallEmpties,
        Self::CallOutlasts,
        Self::OneAtATime,
        Self::HostOrder,
        Self::EmulatorHides,
        Self::Translated,
        Self::StaleAnyway,
        Self::Unconfirmed,
        Self::Hung,
        Self::NotRun,
    ];

    /// The verdict that this is a reason for.
    #[must_use]
    pub const fn verdict(&self) -> Verdict {
        match self {
            Self::WrongAnswer(_) | Self::Forbidden => Verdict::DoesNotConform,
            Self::NotAdvertised(_)
            | Self::Architecture
            | Self::NoStaleInstruction
            | Self::CallEmpties
            | Self::CallOutlasts
            | Self::OneAtATime
            | Self::HostOrder
            | Self::EmulatorHides
            | Self::Translated
            | Self::StaleAnyway
            | Self::MachineTooSmall { .. } => Verdict::NotObservable,
            Self::Missing(means) if means.are_lacking_for_good() => Verdict::NotObservable,
            _ => Verdict::CannotTell,
        }
    }

    /// A name for its kind, for programs, that no later version changes.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::WrongAnswer(_) => "wrong_answer",
            Self::Forbidden => "forbidden_outcome",
            Self::NotAdvertised(_) => "not_advertised",
            Self::Architecture => "architecture",
            Self::NoStaleInstruction => "no_stale_instruction",
            Self::TwinSilent => "twin_silent",
            Self::CallEmpties => "call_empties_buffer",
            Self::CallOutlasts => "call_outlasts_stores",
            Self::OneAtATime => "one_cpu_at_a_time",
            Self::HostOrder => "host_order",
            Self::EmulatorHides => "emulator_hides",
            Self::Translated => "translated",
            Self::StaleAnyway => "stale_anyway",
            Self::Unconfirmed => "unconfirmed",
            Self::TooFewCpus { .. } => "too_few_cpus",
            Self::MachineTooSmall { .. } => "machine_too_small",
            Self::NoCall(_) => "no_call",
            Self::Refused(_) => "refused",
            Self::Missing(_) => "missing_means",
            Self::Hung => "hung",
            Self::Killed(_) => "killed",
            Self::NotRun => "not_run",
        }
    }
}

impl Outcome {
    /// The outcome of a case that ended for this reason (or well).
    pub(crate) fn new(reason: Option<Reason>, evidence: Evidence) -> Self {
        let verdict = reason.map_or(Verdict::Conforms, |reason| reason.verdict());
        Self { verdict, reason, evidence, duration_ns: 0 }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WrongAnswer(finding) => finding.fmt(f),
            Self::Forbidden => f.write_str("an outcome was seen that the barrier forbids"),
            Self::NotAdvertised(command) => write!(f, "the kernel says that it does not have {command}"),
            Self::Architecture => {
                f.write_str("this architecture keeps these accesses in order even without a barrier")
            }
            Self::NoStaleInstruction => {
                f.write_str("no stale instruction was executed even without a barrier in these rounds")
            }
            Self::TwinSilent => f.write_str(
                "the twin without the barrier did not show the forbidden outcome often enough; \
                 give it a larger budget or a quieter machine",
            ),
            Self::CallEmpties => f.write_str(
                "a call empties its caller's store buffer here, so what the caller's own store would show stays hidden",
            ),
            Self::CallOutlasts => {
                f.write_str("an ordinary call takes longer here than any store was seen to wait, and hides what would show")
            }
            Self::OneAtATime => f.write_str("this emulator takes its CPUs in turns, so nothing can be seen out of order"),
            Self::HostOrder => {
                f.write_str("the machine under this emulator keeps these accesses in order even without a barrier")
            }
            Self::EmulatorHides => f.write_str(
                "this emulator did not show the outcome without the barrier either; its calls take about as long as stores wait",
            ),
            Self::Translated => {
                f.write_str("code is translated here, and an emulator may keep an old translation whatever the kernel does")
            }
            Self::StaleAnyway => {
                f.write_str("old instructions run here even after their thread has serialised itself, so no barrier can be blamed")
            }
            Self::Unconfirmed => f.write_str(
                "an outcome that the barrier forbids was seen in one session, and not in the one that was to confirm it; \
                 give it a larger budget",
            ),
            Self::TooFewCpus { needed, present } => {
                write!(f, "needs {needed} CPUs and may use {present}; allow more (taskset, cgroup, -smp)")
            }
            Self::MachineTooSmall { needed, online } => {
                write!(f, "needs {needed} CPUs and the machine has {online}")
            }
            Self::NoCall(error) => write!(f, "QUERY fails: {error}"),
            Self::Refused(error) => write!(f, "the call was refused: {error}"),
            Self::Missing(means) => means.fmt(f),
            Self::Hung => f.write_str("did not end in time and was stopped"),
            Self::Killed(signal) => write!(f, "its process was killed by signal {signal}"),
            Self::NotRun => f.write_str("was not run: the budget was spent, the verdict was settled, or the run was interrupted"),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [cmd, flags, cpu_id] = self.registers;
        match Command::from_number(Call::from_registers(cmd, flags, cpu_id).number) {
            Some(command) if cmd >> 32 == 0 => write!(f, "step {}: {command}", self.step)?,
            _ => write!(f, "step {}: command {cmd:#x}", self.step)?,
        }
        write!(f, " with flags {flags:#x} and cpu_id {cpu_id:#x} returned ")?;
        answer(f, self.got)?;
        f.write_str(" instead of ")?;
        answer(f, self.expected)
    }
}

fn answer(f: &mut fmt::Formatter<'_>, answer: Result<u32>) -> fmt::Result {
    match answer {
        Ok(value) => write!(f, "{value:#x}"),
        Err(Error::NotRegistered) => f.write_str("EPERM"),
        Err(Error::InvalidArgument) => f.write_str("EINVAL"),
        Err(Error::NotSupported) => f.write_str("ENOSYS"),
        Err(Error::OutOfMemory) => f.write_str("ENOMEM"),
        Err(error) => write!(f, "error {}", error.errno()),
    }
}
