//! Memory: versions of words, who can still read which, and when a version no
//! longer counts.
//!
//! There is one order of all writes, and every CPU agrees on it. What CPUs do
//! not agree on is how far along that order they read: a load may return any
//! version that was current at some moment since the CPU's last barrier (it was
//! done early), but never one older than what the same CPU has read or written
//! of that word before.

use super::op::WordId;
use super::program::{Answer, Future, bit};
use super::state::{State, each};

/// A version of a word: how many newer than the oldest there is.
pub(crate) type Version = u8;

impl State {
    /// The number of the newest version of `word`.
    pub(crate) fn newest(&self, word: WordId) -> Version {
        self.log.iter().filter(|&&(written, _)| written == word).count() as Version
    }

    /// The newest value of `word`.
    pub(crate) fn latest(&self, word: WordId) -> Answer {
        let written = self.log.iter().rev().find(|&&(written, _)| written == word);
        written.map_or(self.base[usize::from(word)], |&(_, value)| value)
    }

    /// Each value of `word` from version `oldest` on, with its first version.
    ///
    /// Of two versions with one value, reading the older leaves more open and
    /// everything else as it is: the newer need not be tried.
    pub(crate) fn values_since(&self, word: WordId, oldest: Version, mut each: impl FnMut(Answer, Version)) {
        let mut seen = [0u64; 4];
        let mut offer = |value: Answer, version: Version| {
            let (group, mask) = (usize::from(value >> 6), 1 << (value & 63));
            if version >= oldest && seen[group] & mask == 0 {
                seen[group] |= mask;
                each(value, version);
            }
        };
        offer(self.base[usize::from(word)], 0);
        let mut version = 0;
        for &(written, value) in self.log.iter() {
            if written == word {
                version += 1;
                offer(value, version);
            }
        }
    }

    /// `word` takes a new value, which `cpu` wrote.
    pub(crate) fn write(&mut self, cpu: usize, word: WordId, value: Answer) {
        self.log.push((word, value));
        self.cpus[cpu].oldest[usize::from(word)] = self.newest(word);
    }

    /// `cpu` has read or written `version` of `word`.
    pub(crate) fn reach(&mut self, cpu: usize, word: WordId, version: Version) {
        let oldest = &mut self.cpus[cpu].oldest[usize::from(word)];
        *oldest = version.max(*oldest);
    }

    /// `cpu` reads nothing older than now.
    pub(crate) fn catch_up(&mut self, cpu: usize) {
        let newest = self.newest_of_each(self.log.len());
        for (word, version) in newest.into_iter().enumerate() {
            self.cpus[cpu].oldest[word] = version;
        }
    }

    /// `cpu` reads nothing older than when `version` of `word` was written.
    pub(crate) fn catch_up_with(&mut self, cpu: usize, word: WordId, version: Version) {
        let mut of_this_word = self.log.iter().enumerate().filter(|(_, (written, _))| *written == word);
        let Some((position, _)) = version.checked_sub(1).and_then(|nth| of_this_word.nth(usize::from(nth)))
        else {
            return;
        };
        for (word, version) in self.newest_of_each(position + 1).into_iter().enumerate() {
            let oldest = &mut self.cpus[cpu].oldest[word];
            *oldest = version.max(*oldest);
        }
    }

    /// The newest versions of all words among the first `count` writes.
    fn newest_of_each(&self, count: usize) -> [Version; 64] {
        let mut newest = [0; 64];
        for &(word, _) in &self.log[..count] {
            newest[usize::from(word)] += 1;
        }
        newest
    }

    /// Drops the versions that nobody can read any more, and makes equal what
    /// nobody can tell apart.
    ///
    /// `kept` are the words that an outcome shows. `code` are those that hold
    /// instructions, in the order of [`CpuState::oldest_code`].
    ///
    /// [`CpuState::oldest_code`]: super::state::CpuState::oldest_code
    pub(crate) fn fold(&mut self, futures: &[Future], code: &[WordId], kept: u64) {
        let read = futures.iter().fold(kept, |words, future| words | future.reads());
        let mut position = 0;
        while position < self.log.len() {
            let (word, value) = self.log[position];
            let is_first = !self.log[..position].iter().any(|&(earlier, _)| earlier == word);
            if is_first && self.is_past(position, futures, code) {
                self.log.remove(position);
                self.base[usize::from(word)] = value;
                self.forget_version(word, futures.len(), code);
                position = 0;
            } else {
                position += 1;
            }
        }
        for (word, value) in self.base.iter_mut().enumerate() {
            if read >> word & 1 == 0 {
                *value = 0;
            }
        }
        self.forget_unread(futures, code);
    }

    /// Whether nobody can read what the write at `position`, the first of its
    /// word, replaced, nor learn anything from its place in the order.
    fn is_past(&self, position: usize, futures: &[Future], code: &[WordId]) -> bool {
        let (word, _) = self.log[position];
        let at = |words: u64| words & bit(word) != 0;
        futures.iter().zip(&self.cpus).all(|(future, cpu)| {
            (!at(future.loads) || cpu.oldest[usize::from(word)] >= 1)
                && (!at(future.fetches)
                    || code_index(code, word).is_none_or(|index| cpu.oldest_code[index] >= 1))
                && (!at(future.acquires) || self.has_seen(cpu.oldest, position, future.loads))
        })
    }

    /// Whether all writes before `position` to words in `loads` are old news to
    /// a CPU with these oldest versions.
    fn has_seen(&self, oldest: [Version; 64], position: usize, loads: u64) -> bool {
        let newest = self.newest_of_each(position);
        (0..64).all(|word| loads >> word & 1 == 0 || oldest[word] >= newest[word])
    }

    fn forget_version(&mut self, word: WordId, cpus: usize, code: &[WordId]) {
        for cpu in &mut self.cpus[..cpus] {
            let oldest = &mut cpu.oldest[usize::from(word)];
            *oldest = oldest.saturating_sub(1);
            if let Some(index) = code_index(code, word) {
                cpu.oldest_code[index] = cpu.oldest_code[index].saturating_sub(1);
            }
        }
    }

    /// What a CPU may read of a word that it will not read does not count.
    fn forget_unread(&mut self, futures: &[Future], code: &[WordId]) {
        let versioned = self.versioned();
        for (cpu, future) in self.cpus.iter_mut().zip(futures) {
            each(versioned & !future.loads, |word| cpu.oldest[usize::from(word)] = 0);
            for (&word, oldest) in code.iter().zip(&mut cpu.oldest_code) {
                if future.fetches & bit(word) == 0 {
                    *oldest = 0;
                }
            }
        }
    }
}

fn code_index(code: &[WordId], word: WordId) -> Option<usize> {
    code.iter().position(|&known| known == word)
}
