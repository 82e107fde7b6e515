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

    /// Calls `write` with the bytes of `range`, to be written. Nobody else writes to `range`
    /// meanwhile.
    ///
    /// # Errors
    /// [`Fault::Memory`]; what was written then is of no use.
    fn write(&self, range: Range<usize>, write: &mut dyn FnMut(&mut [u8])) -> Result<(), Fault>;

    /// Whether this is the process that reserved it, and not a forked child.
    fn is_here(&self) -> bool;
}

/// Memory that may be written while threads execute it.
///
/// # Safety
/// [`write`](Memory::write) does not keep threads from executing the range that it writes.
pub unsafe trait Patchable: Memory {}

/// In bytes.
pub(crate) fn page_size() -> usize {
    static SIZE: OnceLock<usize> = OnceLock::new();
    *SIZE.get_or_init(|| {
        // SAFETY: asks for a number.
        let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
        usize::try_from(size).unwrap_or(4096)
    })
}
