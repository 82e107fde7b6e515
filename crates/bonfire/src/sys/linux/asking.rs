//! Which calls may be made, asked so that asking harms nobody.
//!
//! A filter may kill whoever makes a call that it does not list. So before this
//! crate makes a call of `membarrier` for the first time (or one of the few others
//! that it can do without), it asks here, in this order:
//!
//! 1. *What the caller vouches for* is not asked at all: `register_allowed`.
//! 2. *The API level*, on Android: before 29 the call is not made.
//! 3. *A trial*: a child makes the calls ([`trial`](super::trial)). For which it was
//!    killed is known then, and whether there is a filter, too.
//! 4. *Where there can be no trial*: `prctl(PR_GET_SECCOMP)` says whether a filter
//!    is in force. If not, there is nothing to be afraid of; if so, the answer is
//!    [`Filter::NotAskable`].
//!
//! The trial comes before `prctl`, for a filter may kill for `prctl`, too; it costs
//! some tens of microseconds, once for each call. Neither asks for the kernel's
//! release nor reads `/proc`. What was answered is remembered, for good: a filter
//! that comes later is not noticed.
//!
//! What cannot be excluded is told by the trial, and: a filter that kills for
//! `clone3`; where that is refused, one that kills for `prctl`; one that tells a call
//! with a wrong flag from one without. In the strict mode of seccomp a thread may
//! read, write and end, and nothing else: it must not ask.

use core::sync::atomic::{
    AtomicU32,
    Ordering::{Acquire, Relaxed, Release},
};

use bonfire_abi::{Command, SYSTEM_CALL};

use super::arch::{number, syscall};
use super::trial::{self, Outcome, Step};
use crate::{Filter, Refusal};

/// A call that a filter may kill for.
#[derive(Clone, Copy)]
pub(super) enum Question {
    Membarrier(Command),
    #[cfg(feature = "std")]
    GetAffinity,
    #[cfg(feature = "std")]
    SetAffinity,
    /// `madvise(MADV_WIPEONFORK)`.
    WipeOnFork,
}

/// Whether this process may make calls of these commands and live.
pub(crate) fn may_call(commands: &[Command]) -> Result<(), Refusal> {
    if !android::allows() {
        return Err(Refusal::Filtered(Filter::Platform));
    }
    ANSWERS.ask(|| commands.iter().copied().map(Question::Membarrier))
}

/// Whether this process may make these calls and live.
pub(super) fn may(questions: &[Question]) -> bool {
    ANSWERS.ask(|| questions.iter().copied()).is_ok()
}

/// Whether a filter may be in force, as far as was asked.
pub(crate) fn may_be_filtered() -> bool {
    // Relaxed: set before the answer that the caller read.
    ANSWERS.refused.load(Relaxed) & FILTERED != 0
}

static ANSWERS: Answers =
    Answers { known: AtomicU32::new(0), killed: AtomicU32::new(0), refused: AtomicU32::new(0) };

/// Answers, a bit a question.
///
/// | edge | one side | other side |
/// |------|----------|------------|
/// | answer | [`Answers::note`], after the other words | [`Answers::ask`], before them |
struct Answers {
    known: AtomicU32,
    /// Whoever makes the call is killed.
    killed: AtomicU32,
    /// There is a filter, and no trial; and, as a bit of its own, [`FILTERED`].
    refused: AtomicU32,
}

const FILTERED: u32 = 1 << 31;

impl Answers {
    /// Whether these calls may be made, of which those not asked before are tried.
    fn ask<I: Iterator<Item = Question>>(&self, questions: impl Fn() -> I) -> Result<(), Refusal> {
        let wanted = questions().fold(0, |bits, question| bits | question.bit());
        // Acquire. PAIRS(answer): with `note`.
        let known = self.known.load(Acquire);
        if wanted & !known != 0 {
            // One child for all that may be asked later as well.
            let all = questions().chain([ASIDE]);
            self.try_out(all.filter(|question| question.bit() & known == 0));
        }
        if self.killed.load(Relaxed) & wanted != 0 {
            Err(Refusal::Filtered(Filter::Kills))
        } else if self.refused.load(Relaxed) & wanted != 0 {
            Err(Refusal::Filtered(Filter::NotAskable))
        } else {
            Ok(())
        }
    }

    fn try_out(&self, questions: impl Iterator<Item = Question>) {
        // Whether there is a filter is asked by the child, too.
        let (mut steps, mut bits, mut count) = ([GET_SECCOMP; MOST + 1], [0; MOST + 1], 1);
        for question in questions.take(MOST) {
            (steps[count], bits[count]) = (question.step(), question.bit());
            count += 1;
        }
        let (mut killed, mut filtered) = (0, 0);
        let tried = trial::run(&steps[..count], |at, outcome| match outcome {
            Outcome::Killed => (killed, filtered) = (killed | bits[at], FILTERED),
            Outcome::Returned(mode) if at == 0 && !is_free(mode) => filtered = FILTERED,
            Outcome::Returned(_) => {}
        });
        let asked = bits.iter().fold(0, |all, bit| all | bit);
        let refused = match tried {
            Ok(()) => filtered,
            Err(trial::Impossible) if is_unfiltered() => 0,
            Err(trial::Impossible) => asked | FILTERED,
        };
        self.note(asked, killed, refused);
    }

