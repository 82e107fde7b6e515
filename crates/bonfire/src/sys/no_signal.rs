//! No fences by signals here: they are for Linux.

use std::time::Duration;

use crate::SignalFault;

/// Refuses, so that there is no token.
pub(crate) fn install(_number: i32, _patience: Duration) -> Result<(), SignalFault> {
    Err(SignalFault::Unsupported)
}

/// Refuses: nobody has a token to come here with.
pub(crate) fn heavy_within(_patience: Duration) -> Result<(), SignalFault> {
    Err(SignalFault::Unsupported)
}

/// Never.
pub(crate) fn is_installed() -> bool {
    false
}
