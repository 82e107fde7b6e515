//! A call as it reaches the kernel: three registers, believed in one place.

use crate::{Command, Error, FLAG_CPU, Result};

/// The number of a CPU, as a kernel counts them: dense, from 0.
///
/// One that came from a program is an allegation; a kernel compares it with the
/// CPUs that it has before it uses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cpu(pub u32);

/// What the third argument says when it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// A negative number: every CPU, as if there were no flag.
    Every,
    /// This CPU, if there is one of that number.
    One(Cpu),
}

/// The one command that takes a flag.
const RSEQ: i32 = Command::Rseq.number();

/// A call of `membarrier(int cmd, unsigned int flags, int cpu_id)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Call {
    /// `cmd`.
    pub number: i32,
    /// `flags`.
    pub flags: u32,
    /// `cpu_id`.
    pub cpu_id: i32,
}

impl Call {
    /// A call of `command` with no flags.
    #[must_use]
    pub const fn new(command: Command) -> Self {
        Self { number: command.number(), flags: 0, cpu_id: 0 }
    }

    /// What a kernel makes of three registers: the arguments are C `int`s, so
    /// the upper halves do not count.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "the ABI truncates")]
    pub const fn from_registers(cmd: u64, flags: u64, cpu_id: u64) -> Self {
        Self { number: cmd as i32, flags: flags as u32, cpu_id: cpu_id as i32 }
    }

    /// The command and, where it names one, its target: the checks that need
    /// no knowledge of the kernel or the caller, in Linux's order.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for flags that the command does not take
    /// (looked at first) and for a number that is no command. The third
    /// argument is never an error: without [`FLAG_CPU`] it does not count.
    pub const fn command(self) -> Result<(Command, Option<Target>)> {
        match (self.number, self.flags) {
            (number, 0) => match Command::from_number(number) {
                Some(command) => Ok((command, None)),
                None => Err(Error::InvalidArgument),
            },
            (RSEQ, FLAG_CPU) if self.cpu_id < 0 => Ok((Command::Rseq, Some(Target::Every))),
            (RSEQ, FLAG_CPU) => Ok((Command::Rseq, Some(Target::One(Cpu(self.cpu_id as u32))))),
            _ => Err(Error::InvalidArgument),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(cmd: u64, flags: u64, cpu_id: u64, expected: Result<(Command, Option<Target>)>) {
        assert_eq!(
            Call::from_registers(cmd, flags, cpu_id).command(),
            expected,
            "{cmd:#x} {flags:#x} {cpu_id:#x}"
        );
    }

    #[test]
    fn the_upper_halves_do_not_count() {
        let high = 0xffff_ffff_0000_0000;
        check(high, high, high, Ok((Command::Query, None)));
        check(high | 128, high | 1, high | 3, Ok((Command::Rseq, Some(Target::One(Cpu(3))))));
    }

    #[test]
    fn only_rseq_takes_a_flag_and_only_one() {
        for command in Command::ALL {
            for flags in [1, 2, 3, 0x8000_0000] {
                let taken = command == Command::Rseq && flags == 1;
                let expected = if taken {
                    Ok((command, Some(Target::One(Cpu(0)))))
                } else {
                    Err(Error::InvalidArgument)
                };
                check(command.number() as u64, flags, 0, expected);
            }
        }
    }

    #[test]
    fn a_negative_cpu_is_every_cpu_and_none_without_the_flag() {
        check(128, 1, -1i64 as u64, Ok((Command::Rseq, Some(Target::Every))));
        check(128, 0, -1i64 as u64, Ok((Command::Rseq, None)));
        check(8, 0, 0xdead, Ok((Command::PrivateExpedited, None)));
    }
}
