//! The words of the serial line: what the user program tells the host.
//!
//! One line for each [`Event`], [`MARK`]ed; every other line is for people. The
//! user program displays events, the host parses them back.

use bonfire_abi::{Command, Error, from_return, to_return};
use bonfire_conformance::{Abilities, Evidence, Finding, Means, Outcome, Reason, Rounds, Verdict};
use core::fmt;
use core::str::SplitAsciiWhitespace;

/// What a line of ours begins with; the number changes with the words.
pub const MARK: &str = "bonfire/2";

/// Something that the user program reports.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Event<'a> {
    /// What the machine was measured to be able to show.
    Measured(Abilities),
    /// The case of this id begins.
    Begins(&'a str),
    /// It has ended so.
    Ended(&'a str, Outcome),
    /// A barrier or an interrupt was counted.
    Counted(Count<'a>),
    /// A loop was timed: ticks of the clock for one call.
    Timed(Timing<'a>),
    /// All is reported.
    Finished,
}

/// How often something happened, and how often it had to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count<'a> {
    /// What was counted.
    pub name: &'a str,
    /// How often it happened.
    pub counted: u64,
    /// How often it had to, at the least.
    pub least: u64,
    /// At the most.
    pub most: u64,
}

impl Count<'_> {
    /// Whether what was owed was done, and nothing more.
    #[must_use]
    pub const fn is_right(&self) -> bool {
        self.least <= self.counted && self.counted <= self.most
    }
}

/// What single calls took, in ticks of the CPU's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing<'a> {
    /// What was timed.
    pub name: &'a str,
    /// The fastest call.
    pub least: u64,
    /// Half of the calls were at most so slow.
    pub median: u64,
    /// Nine of ten were.
    pub p90: u64,
}

impl fmt::Display for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{MARK} ")?;
        match self {
            Self::Measured(abilities) => {
                f.write_str("measured")?;
                abilities.words().iter().try_for_each(|word| write!(f, " {word}"))
            }
            Self::Begins(id) => write!(f, "begins {id}"),
            Self::Ended(id, outcome) => {
                let Evidence { calls, sessions, .. } = outcome.evidence;
                write!(f, "ended {id} {} {calls} {sessions}", outcome.duration_ns)?;
                let rounds = outcome.evidence.rounds;
                let counts = rounds.map(|r| [r.rounds, r.forbidden, r.twin_rounds, r.twin_forbidden]);
                match counts {
                    Some([a, b, c, d]) => write!(f, " {a} {b} {c} {d} ")?,
                    None => f.write_str(" - - - - ")?,
                }
                reason(f, outcome.reason)
            }
            Self::Counted(Count { name, counted, least, most }) => {
                write!(f, "counted {name} {counted} {least} {most}")
            }
            Self::Timed(Timing { name, least, median, p90 }) => {
                write!(f, "timed {name} {least} {median} {p90}")
            }
            Self::Finished => f.write_str("finished"),
        }
    }
}

fn reason(f: &mut fmt::Formatter<'_>, reason: Option<Reason>) -> fmt::Result {
    let Some(reason) = reason else { return f.write_str("conforms") };
    f.write_str(reason.name())?;
    match reason {
        Reason::WrongAnswer(Finding { registers: [a, b, c], expected, got, step }) => {
            write!(f, " {a} {b} {c} {} {} {step}", to_return(expected), to_return(got))
        }
        Reason::NotAdvertised(command) => write!(f, " {}", command.number()),
        Reason::TooFewCpus { needed, present: count } | Reason::MachineTooSmall { needed, online: count } => {
            write!(f, " {needed} {count}")
        }
        Reason::NoCall(error) | Reason::Refused(error) => write!(f, " {}", error.errno()),
        Reason::Missing(means) => write!(f, " {}", means as u32),
        Reason::Killed(signal) => write!(f, " {signal}"),
        _ => Ok(()),
    }
}

impl<'a> Event<'a> {
    /// Reads a line; `None` if it is not one of ours, or damaged.
    #[must_use]
    pub fn parse(line: &'a str) -> Option<Self> {
        let mut words = line.trim_end().strip_prefix(MARK)?.split_ascii_whitespace();
        let event = match words.next()? {
            "measured" => Self::Measured(Abilities::from_words(numbers(&mut words)?)),
            "begins" => Self::Begins(words.next()?),
            "ended" => Self::Ended(words.next()?, parse_outcome(&mut words)?),
            "counted" => {
                let name = words.next()?;
                let [counted, least, most] = numbers(&mut words)?;
                Self::Counted(Count { name, counted, least, most })
            }
            "timed" => {
                let name = words.next()?;
                let [least, median, p90] = numbers(&mut words)?;
                Self::Timed(Timing { name, least, median, p90 })
            }
            "finished" => Self::Finished,
            _ => return None,
        };
        words.next().is_none().then_some(event)
    }
}

