//! `cargo xtask testbed`: the kernel that boots in QEMU, and its user program.
//!
//! Two freestanding programs, built by the installed stable toolchain for its
//! own target or another one's: the flags below take away what a hosted program has. The user
//! program comes first, because the kernel's image contains it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use bonfire_testbed::Architecture;

use crate::repository;

/// What to do with the two programs.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Run clippy on them, too.
    #[arg(long)]
    clippy: bool,

    #[command(flatten)]
    machine: Machine,
}

/// Which machine they are for.
#[derive(clap::Args)]
pub(crate) struct Machine {
    /// The architecture of the machine
    #[arg(long = "arch", value_name = "ARCHITECTURE", default_value_t = Architecture::OWN)]
    pub(crate) architecture: Architecture,
}

/// No position independence (nobody relocates them), no red zone (interrupts of
/// the kernel would overwrite it), no unwinding.
const FLAGS: &[&str] = &["-Crelocation-model=static", "-Cno-redzone=yes", "-Cpanic=abort"];
/// No libc: for the linker that the compiler takes for its own host, which is `cc`.
const NO_LIBC: &[&str] =
    &["-Clink-arg=-nostdlib", "-Clink-arg=-nostartfiles", "-Clink-arg=-static", "-Clink-arg=-no-pie"];
/// For another architecture, the linker that comes with the compiler.
const OTHER_LINKER: &[&str] = &["-Clinker=rust-lld", "-Clinker-flavor=ld.lld", "-Clink-arg=-static"];

/// On aarch64, one instruction for each atomic operation.
const ATOMICS: &[&str] = &["-Ctarget-feature=+lse"];

/// One of the two.
struct Program {
    name: &'static str,
    is_kernel: bool,
}

const INIT: Program = Program { name: "bonfire-init", is_kernel: false };
const KERNEL: Program = Program { name: "bonfire-kernel", is_kernel: true };

/// Builds the image and prints where it is.
pub(crate) fn run(options: &Options) -> Result<()> {
    let architecture = options.machine.architecture;
    let (init, image) = build(architecture)?;
    if options.clippy {
        INIT.build("clippy", architecture, None)?;
        KERNEL.build("clippy", architecture, Some(&init))?;
    }
    println!("{}", image.display());
    Ok(())
}

/// Builds the user program, and the image that contains it.
pub(crate) fn build(architecture: Architecture) -> Result<(PathBuf, PathBuf)> {
    let target = architecture.target();
    ensure!(has_target(target)?, "Rust's library for {architecture} is absent: rustup target add {target}");
    let init = INIT.build("build", architecture, None)?;
    let kernel = KERNEL.build("build", architecture, Some(&init))?;
    let image = folder()?.join(format!("{}-{architecture}", KERNEL.name));
    fs::copy(&kernel, &image).with_context(|| format!("cannot copy {} there", kernel.display()))?;
    Ok((init, image))
}

/// Whether the compiler has the library for that target.
fn has_target(target: &str) -> Result<bool> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let folder =
        repository::output(Command::new(rustc).args(["--print", "target-libdir", "--target", target]))?;
    Ok(Path::new(folder.trim()).is_dir())
}

/// Whether the host has that architecture itself.
pub(crate) fn is_of_host(architecture: Architecture) -> bool {
    architecture.name() == std::env::consts::ARCH
}

fn folder() -> Result<PathBuf> {
    Ok(repository::target_directory()?.join("testbed"))
}

impl Program {
    /// Runs Cargo's `verb` on the program; returns where a build leaves it. Each
    /// program has a target folder of its own: their flags differ, and neither
    /// should make the other's dependencies stale.
    fn build(&self, verb: &str, architecture: Architecture, init: Option<&Path>) -> Result<PathBuf> {
        let folder = folder()?.join(self.name.replace("bonfire-", ""));
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo
            .args([verb, "--quiet", "--release", "--package", "bonfire-testbed", "--features", "image"])
            // Named, so that build scripts are built without these flags.
            .args(["--bin", self.name, "--target", architecture.target(), "--target-dir"])
            .arg(&folder)
            .env("CARGO_ENCODED_RUSTFLAGS", self.flags(architecture).join("\x1f"));
        if verb == "clippy" {
            cargo.args(["--", "-D", "warnings"]);
        }
        if let Some(init) = init {
            cargo.env("BONFIRE_INIT", init);
        }
        repository::run(&mut cargo)?;
        Ok(folder.join(architecture.target()).join("release").join(self.name))
    }

    fn flags(&self, architecture: Architecture) -> Vec<String> {
        let linker = if is_of_host(architecture) { NO_LIBC } else { OTHER_LINKER };
        let sources = repository::root().join("crates/bonfire-testbed/src");
        let script = if self.is_kernel {
            sources.join(format!("kernel/arch/{architecture}/kernel.ld"))
        } else {
            sources.join("init/init.ld")
        };
        // The image contains the user program, which nobody debugs from there.
        let strip = if self.is_kernel { "none" } else { "debuginfo" };
        let own = [
            format!("-Cstrip={strip}"),
            format!("-Ccode-model={}", self.code_model(architecture)),
            format!("-Clink-arg=-T{}", script.display()),
        ];
        let cpu = if architecture == Architecture::Aarch64 { ATOMICS } else { &[] };
        FLAGS.iter().chain(linker).chain(cpu).map(ToString::to_string).chain(own).collect()
    }

    /// Where the code may lie. On x86-64 the kernel is in the last 2 GiB; on RISC-V only the
    /// medium model is independent of that.
    fn code_model(&self, architecture: Architecture) -> &'static str {
        match architecture {
            Architecture::X86_64 if self.is_kernel => "kernel",
            Architecture::Riscv64 => "medium",
            _ => "small",
        }
    }
}
