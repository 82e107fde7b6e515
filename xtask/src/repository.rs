//! Where the repository is, what is in it, and how to run a program in it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use cargo_metadata::{Metadata, MetadataCommand};

/// The folder of the workspace.
pub(crate) fn root() -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().expect("xtask is a folder of the workspace").to_path_buf()
}

/// The workspace as Cargo sees it, without what it depends on.
pub(crate) fn metadata() -> Result<Metadata> {
    MetadataCommand::new()
        .current_dir(root())
        .no_deps()
        .exec()
        .context("cargo metadata failed; run it by hand to see why")
}

/// Where Cargo puts what it builds.
pub(crate) fn target_directory() -> Result<PathBuf> {
    Ok(metadata()?.target_directory.into_std_path_buf())
}

/// Every file that is, or is about to be, in the repository, relative to its root.
pub(crate) fn files() -> Result<Vec<PathBuf>> {
    let listed =
        output(Command::new("git").args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]))?;
    let names = listed.split('\0').filter(|name| !name.is_empty());
    Ok(names.map(PathBuf::from).filter(|file| root().join(file).exists()).collect())
}

/// Runs `command` in the repository; its output goes where ours goes.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.current_dir(root()).status().with_context(|| cannot_start(command))?;
    if !status.success() {
        bail!("{} failed: {status}", named(command));
    }
    Ok(())
}

/// Runs `command` in the repository and returns what it printed.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command.current_dir(root()).output().with_context(|| cannot_start(command))?;
    if !output.status.success() {
        bail!("{} failed: {}\n{}", named(command), output.status, String::from_utf8_lossy(&output.stderr));
    }
    String::from_utf8(output.stdout).with_context(|| format!("{} printed no UTF-8", named(command)))
}

fn named(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

fn cannot_start(command: &Command) -> String {
    format!("cannot start {}; is it installed?", command.get_program().to_string_lossy())
}
