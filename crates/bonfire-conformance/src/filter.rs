//! Which cases a word of a command line means.

use core::fmt::{self, Write};

use crate::{Case, Group};

impl Case {
    /// Whether `filter` selects it: a group's name selects that group, anything else
    /// every case that has it in its id, in capitals or not.
    ///
    /// ```
    /// use bonfire_conformance::{Group, cases};
    ///
    /// let abi = cases().filter(|case| case.matches("abi"));
    /// assert!(abi.into_iter().all(|case| case.group() == Group::Abi));
    /// assert!(cases().any(|case| case.matches("sb/private_expedited/")));
    /// ```
    #[must_use]
    pub fn matches(&self, filter: &str) -> bool {
        match Group::ALL.into_iter().find(|group| group.name() == filter) {
            Some(group) => self.group() == group,
            None => self.has_in_id(filter),
        }
    }

    /// Whether `part` is in its id, in capitals or not.
    #[must_use]
    pub fn has_in_id(&self, part: &str) -> bool {
        let id = Id::of(self);
        let is_here = |bytes: &[u8]| bytes.eq_ignore_ascii_case(part.as_bytes());
        part.is_empty() || id.bytes().windows(part.len()).any(is_here)
    }
}

/// The id of a case, where there is no allocator. A test holds its length.
struct Id {
    bytes: [u8; Self::LONGEST],
    length: usize,
}

impl Id {
    const LONGEST: usize = 128;

    fn of(case: &Case) -> Self {
        let mut id = Self { bytes: [0; Self::LONGEST], length: 0 };
        write!(id, "{case}").expect("no id is longer than the longest");
        id
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl Write for Id {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.length + text.len();
        let room = self.bytes.get_mut(self.length..end).ok_or(fmt::Error)?;
        room.copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    extern crate alloc;
    use alloc::string::ToString;

    use super::*;
    use crate::cases;

    /// Also that each id has room: without it, this panics.
    #[test]
    fn each_case_has_its_whole_id_in_its_id() {
        for case in cases() {
            let id = case.to_string();
            assert!(case.has_in_id(&id) && case.has_in_id(&id.to_uppercase()) && case.has_in_id(""), "{id}");
            assert!(!case.has_in_id(&(id + "/")));
        }
    }

    #[test]
    fn a_group_and_a_part_of_an_id_select_what_they_say() {
        let count = |filter| cases().filter(|case| case.matches(filter)).count();
        assert_eq!(count("abi"), cases().filter(|case| case.group() == Group::Abi).count());
        assert_eq!(count("QUERY/unregistered/plain"), 1);
        assert_eq!(count("no such case"), 0);
    }
}