    fn note(&self, asked: u32, killed: u32, refused: u32) {
        self.killed.fetch_or(killed, Relaxed);
        self.refused.fetch_or(refused, Relaxed);
        // Release. PAIRS(answer): with the load in `ask`.
        self.known.fetch_or(asked, Release);
    }
}

/// What can be done without, and is asked on the way.
const ASIDE: Question = Question::WipeOnFork;

/// The most questions at a time: all there are, and the one aside.
const MOST: usize = 15;

impl Question {
    fn bit(self) -> u32 {
        match self {
            Self::Membarrier(Command::Query) => 1,
            // Commands are single bits, of which there are ten.
            Self::Membarrier(command) => (command.number() as u32) << 1,
            #[cfg(feature = "std")]
            Self::GetAffinity => 1 << 12,
            #[cfg(feature = "std")]
            Self::SetAffinity => 1 << 13,
            Self::WipeOnFork => 1 << 14,
        }
    }

    /// The call, so that it does nothing.
    fn step(self) -> Step {
        // Membarrier refuses it whatever the command, before it does anything.
        const NO_SUCH_FLAG: usize = 1 << 31;
        let (number, arguments) = match self {
            Self::Membarrier(command) => {
                // A kernel without the call has no number for it, and one that nobody has.
                let membarrier = SYSTEM_CALL.unwrap_or(usize::MAX >> 1);
                (membarrier, [command.number() as usize, NO_SUCH_FLAG, 0, 0])
            }
            // Of no bytes: refused.
            #[cfg(feature = "std")]
            Self::GetAffinity => (number::SCHED_GETAFFINITY, [0; 4]),
            #[cfg(feature = "std")]
            Self::SetAffinity => (number::SCHED_SETAFFINITY, [0; 4]),
            // Of no bytes: nothing to do.
            Self::WipeOnFork => (number::MADVISE, [0, 0, super::lineage::WIPEONFORK, 0]),
        };
        Step { number, arguments }
    }
}

const GET_SECCOMP: Step = Step { number: number::PRCTL, arguments: [PR_GET_SECCOMP, 0, 0, 0] };
const PR_GET_SECCOMP: usize = 21;

/// Asks itself whether there is a filter, where there can be no trial.
fn is_unfiltered() -> bool {
    // SAFETY: the call takes no pointers and changes nothing.
    is_free(unsafe { syscall(GET_SECCOMP.number, GET_SECCOMP.arguments) })
}

/// What `PR_GET_SECCOMP` says without a filter: 0, or `EINVAL` from a kernel that
/// was built without seccomp.
fn is_free(mode: isize) -> bool {
    const EINVAL: isize = -22;
    mode == 0 || mode == EINVAL
}

#[cfg(not(target_os = "android"))]
mod android {
    pub(super) fn allows() -> bool {
        true
    }
}

#[cfg(target_os = "android")]
mod android {
    use core::ffi::{CStr, c_char, c_int};

    unsafe extern "C" {
        fn __system_property_get(name: *const c_char, value: *mut c_char) -> c_int;
    }

    /// Android 10, the first whose filter lists the call.
    const FIRST_LEVEL: u32 = 29;

    pub(super) fn allows() -> bool {
        // PROP_VALUE_MAX in the system's headers.
        let mut value = [0_u8; 92];
        let name: &CStr = c"ro.build.version.sdk";
        // SAFETY: the name is a C string, the buffer as long as a value can be.
        unsafe { __system_property_get(name.as_ptr(), value.as_mut_ptr().cast()) };
        let digits = value.iter().take_while(|byte| byte.is_ascii_digit());
        digits.fold(0, |level, digit| level * 10 + u32::from(digit - b'0')) >= FIRST_LEVEL
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_question_has_a_bit_of_its_own() {
        let others = [Question::GetAffinity, Question::SetAffinity, Question::WipeOnFork];
        let questions = Command::ALL.iter().copied().map(Question::Membarrier).chain(others);
        let all = questions.fold(0_u32, |bits, question| {
            assert_eq!(bits & question.bit(), 0);
            bits | question.bit()
        });
        assert_eq!(all & FILTERED, 0);
        assert!(all.count_ones() as usize <= MOST);
    }

    #[test]
    fn answers_are_remembered_each_by_itself() {
        let answers = Answers { known: 0.into(), killed: 0.into(), refused: 0.into() };
        let [query, global] = [Command::Query, Command::Global].map(Question::Membarrier);
        answers.note(query.bit() | global.bit(), global.bit(), FILTERED);
        assert_eq!(answers.ask(|| [query].into_iter()), Ok(()));
        assert_eq!(answers.ask(|| [query, global].into_iter()), Err(Refusal::Filtered(Filter::Kills)));
        answers.note(0, 0, query.bit());
        assert_eq!(answers.ask(|| [query].into_iter()), Err(Refusal::Filtered(Filter::NotAskable)));
    }
}
