//! What a case ends with: a verdict, the reason where there is no plain answer,
//! and the evidence that it rests on.

use core::fmt;

use bonfire_abi::{Call, Command, Error, Result};

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
    /// Cannot tell: too few CPUs may be used.
    TooFewCpus {
        /// How many the case needs.
        needed: u32,
        /// How many there are.
        present: u32,
    },
    /// Cannot tell: `QUERY` itself fails, so there is no call to judge.
    NoCall(Error),
    /// Cannot tell: a call failed in a way that no clause of the ABI forbids
    /// (`ENOMEM`), or as only a filter does.
    Refused(Error),
    /// Cannot tell: the subject has no means for this.
    Missing(Means),
    /// Cannot tell: the case did not end in time and was stopped.
    Hung,
    /// Cannot tell: the process of the case was killed by this signal.
    Killed(i32),
    /// Cannot tell: the budget of the run was spent, or it was interrupted.
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
}

impl Means {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Start, Self::Exec, Self::Place, Self::Code, Self::Restartable];
}

impl fmt::Display for Means {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Start => {
                "no thread or process can be started here; look at the limit on processes (ulimit -u)"
            }
            Self::Exec => "no program can be executed here; is /proc mounted?",
            Self::Place => "threads cannot be placed on CPUs here; allow sched_setaffinity",
            Self::Code => {
                "memory cannot be both written and executed here; allow it, or run without that hardening"
            }
            Self::Restartable => {
                "this program has no restartable sequences; build it with glibc 2.35 or newer, for x86-64, \
                 and leave glibc.pthread.rseq on"
            }
        })
    }
}

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
    /// The verdict that this is a reason for.
    #[must_use]
    pub const fn verdict(&self) -> Verdict {
        match self {
            Self::WrongAnswer(_) | Self::Forbidden => Verdict::DoesNotConform,
            Self::NotAdvertised(_) | Self::Architecture | Self::NoStaleInstruction => Verdict::NotObservable,
            _ => Verdict::CannotTell,
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
            Self::TooFewCpus { needed, present } => {
                write!(f, "needs {needed} CPUs and may use {present}; allow more (taskset, cgroup, -smp)")
            }
            Self::NoCall(error) => write!(f, "QUERY fails: {error}"),
            Self::Refused(error) => write!(f, "the call was refused: {error}"),
            Self::Missing(means) => means.fmt(f),
            Self::Hung => f.write_str("did not end in time and was stopped"),
            Self::Killed(signal) => write!(f, "its process was killed by signal {signal}"),
            Self::NotRun => f.write_str("was not run: the budget was spent or the run was interrupted"),
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