fn parse_outcome(words: &mut SplitAsciiWhitespace) -> Option<Outcome> {
    let [duration_ns, calls] = numbers(words)?;
    let sessions = number(words)?;
    let counts = [words.next()?, words.next()?, words.next()?, words.next()?];
    let rounds = if counts == ["-"; 4] {
        None
    } else {
        let mut counts = counts.map(|count| count.parse().ok()).into_iter();
        let mut next = || counts.next().flatten();
        Some(Rounds { rounds: next()?, forbidden: next()?, twin_rounds: next()?, twin_forbidden: next()? })
    };
    let reason = parse_reason(words)?;
    let verdict = reason.map_or(Verdict::Conforms, |reason| reason.verdict());
    Some(Outcome { verdict, reason, evidence: Evidence { calls, rounds, sessions }, duration_ns })
}

fn parse_reason(words: &mut SplitAsciiWhitespace) -> Option<Option<Reason>> {
    let name = words.next()?;
    let plain = Reason::PLAIN.into_iter().find(|reason| reason.name() == name);
    Some(Some(match name {
        "conforms" => return Some(None),
        "wrong_answer" => {
            let registers = numbers(words)?;
            let [expected, got] = numbers(words)?;
            let [step] = numbers(words)?;
            let [expected, got] = [expected, got].map(from_return);
            Reason::WrongAnswer(Finding { registers, expected, got, step })
        }
        "not_advertised" => Reason::NotAdvertised(Command::from_number(number(words)?)?),
        "too_few_cpus" => {
            let [needed, present] = numbers(words)?;
            Reason::TooFewCpus { needed, present }
        }
        "machine_too_small" => {
            let [needed, online] = [number(words)?, number(words)?];
            Reason::MachineTooSmall { needed, online }
        }
        "no_call" => Reason::NoCall(Error::from_errno(number(words)?)),
        "refused" => Reason::Refused(Error::from_errno(number(words)?)),
        "missing_means" => {
            let wanted: u32 = number(words)?;
            Reason::Missing(Means::ALL.into_iter().find(|&means| means as u32 == wanted)?)
        }
        "killed" => Reason::Killed(number(words)?),
        _ => plain?,
    }))
}

fn number<T: core::str::FromStr>(words: &mut SplitAsciiWhitespace) -> Option<T> {
    words.next()?.parse().ok()
}

fn numbers<T: core::str::FromStr + Copy + Default, const N: usize>(
    words: &mut SplitAsciiWhitespace,
) -> Option<[T; N]> {
    let mut numbers = [T::default(); N];
    for place in &mut numbers {
        *place = number(words)?;
    }
    Some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    fn check(event: Event) {
        let line = event.to_string();
        assert_eq!(Event::parse(&line), Some(event), "{line}");
        for end in 0..line.len() {
            assert_ne!(Event::parse(&line[..end]), Some(event), "cut at {end}: {line}");
        }
    }

    fn ended(reason: Option<Reason>, rounds: Option<Rounds>) -> Event<'static> {
        let verdict = reason.map_or(Verdict::Conforms, |reason| reason.verdict());
        Event::Ended(
            "abi/QUERY/plain",
            Outcome { verdict, reason, evidence: Evidence { calls: 7, rounds, sessions: 2 }, duration_ns: 9 },
        )
    }

    #[test]
    fn every_event_comes_back_as_it_went_and_no_part_of_it_does() {
        check(Event::Begins("lifetime/RSEQ/register"));
        check(Event::Counted(Count { name: "owed/IpiMb", counted: 1, least: 1, most: 12 }));
        check(Event::Timed(Timing { name: "QUERY", least: 1, median: 2, p90: 34 }));
        check(Event::Finished);
        let finding =
            Finding { registers: [u64::MAX, 1, 2], expected: Ok(5), got: Err(Error::NotRegistered), step: 3 };
        for reason in [
            Reason::WrongAnswer(finding),
            Reason::NotAdvertised(Command::Global),
            Reason::TooFewCpus { needed: 4, present: 12 },
            Reason::MachineTooSmall { needed: 4, online: 1 },
            Reason::Missing(Means::Registration),
            Reason::Missing(Means::Counter),
            Reason::NoCall(Error::NotSupported),
            Reason::Refused(Error::OutOfMemory),
            Reason::Missing(Means::Exec),
            Reason::Killed(11),
        ] {
            check(ended(Some(reason), None));
        }
        for reason in Reason::PLAIN {
            check(ended(Some(reason), None));
        }
        let words = core::array::from_fn(|place| 17 * place as u64);
        check(Event::Measured(Abilities::from_words(words)));
        let rounds = Rounds { rounds: 1, forbidden: 2, twin_rounds: 3, twin_forbidden: 4 };
        check(ended(None, Some(rounds)));
    }

    #[test]
    fn other_lines_are_not_ours() {
        for line in ["", "kernel: 4 CPUs", "bonfire/2", "bonfire/1 finished", "bonfire/2 finished early"] {
            assert_eq!(Event::parse(line), None, "{line}");
        }
    }
}
