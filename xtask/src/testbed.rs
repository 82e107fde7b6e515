//! `cargo xtask testbed`: the kernel that boots in QEMU, and its user program.
//!
//! Two freestanding programs, built by the installed stable toolchain for its
//! own target: the flags below take away what a hosted program has. The user
//! program comes first, because the kernel's image contains it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::repository;

/// What to do with the two programs.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Run clippy on them, too.
    #[arg(long)]
    clippy: bool,
}

const TARGET: &str = "x86_64-unknown-linux-gnu";

/// No position independence (nobody relocates them), no red zone (interrupts of
/// ring 0 would overwrite it), no unwinding, no libc.
const FLAGS: &[&str] = &[
    "-Crelocation-model=static",
    "-Cno-redzone=yes",
    "-Cpanic=abort",
    "-Clink-arg=-nostdlib",
    "-Clink-arg=-nostartfiles",
    "-Clink-arg=-static",
    "-Clink-arg=-no-pie",
];

/// One of the two.
struct Program {
    name: &'static str,
    link_script: &'static str,
    /// The kernel lies in the last 2 GiB of the address space.
    code_model: &'static str,
}

const INIT: Program = Program { name: "bonfire-init", link_script: "init.ld", code_model: "small" };
const KERNEL: Program = Program { name: "bonfire-kernel", link_script: "kernel.ld", code_model: "kernel" };

/// Builds the image and prints where it is.
pub(crate) fn run(options: &Options) -> Result<()> {
    let (init, image) = build()?;
    if options.clippy {
        INIT.build("clippy", None)?;
        KERNEL.build("clippy", Some(&init))?;
    }
    println!("{}", image.display());
    Ok(())
}

/// Builds the user program, and the image that contains it.
pub(crate) fn build() -> Result<(PathBuf, PathBuf)> {
    let init = INIT.build("build", None)?;
    let kernel = KERNEL.build("build", Some(&init))?;
    let image = repository::target_directory()?.join("testbed").join(KERNEL.name);
    fs::copy(&kernel, &image).with_context(|| format!("cannot copy {} there", kernel.display()))?;
    Ok((init, image))
}

impl Program {
    /// Runs Cargo's `verb` on the program; returns where a build leaves it. Each
    /// program has a target folder of its own: their flags differ, and neither
    /// should make the other's dependencies stale.
    fn build(&self, verb: &str, init: Option<&Path>) -> Result<PathBuf> {
        let folder = repository::target_directory()?.join("testbed").join(self.name.replace("bonfire-", ""));
        let script = repository::root().join("crates/bonfire-testbed").join(self.link_script);
        let own = [format!("-Ccode-model={}", self.code_model), format!("-Clink-arg=-T{}", script.display())];
        let flags: Vec<String> = FLAGS.iter().map(ToString::to_string).chain(own).collect();
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo
            .args([verb, "--quiet", "--release", "--package", "bonfire-testbed", "--features", "image"])
            // Named, so that build scripts are built without these flags.
            .args(["--bin", self.name, "--target", TARGET, "--target-dir"])
            .arg(&folder)
            .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"));
        if verb == "clippy" {
            cargo.args(["--", "-D", "warnings"]);
        }
        if let Some(init) = init {
            cargo.env("BONFIRE_INIT", init);
        }
        repository::run(&mut cargo)?;
        Ok(folder.join(TARGET).join("release").join(self.name))
    }
}
