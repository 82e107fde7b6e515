//! What needs unsafe code: to vouch for bytes.

use bonfire_code::{Arena, Draft};

/// Places a function that was made by `machine`.
pub(crate) fn place(arena: &Arena, code: &[u8]) -> Draft<crate::Number> {
    // SAFETY: made by `machine`: functions of this type that touch no memory.
    let placed = unsafe { arena.place(code) };
    placed.expect("the arena has place")
}
