//! Memory files (`memfd_create`): memory that a program finds again after it
//! became a new image. Their numbers are valid in every process, and for ever.

use crate::frames::Frame;
use crate::lock::Lock;
use crate::space::{OutOfMemory, zeroed};
use alloc::sync::Arc;
use alloc::vec::Vec;

static FILES: Lock<Vec<Option<Arc<[Frame]>>>> = Lock::new(Vec::new());
/// Below are the numbers of input and output.
const FIRST: u64 = 3;

/// A file without contents.
pub(crate) fn create() -> u64 {
    let mut files = FILES.lock();
    files.push(None);
    FIRST + files.len() as u64 - 1
}

/// Gives the file its contents: zeros, once.
pub(crate) fn set_length(file: u64, length: u64) -> Result<(), OutOfMemory> {
    let frames = zeroed(length.div_ceil(crate::arch::PAGE))?;
    let mut files = FILES.lock();
    let file = file.checked_sub(FIRST).and_then(|file| files.get_mut(file as usize)).ok_or(OutOfMemory)?;
    file.get_or_insert(frames);
    Ok(())
}

/// The contents of the file, if it has any.
pub(crate) fn frames(file: u64) -> Option<Arc<[Frame]>> {
    FILES.lock().get(file.checked_sub(FIRST)? as usize)?.clone()
}
