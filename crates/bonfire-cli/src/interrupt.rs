//! Ctrl-C: the case that runs is stopped and reaped, then the process ends.

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, LazyLock};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

/// Relaxed throughout: whoever sees it set only stops; it publishes nothing.
static REQUESTED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// From here on Ctrl-C (and a request to terminate) ends the run in order. A kernel
/// that has no handlers for signals ends it otherwise, and is judged all the same.
pub(crate) fn watch() {
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        let _ = flag::register(signal, Arc::clone(&REQUESTED));
    }
}

/// Whether somebody wants the run to end.
pub(crate) fn requested() -> bool {
    REQUESTED.load(Relaxed)
}

/// How a shell expects a process to exit that Ctrl-C ended: 128 and the signal.
pub(crate) fn exit() -> ExitCode {
    ExitCode::from(130)
}
