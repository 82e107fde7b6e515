//! Which cases a run is to take, said in words that fit a command line.

use bonfire_conformance::{Case, Group};
use core::fmt;

/// A choice of cases, the same on the host and in user mode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Selection<'a> {
    /// A group's name, or a part of the ids; all if there is none.
    pub filter: Option<&'a str>,
    /// The hunts, in place of all others.
    pub hunt: bool,
}

impl Selection<'_> {
    /// Whether it takes this case.
    #[must_use]
    pub fn picks(&self, case: &Case) -> bool {
        let is_of_this_run = if self.hunt { case.group() == Group::Hunt } else { case.group().is_usual() };
        if !is_of_this_run {
            return false;
        }
        self.filter.is_none_or(|filter| case.matches(filter))
    }
}

/// A line of text without an allocator; what does not fit is cut off.
pub struct Line {
    bytes: [u8; 512],
    length: usize,
}

impl Line {
    /// An empty line.
    #[must_use]
    pub const fn new() -> Self {
        Self { bytes: [0; 512], length: 0 }
    }

    /// What was written.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    /// As text.
    #[must_use]
    pub fn text(&self) -> &str {
        core::str::from_utf8(self.bytes()).unwrap_or("")
    }
}

impl Default for Line {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = &mut self.bytes[self.length..];
        let taken = text.len().min(room.len());
        room[..taken].copy_from_slice(&text.as_bytes()[..taken]);
        self.length += taken;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bonfire_conformance::cases;

    #[test]
    fn a_filter_and_none_pick_cases_of_this_run_only() {
        let count = |filter, hunt| cases().filter(|case| Selection { filter, hunt }.picks(case)).count();
        assert_eq!(count(Some("abi"), false), cases().filter(|case| case.group() == Group::Abi).count());
        assert_eq!(count(Some("abi"), true), 0);
        assert_eq!(count(None, false), cases().filter(|case| case.group().is_usual()).count());
        assert_eq!(count(None, true), cases().filter(|case| case.group() == Group::Hunt).count());
    }
}
