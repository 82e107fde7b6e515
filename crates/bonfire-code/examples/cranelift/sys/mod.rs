//! What needs unsafe code: to vouch for what cranelift compiled.

use bonfire_code::{Arena, Draft, Fault};
use cranelift_jit::JITModule;

use crate::Compute;

/// Places what was compiled by `versioned`.
pub(crate) fn place(arena: &Arena, code: &[u8]) -> Result<Draft<Compute>, Fault> {
    // SAFETY: a function of this type, with nothing to be relocated.
    unsafe { arena.place(code) }
}

/// A function of a module that was finished.
pub(crate) fn to_function(address: *const u8) -> Compute {
    // SAFETY: compiled by `versioned`, of this type; and the module is freed after its last call.
    unsafe { std::mem::transmute::<*const u8, Compute>(address) }
}

/// Frees a module.
pub(crate) fn free(module: JITModule) {
    // SAFETY: the threads that called its functions are gone.
    unsafe { module.free_memory() };
}
