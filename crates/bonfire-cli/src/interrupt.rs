//! Ctrl-C: the case that runs is stopped and reaped, then the process ends.

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use anyhow::{Context, Result};

/// Relaxed throughout: whoever sees it set only stops; it publishes nothing.
static REQUESTED: AtomicBool = AtomicBool::new(false);

/// From here on Ctrl-C (and a request to terminate) ends the run in order.
pub(crate) fn watch() -> Result<()> {
    ctrlc::set_handler(|| REQUESTED.store(true, Relaxed)).context("cannot catch Ctrl-C")
}

/// Whether somebody wants the run to end.
pub(crate) fn requested() -> bool {
    REQUESTED.load(Relaxed)
}

/// How a shell expects a process to exit that Ctrl-C ended: 128 and the signal.
pub(crate) fn exit() -> ExitCode {
    ExitCode::from(130)
}
