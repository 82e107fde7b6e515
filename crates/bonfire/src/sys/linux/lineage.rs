//! A word that is zero again in a forked child.
//!
//! A fork copies everything, also what is true of the parent alone: that one of its
//! threads has a turn. The number of the process tells them apart, but costs a
//! system call, and is the same for both where the first process of a PID namespace
//! forks into a new one. The kernel can empty a page on the way
//! (`MADV_WIPEONFORK`, Linux 4.14, which private barriers need as well).

use core::sync::atomic::{
    AtomicBool, AtomicU32,
    Ordering::{Acquire, Release},
};

use super::arch::{number, syscall};
use super::asking::{Question, may};

/// Linux's number for it.
pub(super) const WIPEONFORK: usize = 18;

/// The largest page that an architecture has.
const PAGE: usize = if cfg!(any(target_arch = "x86_64", target_arch = "x86")) { 4 << 10 } else { 64 << 10 };

/// Whole pages, of which the first word is used. They are in no file, being zero.
#[cfg_attr(any(target_arch = "x86_64", target_arch = "x86"), repr(C, align(4096)))]
#[cfg_attr(not(any(target_arch = "x86_64", target_arch = "x86")), repr(C, align(65536)))]
struct Page {
    word: AtomicU32,
    rest: [AtomicU32; PAGE / 4 - 1],
}

static PAGES: Page = Page { word: AtomicU32::new(0), rest: [const { AtomicU32::new(0) }; PAGE / 4 - 1] };

/// | edge | one side | other side |
/// |------|----------|------------|
/// | wiped | [`prepare`], after the call | [`word`], before the word is used |
static IS_WIPED: AtomicBool = AtomicBool::new(false);

/// Has the kernel empty the page in children that are forked from now on, unless a
/// filter kills for that.
pub(crate) fn prepare() {
    // Acquire. PAIRS(wiped): with the store below.
    if IS_WIPED.load(Acquire) || !may(&[Question::WipeOnFork]) {
        return;
    }
    let arguments = [(&raw const PAGES) as usize, PAGE, WIPEONFORK, 0];
    // SAFETY: the pages are ours alone; a child that finds them empty finds a word
    // that was never written.
    if unsafe { syscall(number::MADVISE, arguments) } == 0 {
        // Release. PAIRS(wiped): with the load in `word`.
        IS_WIPED.store(true, Release);
    }
}

/// The word, if children find it empty.
pub(crate) fn word() -> Option<&'static AtomicU32> {
    // Acquire. PAIRS(wiped): with the store in `prepare`.
    IS_WIPED.load(Acquire).then_some(&PAGES.word)
}
