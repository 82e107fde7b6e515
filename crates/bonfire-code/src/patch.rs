//! Replacing one instruction of code that threads execute. What may be replaced, and how, is
//! the architecture's: [`arch`](crate::arch).

use std::sync::{Mutex, PoisonError};

use crate::memory::Space;
use crate::program::Program;
use crate::{Fault, Patchable, arch};

/// One instruction at a time is replaced.
static TURN: Mutex<()> = Mutex::new(());

pub(crate) fn patch<M: Patchable>(
    program: &Program,
    space: &Space<M>,
    offset: usize,
    new: &[u8],
) -> Result<(), Fault> {
    let addresses = space.addresses();
    if new.is_empty() || offset.checked_add(new.len()).is_none_or(|end| end > addresses.len()) {
        return Err(Fault::NotPatchable("the instruction does not lie in the code"));
    }
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    arch::patch(program, &Place { space, offset, length: new.len() }, new)
}

/// Where the instruction is.
pub(crate) struct Place<'a, M: Patchable> {
    space: &'a Space<M>,
    offset: usize,
    length: usize,
}

#[cfg_attr(
    any(target_arch = "powerpc64", target_arch = "s390x"),
    expect(dead_code, reason = "no instruction is replaced on these architectures")
)]
impl<M: Patchable> Place<'_, M> {
    /// Where it is executed.
    pub(crate) fn address(&self) -> usize {
        self.space.addresses().start + self.offset
    }

    /// What stands there.
    pub(crate) fn read(&self, into: &mut [u8]) -> Result<(), Fault> {
        let range = self.offset..self.offset + self.length;
        self.space.write(range, |_, bytes| into.copy_from_slice(bytes))
    }

    /// Writes `bytes` behind the first `skip`, in one store where there is one that size.
    pub(crate) fn write(&self, skip: usize, bytes: &[u8]) -> Result<(), Fault> {
        let first = self.offset + skip;
        self.space.write(first..first + bytes.len(), |_, place| crate::sys::store(place, bytes))
    }
}
