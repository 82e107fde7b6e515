//! What memory for code must be like.

use std::ops::Range;
use std::sync::OnceLock;

use crate::Fault;

/// A range of memory that is written in one way and executed in another.
///
/// # Safety
/// While a value of this type exists:
/// - the [`length`](Self::length) bytes at [`executable`](Self::executable) are mapped there,
///   for this process, and nobody else writes them;
/// - what [`write`](Self::write) has written is what is read there, and stays;
/// - no byte is writable and executable at one address at one time;
/// - ranges of whole granules are independent: writing one does not keep threads from
///   executing others.
pub unsafe trait Memory: Sized + Send + Sync + 'static {
    /// Takes `length` bytes, a multiple of the page size, from the system. If `near` is given,
    /// all of them reach that address by a branch.
    ///
    /// # Errors
    /// [`Fault::Memory`].
    fn reserve(length: usize, near: Option<usize>) -> Result<Self, Fault>;

    /// Where it is executed.
    fn executable(&self) -> *const u8;

    /// In bytes.
    fn length(&self) -> usize;

    /// What space is a multiple of, in bytes; a power of two.
    fn granule() -> usize;

    /// Calls `write` with the bytes of `range`, to be written.
    ///
    /// # Errors
    /// [`Fault::Memory`]; what was written then is of no use.
    ///
    /// # Safety
    /// Nobody else reads or writes `range` by this function meanwhile.
    unsafe fn write(&self, range: Range<usize>, write: &mut dyn FnMut(&mut [u8])) -> Result<(), Fault>;

    /// Whether this is the process that reserved it, and not a forked child.
    fn is_here(&self) -> bool;
}

/// Memory that may be written while threads execute it.
///
/// # Safety
/// [`write`](Memory::write) does not keep threads from executing the range that it writes.
pub unsafe trait Patchable: Memory {}

/// Calls `write` with the bytes of `range`, which are the caller's alone: a space of an arena is
/// written by whoever places code in it, before anybody else has it, and by `patch`, which has
/// one turn for all.
pub(crate) fn write_own<M: Memory>(
    memory: &M,
    range: Range<usize>,
    write: &mut dyn FnMut(&mut [u8]),
) -> Result<(), Fault> {
    // SAFETY: the caller's alone, as said above; this crate has no other callers.
    unsafe { memory.write(range, write) }
}

/// In bytes.
pub(crate) fn page_size() -> usize {
    static SIZE: OnceLock<usize> = OnceLock::new();
    *SIZE.get_or_init(|| {
        // SAFETY: asks for a number.
        let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
        usize::try_from(size).unwrap_or(4096)
    })
}
