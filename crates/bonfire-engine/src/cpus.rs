//! Sets of CPUs: bits in words, on the stack.

use bonfire_abi::Cpu;

/// A set of CPUs, numbered from 0 to `64 * GROUPS - 1`.
///
/// A number beyond the set is never in it and cannot be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CpuSet<const GROUPS: usize>([u64; GROUPS]);

impl<const GROUPS: usize> CpuSet<GROUPS> {
    /// No CPU.
    pub const EMPTY: Self = Self([0; GROUPS]);

    /// Adds `cpu`.
    #[inline]
    pub fn add(&mut self, cpu: Cpu) {
        if let Some(word) = self.0.get_mut(group(cpu)) {
            *word |= bit(cpu);
        }
    }

    /// Removes `cpu`.
    #[inline]
    pub fn remove(&mut self, cpu: Cpu) {
        if let Some(word) = self.0.get_mut(group(cpu)) {
            *word &= !bit(cpu);
        }
    }

    /// Whether `cpu` is in the set.
    #[must_use]
    #[inline]
    pub fn contains(&self, cpu: Cpu) -> bool {
        self.0.get(group(cpu)).is_some_and(|word| word & bit(cpu) != 0)
    }

    /// Whether no CPU is in the set.
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|&word| word == 0)
    }

    /// The CPUs of the set, lowest first.
    #[inline]
    pub fn iter(&self) -> impl Iterator<Item = Cpu> + '_ {
        (0..).step_by(64).zip(self.0).flat_map(|(first, word)| Bits(word).map(move |bit| Cpu(first + bit)))
    }

    /// The set as words of 64 CPUs, for interrupt controllers that take masks.
    #[must_use]
    pub const fn words(&self) -> &[u64; GROUPS] {
        &self.0
    }

    /// Adds the CPUs of a whole word: those from `64 * group` on.
    #[inline]
    pub(crate) fn add_word(&mut self, group: usize, bits: u64) {
        if let Some(word) = self.0.get_mut(group) {
            *word |= bits;
        }
    }
}

/// The group of 64 that `cpu` is in.
#[inline]
pub(crate) const fn group(cpu: Cpu) -> usize {
    (cpu.0 / 64) as usize
}

/// The bit of `cpu` in the word of its group.
#[inline]
pub(crate) const fn bit(cpu: Cpu) -> u64 {
    1 << (cpu.0 % 64)
}

/// The numbers of the bits that are set, lowest first.
struct Bits(u64);

impl Iterator for Bits {
    type Item = u32;

    #[inline]
    fn next(&mut self) -> Option<u32> {
        if self.0 == 0 {
            return None;
        }
        let lowest = self.0.trailing_zeros();
        self.0 &= self.0 - 1;
        Some(lowest)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::vec::Vec;

    #[test]
    fn a_set_holds_what_was_added_and_forgets_what_was_removed() {
        let mut set = CpuSet::<3>::EMPTY;
        assert!(set.is_empty());
        for cpu in [0, 63, 64, 191, 192, u32::MAX] {
            set.add(Cpu(cpu));
        }
        assert_eq!(set.iter().map(|cpu| cpu.0).collect::<Vec<_>>(), [0, 63, 64, 191]);
        assert!(!set.contains(Cpu(192)), "beyond the set");
        set.remove(Cpu(63));
        set.remove(Cpu(500));
        assert_eq!(set.iter().map(|cpu| cpu.0).collect::<Vec<_>>(), [0, 64, 191]);
        assert_eq!(set.words(), &[1, 1, 1 << 63]);
    }
}
