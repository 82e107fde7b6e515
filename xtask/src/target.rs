//! What the static binaries are built for, and with which toolchain.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use object::Object;

use crate::repository;

/// A target, the linker it wants, and the packages that Debian has that in.
#[derive(Debug)]
pub(crate) struct Target {
    /// As QEMU and Rust name the architecture.
    pub(crate) architecture: &'static str,
    pub(crate) triple: &'static str,
    linker: &'static str,
    packages: &'static str,
}

/// The linker that the compiler takes where none is named.
const COMPILERS_OWN: &str = "cc";

pub(crate) static TARGETS: [Target; 5] = [
    Target {
        architecture: "x86_64",
        triple: "x86_64-unknown-linux-gnu",
        linker: COMPILERS_OWN,
        packages: "gcc libc6-dev",
    },
    Target {
        architecture: "aarch64",
        triple: "aarch64-unknown-linux-gnu",
        linker: "aarch64-linux-gnu-gcc",
        packages: "gcc-aarch64-linux-gnu libc6-dev-arm64-cross",
    },
    Target {
        architecture: "riscv64",
        triple: "riscv64gc-unknown-linux-gnu",
        linker: "riscv64-linux-gnu-gcc",
        packages: "gcc-riscv64-linux-gnu libc6-dev-riscv64-cross",
    },
    Target {
        architecture: "powerpc64le",
        triple: "powerpc64le-unknown-linux-gnu",
        linker: "powerpc64le-linux-gnu-gcc",
        packages: "gcc-powerpc64le-linux-gnu libc6-dev-ppc64el-cross",
    },
    Target {
        architecture: "s390x",
        triple: "s390x-unknown-linux-gnu",
        linker: "s390x-linux-gnu-gcc",
        packages: "gcc-s390x-linux-gnu libc6-dev-s390x-cross",
    },
];

/// A program to build for targets.
pub(crate) struct Program {
    package: &'static str,
    /// As Cargo's option has it.
    kind: &'static str,
    pub(crate) name: &'static str,
    profile: &'static str,
    features: &'static str,
    /// What is built of the standard library, where that is built.
    standard: &'static str,
}

/// The command.
pub(crate) const BONFIRE: Program = Program::hosted("bonfire-cli", "bonfire");
/// The first process of a guest.
pub(crate) const GUEST_INIT: Program = Program::hosted("guest-init", "guest-init");
/// A loop with a fence in it whose values are in vectors.
pub(crate) const VECTORS: Program = Program::hosted("guest-init", "vectors");
/// A JIT whose functions are replaced while threads call them.
pub(crate) const EXPRESSIONS: Program =
    Program { kind: "--example", ..Program::hosted("bonfire-code", "expressions") };
/// The cases that need least, without a C library.
pub(crate) const RUNNER: Program = Program {
    package: "bonfire-runner",
    kind: "--bin",
    name: "bonfire-runner",
    profile: "runner",
    features: "freestanding",
    standard: "core",
};

impl Program {
    const fn hosted(package: &'static str, name: &'static str) -> Self {
        Self { package, kind: "--bin", name, profile: "static", features: "", standard: "std,panic_abort" }
    }
}

/// Which compiler, and whether the standard library comes with it.
#[derive(clap::Args, Debug, Default)]
pub(crate) struct Toolchain {
    /// The toolchain of rustup to build with, in place of the one that runs
    #[arg(long, value_name = "NAME")]
    toolchain: Option<String>,

    /// Build the standard library, too, for targets that `rustup target add` cannot install
    ///
    /// The toolchain must have the library's sources. Where no registry of rustup can be reached,
    /// a distribution's packages serve: unpack its compiler, its library and its library's
    /// sources (Debian: rustc-web, libstd-rust-web-dev, libstd-rust-web-1.NN, rust-web-src,
    /// libllvmNN) with `dpkg -x` into one folder, move what is in `usr/lib/x86_64-linux-gnu` up
    /// to `usr/lib`, say `rustup toolchain link web FOLDER/usr`, and give `--toolchain web
    /// --build-std`.
    #[arg(long)]
    build_std: bool,
}

impl Target {
    /// The one whose programs run here.
    pub(crate) fn host() -> Result<&'static Self> {
        Self::of(std::env::consts::ARCH)
    }

    /// The target of this architecture.
    pub(crate) fn of(architecture: &str) -> Result<&'static Self> {
        // Rust calls both byte orders one architecture.
        let name = if architecture == "powerpc64" { "powerpc64le" } else { architecture };
        let known = || TARGETS.iter().map(|target| target.architecture).collect::<Vec<_>>().join(", ");
        let found = TARGETS.iter().find(|target| target.architecture == name);
        found.with_context(|| format!("no such architecture: {architecture}; there are {}", known()))
    }

    /// The variable by which Cargo is told the linker.
    fn linker_variable(&self) -> String {
        format!("CARGO_TARGET_{}_LINKER", self.triple.replace('-', "_").to_uppercase())
    }

    /// Whether the linker is here, and a C library for it to link.
    fn has_linker(&self) -> bool {
        let asked = Command::new(self.linker).arg("-print-file-name=libc.a").output();
        asked.is_ok_and(|answer| Path::new(String::from_utf8_lossy(&answer.stdout).trim()).is_absolute())
    }
}

