//! Sets of CPUs: bits in words, on the stack.

use core::fmt;

use bonfire_abi::Cpu;

use crate::kernel::sealed::Array as _;
use crate::kernel::{Bits, Kernel};

/// A set of CPUs, numbered from 0 up to the kernel's capacity.
///
/// A number beyond the set is never in it and cannot be added.
pub struct CpuSet<K: Kernel>(Bits<K>);

impl<K: Kernel> CpuSet<K> {
    /// No CPU.
    pub const EMPTY: Self = Self(Bits::<K>::NEW);

    /// Adds `cpu`.
    #[inline]
    pub fn add(&mut self, cpu: Cpu) {
        self.add_word(group(cpu), bit(cpu));
    }

    /// Removes `cpu`. True if it was in the set.
    #[inline]
    pub fn remove(&mut self, cpu: Cpu) -> bool {
        let Some(word) = self.0.all_mut().get_mut(group(cpu)) else { return false };
        let was_in = *word & bit(cpu) != 0;
        *word &= !bit(cpu);
        was_in
    }

    /// Whether `cpu` is in the set.
    #[must_use]
    #[inline]
    pub fn contains(&self, cpu: Cpu) -> bool {
        self.words().get(group(cpu)).is_some_and(|word| word & bit(cpu) != 0)
    }

    /// Whether no CPU is in the set.
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.words().iter().all(|&word| word == 0)
    }

    /// The CPUs of the set, lowest first.
    #[inline]
    pub fn iter(&self) -> impl Iterator<Item = Cpu> + '_ {
        let words = (0..).step_by(64).zip(self.words());
        words.flat_map(|(first, &word)| Ones(word).map(move |bit| Cpu(first + bit)))
    }

    /// The set as words of 64 CPUs, for interrupt controllers that take masks.
    #[must_use]
    #[inline]
    pub fn words(&self) -> &[u64] {
        self.0.all()
    }

    /// Of these, the one that is named.
    #[inline]
    pub(crate) fn only(self, cpu: Cpu) -> Self {
        let mut one = Self::EMPTY;
        if self.contains(cpu) {
            one.add(cpu);
        }
        one
    }

    /// Adds the CPUs of a whole word: those from `64 * group` on.
    #[inline]
    pub(crate) fn add_word(&mut self, group: usize, bits: u64) {
        if let Some(word) = self.0.all_mut().get_mut(group) {
            *word |= bits;
        }
    }
}

impl<K: Kernel> Clone for CpuSet<K> {
    #[inline]
    fn clone(&self) -> Self {
        *self
    }
}

impl<K: Kernel> Copy for CpuSet<K> {}

impl<K: Kernel> PartialEq for CpuSet<K> {
    fn eq(&self, other: &Self) -> bool {
        self.words() == other.words()
    }
}

impl<K: Kernel> Eq for CpuSet<K> {}

impl<K: Kernel> fmt::Debug for CpuSet<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(|cpu| cpu.0)).finish()
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
pub(crate) struct Ones(pub(crate) u64);

impl Iterator for Ones {
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
