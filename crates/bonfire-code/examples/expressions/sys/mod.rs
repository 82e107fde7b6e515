//! What needs unsafe code: to vouch for bytes.

use bonfire_code::{Arena, Draft, Fault, Published, Publisher};

use crate::{Compute, machine};

/// Places code that was compiled here.
pub(crate) fn place(arena: &Arena, code: &[u8]) -> Result<Draft<Compute>, Fault> {
    // SAFETY: made by `machine`: functions of this type that touch no memory.
    unsafe { arena.place(code) }
}

/// Patches the first instruction of a function that was made by `machine::switched`.
pub(crate) fn patch(
    publisher: Publisher,
    function: &Published<Compute>,
    new: [u8; machine::SWITCH],
) -> Result<(), Fault> {
    // SAFETY: the first instruction of such a function is as long as this one, and with either
    // it is a function of its type. No thread of this program blocks SIGTRAP.
    unsafe { publisher.patch(function, 0, &new) }
}
