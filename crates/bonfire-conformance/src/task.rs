//! A task: what a thread or process is to do, as one number.
//!
//! It crosses `fork`, `clone` and `exec`, where nothing larger can. Its number is the
//! case's, 16 bits of which part of it, and a word of data.

use bonfire_abi::Registrations;

/// What a thread or process is to do, as a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Task(u64);

impl Task {
    /// The runner's first question: what does `QUERY` say?
    pub(crate) const PROBE: Self = Self(u64::MAX);

    /// The task with this number.
    #[must_use]
    pub const fn from_number(number: u64) -> Self {
        Self(number)
    }

    /// The number to hand over.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }

    /// Which case, which of its parts, and a word of data.
    pub(crate) const fn of(case: u16, part: u16, data: u32) -> Self {
        Self((case as u64) << 48 | (part as u64) << 32 | data as u64)
    }

    /// To go on with the steps of a script at `position`.
    pub(crate) fn step(case: u16, position: u32, held: Registrations) -> Self {
        Self::of(case, position as u16, held.mask())
    }

    /// What [`of`](Self::of) was told.
    pub(crate) const fn parts(self) -> (u16, u16, u32) {
        ((self.0 >> 48) as u16, (self.0 >> 32) as u16, self.0 as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_says_what_it_was_told() {
        for task in [(0, 0, 0), (u16::MAX, 1, u32::MAX), (3, u16::MAX, 7)] {
            let (case, part, data) = task;
            assert_eq!(Task::from_number(Task::of(case, part, data).number()).parts(), task);
        }
    }
}
