//! Two functions of the shape of `wasmtime`'s helper for coherent caches, for whoever has
//! memory of their own.
//!
//! | theirs | here |
//! |---|---|
//! | `clear_cache` asks the compiler's builtin on some architectures, which says nothing when the system call below it is refused | the result is checked, and says which call failed |
//! | `pipeline_flush_mt` does something on aarch64 only, and where `SYNC_CORE` is refused takes `GLOBAL`, which promises nothing about instructions, and is refused itself where CPUs run without ticks | it is `SYNC_CORE` on every architecture, or an error with the cause |
//!
//! Call them in this order, after the code was written and before it is executed.

use crate::{Fault, Publisher};

pub use crate::sys::clear_cache;

/// Has every thread of this process serialise before it executes what comes next, and
/// registers the process for that first.
///
/// # Errors
/// [`Fault::NoSyncCore`].
pub fn pipeline_flush_mt() -> Result<(), Fault> {
    Publisher::register()?.publish(Vec::<crate::Draft<extern "C" fn()>>::new())?;
    Ok(())
}
