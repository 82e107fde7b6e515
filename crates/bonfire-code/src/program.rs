//! This process as the protocols see it.

use std::ops::Range;

use bonfire::SyncCore;
use bonfire_code_core::{Machine, Site, Word};
use std::sync::atomic::AtomicU64;

use crate::code::Drafts;
use crate::{Fault, arch};

/// This process, and that it is registered where somebody publishes for threads that check
/// nothing.
pub(crate) struct Program(pub(crate) Option<SyncCore>);

/// A word of a program.
#[derive(Debug)]
pub(crate) struct AtomicWord(AtomicU64);

impl Word for AtomicWord {
    const ZERO: Self = Self(AtomicU64::new(0));

    // Each passes on the ordering that its site states, with what it pairs with.
    #[inline(always)]
    fn load(&self, at: Site) -> u64 {
        self.0.load(at.order())
    }

    fn fetch_add(&self, count: u64, at: Site) -> u64 {
        self.0.fetch_add(count, at.order())
    }
}

impl Machine for Program {
    type Word = AtomicWord;
    type Code = [Range<usize>];
    type Fault = Fault;

    fn maintain(&self, code: &[Range<usize>], _: Site) -> Result<(), Fault> {
        arch::maintain(code)
    }

    fn sync_core(&self, _: Site) {
        self.0.expect("a publisher is registered").serialise();
    }

    #[inline]
    fn serialise(&self, _: Site) {
        arch::serialise();
    }
}

/// Where `drafts` are executed.
pub(crate) fn spans(drafts: &impl Drafts) -> Vec<Range<usize>> {
    let mut spans = Vec::new();
    drafts.spans(&mut spans);
    spans
}
