//! Reading a word that only the calling thread writes.

use core::sync::atomic::AtomicU64;

/// The word at [`Site::Own`](bonfire_rcu_core::Site::Own), where the algorithms read the word
/// of their own record: a plain read, which can be part of another instruction where an
/// atomic one is an instruction of its own.
#[inline(always)]
pub(crate) fn load_own(word: &AtomicU64) -> u64 {
    // SAFETY: the word is there, and there is no race. That site stands in `enter` and nowhere
    // else; a record's `section` is written by its owner only, who calls that, and everybody
    // else reads it. Owners are ordered by `give_back` and `claim`, and neither a handle nor
    // a guard is `Send` or `Sync`.
    unsafe { *word.as_ptr() }
}
