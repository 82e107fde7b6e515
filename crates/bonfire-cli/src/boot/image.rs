//! Where the kernel's image is: named, or built in the checkout that we are in.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use bonfire_testbed::Architecture;

/// The image to boot. Cargo knows whether it is stale.
pub(super) fn find(named: Option<&Path>, architecture: Architecture) -> Result<PathBuf> {
    if let Some(named) = named {
        ensure!(named.is_file(), "there is no file {}", named.display());
        return Ok(named.to_path_buf());
    }
    let here = env::current_dir().context("no current folder")?;
    let is_checkout = |folder: &&Path| folder.join("crates/bonfire-testbed/src/init/init.ld").is_file();
    let Some(checkout) = here.ancestors().find(is_checkout) else {
        bail!("no kernel to boot: run this in a checkout of bonfire, or name one with --kernel");
    };
    build(checkout, architecture)
}

fn build(checkout: &Path, architecture: Architecture) -> Result<PathBuf> {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .args(["xtask", "testbed", "--arch", architecture.name()])
        .current_dir(checkout)
        .stderr(Stdio::inherit());
    let output = cargo.output().context("cannot start cargo to build the kernel; name one with --kernel")?;
    ensure!(
        output.status.success(),
        "the kernel cannot be built: cargo xtask testbed --arch {architecture} failed"
    );
    Ok(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()))
}
