//! Publishing for threads that check nothing: they are made to serialise.

use crate::{Machine, Site};

/// Publishes what was written to `code`: any thread may execute it that learns of it after
/// the return from here, without a check of its own.
///
/// One call serves as many functions as `code` names.
///
/// # Errors
/// Why the caches could not be maintained. The code must not be executed then.
pub fn publish<M: Machine>(machine: &M, code: &M::Code) -> Result<(), M::Fault> {
    // PAIRS(code): with the instruction fetch of whoever executes it.
    machine.maintain(code, Site::Maintain)?;
    // PAIRS(code): as above. After the maintenance, or it would be for nothing: a thread that
    // serialised before may fetch the old once more.
    machine.sync_core(Site::SyncCore);
    Ok(())
}
