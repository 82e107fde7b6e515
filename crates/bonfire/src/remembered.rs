//! Refusals, remembered: what was refused once is not asked again.
//!
//! Asking may cost a child process, and what refuses is a kernel or a filter, which
//! stay as they are. A word a flavour; `register_allowed` asks all the same.

use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

use bonfire_abi::{Command, Error, Flavour};

use crate::{Filter, Refusal};

pub(crate) static REFUSALS: Refusals = Refusals([const { AtomicU32::new(0) }; 4]);

/// The last refusal of each flavour.
pub(crate) struct Refusals([AtomicU32; 4]);

impl Refusals {
    pub(crate) fn get(&self, flavour: Flavour) -> Option<Refusal> {
        // Relaxed: the word is all that there is to know.
        named(self.of(flavour).load(Relaxed))
    }

    /// Remembers a refusal, unless asking again may help.
    pub(crate) fn note(&self, flavour: Flavour, refusal: Refusal) {
        if let Some(word) = word(refusal) {
            self.of(flavour).store(word, Relaxed);
        }
    }

    fn of(&self, flavour: Flavour) -> &AtomicU32 {
        &self.0[flavour as usize]
    }
}

/// A refusal in a word: a kind, and above it a number.
fn word(refusal: Refusal) -> Option<u32> {
    let (kind, number) = match refusal {
        Refusal::NoSuchCall => (1, 0),
        Refusal::NoSuchCommand(command) => (2, command.number()),
        Refusal::Filtered(Filter::Refuses(error)) => (3, error.errno()),
        Refusal::Filtered(Filter::Kills) => (4, 0),
        Refusal::Filtered(Filter::Platform) => (5, 0),
        Refusal::Filtered(Filter::NotAskable) => (6, 0),
        _ => return None,
    };
    Some((number as u32) << KIND | kind)
}

const KIND: u32 = 4;

fn named(word: u32) -> Option<Refusal> {
    let number = (word >> KIND) as i32;
    Some(match word & ((1 << KIND) - 1) {
        1 => Refusal::NoSuchCall,
        2 => Refusal::NoSuchCommand(Command::from_number(number)?),
        3 => Refusal::Filtered(Filter::Refuses(Error::from_errno(number))),
        4 => Refusal::Filtered(Filter::Kills),
        5 => Refusal::Filtered(Filter::Platform),
        6 => Refusal::Filtered(Filter::NotAskable),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_remembered_for_its_flavour_and_as_it_was() {
        let refusals = Refusals([const { AtomicU32::new(0) }; 4]);
        let filters = [
            Filter::Refuses(Error::NotRegistered),
            Filter::Refuses(Error::Other(4_000)),
            Filter::Kills,
            Filter::Platform,
            Filter::NotAskable,
        ];
        let commands = Command::ALL.map(Refusal::NoSuchCommand);
        for refusal in filters.map(Refusal::Filtered).into_iter().chain(commands).chain([Refusal::NoSuchCall])
        {
            refusals.note(Flavour::SyncCore, refusal);
            assert_eq!(refusals.get(Flavour::SyncCore), Some(refusal));
        }
        assert_eq!(refusals.get(Flavour::Rseq), None);
        refusals.note(Flavour::Rseq, Refusal::OutOfMemory);
        assert_eq!(refusals.get(Flavour::Rseq), None, "asking again may help");
    }
}
