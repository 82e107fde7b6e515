//! `bonfire scale` where there are no coroutines to be CPUs.

use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;

/// Run the engine on large machines in virtual time: not on this architecture
#[derive(Args)]
pub(crate) struct Options {
    /// Anything
    #[arg(hide = true, trailing_var_arg = true, allow_hyphen_values = true)]
    anything: Vec<String>,
}

/// Says so.
pub(crate) fn run(_: &Options) -> Result<ExitCode> {
    bail!(
        "bonfire scale needs coroutines, which {} lacks (on stable Rust); run it on another architecture",
        std::env::consts::ARCH
    )
}
