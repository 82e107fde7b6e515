//! What needs unsafe code: to vouch for bytes.

use bonfire_code::{Arena, Draft, Fault, Memory, Patchable, Published, Publisher};

use crate::{Compute, machine};

/// Places code that was compiled here.
pub(crate) fn place<M: Memory>(arena: &Arena<M>, code: &[u8]) -> Result<Draft<Compute, M>, Fault> {
    // SAFETY: made by `machine`: functions of this type that touch no memory.
    unsafe { arena.place(code) }
}

/// How the first instruction of a function is replaced.
pub(crate) type Patch<M> = fn(Publisher, &Published<Compute, M>, [u8; machine::SWITCH]) -> Result<(), Fault>;

/// Patches the first instruction of a function that was made by `machine::switched`.
pub(crate) fn patch<M: Patchable>(
    publisher: Publisher,
    function: &Published<Compute, M>,
    new: [u8; machine::SWITCH],
) -> Result<(), Fault> {
    // SAFETY: the first instruction of such a function is as long as this one, and with either
    // it is a function of its type. No thread of this program blocks SIGTRAP.
    unsafe { publisher.patch(function, 0, &new) }
}