impl Toolchain {
    /// What is missing to build for `target`, as the line that installs it.
    pub(crate) fn missing(&self, target: &Target) -> Result<Option<String>> {
        if !self.build_std && !self.has_library(target)? {
            return Ok(Some(format!("install its library with `rustup target add {}`", target.triple)));
        }
        let absent = !target.has_linker();
        Ok(absent.then(|| format!("install its linker with `apt-get install {}`", target.packages)))
    }

    fn has_library(&self, target: &Target) -> Result<bool> {
        let asked = ["--print", "target-libdir", "--target", target.triple];
        let folder = repository::output(self.command("RUSTC", "rustc").args(asked))?;
        Ok(PathBuf::from(folder.trim()).is_dir())
    }

    /// Cargo or the compiler: that of the toolchain that was named, by rustup's
    /// own program, or the one that runs us.
    fn command(&self, variable: &str, program: &str) -> Command {
        match &self.toolchain {
            None => Command::new(std::env::var_os(variable).unwrap_or_else(|| program.into())),
            Some(name) => {
                let mut command = Command::new(program);
                command.env("RUSTUP_TOOLCHAIN", name);
                // What the toolchain that runs us has said of itself.
                for own in ["CARGO", "RUSTC", "RUSTDOC", "LD_LIBRARY_PATH"] {
                    command.env_remove(own);
                }
                command
            }
        }
    }

    /// Builds `program` with all that it needs linked in, and returns where it is.
    pub(crate) fn build(&self, target: &Target, program: &Program) -> Result<PathBuf> {
        self.build_with(&[], target, program)
    }

    /// The same with these flags for the compiler of the program itself, not of what it
    /// is linked from.
    pub(crate) fn build_with(&self, flags: &[&str], target: &Target, program: &Program) -> Result<PathBuf> {
        let Program { package, kind, name, profile, features, standard } = program;
        let folder = self.target_directory()?;
        let mut cargo = self.command("CARGO", "cargo");
        cargo.args(["rustc", "--quiet", "--package", package, kind, name, "--features", features]);
        cargo.args(["--profile", profile, "--target", target.triple, "--target-dir"]).arg(&folder);
        cargo.env("CARGO_ENCODED_RUSTFLAGS", target_features(target, program));
        // To name the compiler's own would make what is built for the host another thing than
        // in builds for other targets, and each would be done anew after the other.
        if target.linker != COMPILERS_OWN {
            cargo.env(target.linker_variable(), target.linker);
        }
        if self.build_std {
            cargo.arg(format!("-Zbuild-std={standard}")).env("RUSTC_BOOTSTRAP", "1");
        }
        repository::run(cargo.arg("--").args(flags))?;
        let examples = if *kind == "--example" { "examples" } else { "" };
        let built = folder.join(target.triple).join(profile).join(examples).join(name);
        ensure_static(&built)?;
        Ok(built)
    }

    /// Toolchains have folders of their own, so that none makes another's work stale.
    fn target_directory(&self) -> Result<PathBuf> {
        let folder = repository::target_directory()?;
        Ok(match &self.toolchain {
            None => folder,
            Some(name) => folder.join("toolchain").join(name),
        })
    }
}

/// What is to be in a program beside what its target has.
///
/// The helpers for atomics that GCC's library has for aarch64 ask a C library what the
/// processor can do; a program that has none does without them.
fn target_features(target: &Target, program: &Program) -> &'static str {
    match (target.architecture, program.standard) {
        ("aarch64", "core") => "-Ctarget-feature=+crt-static,-outline-atomics",
        _ => "-Ctarget-feature=+crt-static",
    }
}

/// A static binary names no loader.
fn ensure_static(binary: &Path) -> Result<()> {
    let bytes = fs::read(binary).with_context(|| format!("no {}", binary.display()))?;
    let file = object::File::parse(&*bytes)?;
    let asks = file.section_by_name(".interp").is_some();
    ensure!(!asks, "{} asks for a loader; it is not static", binary.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_architecture_finds_its_target() {
        for target in &TARGETS {
            assert_eq!(Target::of(target.architecture).unwrap().triple, target.triple);
        }
        assert_eq!(Target::of("powerpc64").unwrap().architecture, "powerpc64le");
        assert!(Target::of("vax").unwrap_err().to_string().contains("riscv64"));
    }
}
