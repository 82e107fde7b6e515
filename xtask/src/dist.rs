//! `cargo xtask dist`: a static binary that needs nothing on another kernel.
//!
//! One folder per target in `target/dist`, with the binary, its man page, its
//! completions and the licences. The C library is linked in, so the binary
//! starts as the only file of a machine; that it asks for no loader is checked
//! in the binary itself.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use object::Object;

use crate::repository;

/// Which targets, and where to.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Build only for this target; by default for each whose library and linker are here.
    #[arg(long, value_name = "TRIPLE")]
    target: Option<String>,
}

/// A target, the linker it wants, and the package that Debian has it in.
pub(crate) struct Target {
    triple: &'static str,
    linker: &'static str,
    package: &'static str,
}

/// The target that can be built for without anything more.
pub(crate) const HOST: Target = Target { triple: "x86_64-unknown-linux-gnu", linker: "cc", package: "gcc" };

const TARGETS: &[Target] = &[
    HOST,
    Target {
        triple: "aarch64-unknown-linux-gnu",
        linker: "aarch64-linux-gnu-gcc",
        package: "gcc-aarch64-linux-gnu",
    },
    Target {
        triple: "powerpc64le-unknown-linux-gnu",
        linker: "powerpc64le-linux-gnu-gcc",
        package: "gcc-powerpc64le-linux-gnu",
    },
    Target {
        triple: "s390x-unknown-linux-gnu",
        linker: "s390x-linux-gnu-gcc",
        package: "gcc-s390x-linux-gnu",
    },
    Target {
        triple: "riscv64gc-unknown-linux-gnu",
        linker: "riscv64-linux-gnu-gcc",
        package: "gcc-riscv64-linux-gnu",
    },
];

/// Builds for the target that was asked for, or for all that can be built here.
pub(crate) fn run(options: &Options) -> Result<()> {
    let wanted = |target: &&Target| options.target.as_ref().is_none_or(|triple| triple == target.triple);
    let targets: Vec<&Target> = TARGETS.iter().filter(wanted).collect();
    let known = || TARGETS.iter().map(|target| target.triple).collect::<Vec<_>>().join(", ");
    ensure!(!targets.is_empty(), "no such target; there are {}", known());
    for target in &targets {
        match missing(target)? {
            None => println!("{}", build(target)?.display()),
            Some(remedy) if options.target.is_some() => bail!("{}: {remedy}", target.triple),
            Some(remedy) => println!("{}: skipped; {remedy}", target.triple),
        }
    }
    Ok(())
}

/// What is missing to build for `target`, as the line that installs it.
fn missing(target: &Target) -> Result<Option<String>> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let libraries = repository::output(Command::new(rustc).args([
        "--print",
        "target-libdir",
        "--target",
        target.triple,
    ]))?;
    if !PathBuf::from(libraries.trim()).is_dir() {
        return Ok(Some(format!("install its library with `rustup target add {}`", target.triple)));
    }
    let absent = !is_installed(target.linker);
    Ok(absent.then(|| format!("install its linker with `apt-get install {}`", target.package)))
}

fn is_installed(program: &str) -> bool {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders).any(|folder| folder.join(program).is_file())
}

/// Builds for `target` and returns the folder with what belongs to it.
fn build(target: &Target) -> Result<PathBuf> {
    let binary = static_binary(target, "bonfire-cli", "bonfire")?;
    let version = env!("CARGO_PKG_VERSION");
    let folder = repository::target_directory()?.join(format!("dist/bonfire-{version}-{}", target.triple));
    fs::create_dir_all(&folder)?;
    fs::copy(binary, folder.join("bonfire"))?;
    for file in ["README.md", "CHANGELOG.md", "LICENSE-APACHE", "LICENSE-MIT"] {
        fs::copy(repository::root().join(file), folder.join(file)).with_context(|| format!("no {file}"))?;
    }
    generate(&folder)?;
    Ok(folder)
}

/// Builds `binary` of `package` with the C library linked in, and returns where it is.
pub(crate) fn static_binary(target: &Target, package: &str, binary: &str) -> Result<PathBuf> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--profile", "static", "--package", package, "--bin", binary]);
    cargo.args(["--target", target.triple]);
    cargo.env("CARGO_ENCODED_RUSTFLAGS", "-Ctarget-feature=+crt-static");
    let variable = format!("CARGO_TARGET_{}_LINKER", target.triple.replace('-', "_").to_uppercase());
    cargo.env(variable, target.linker);
    repository::run(&mut cargo)?;
    let built = repository::target_directory()?.join(target.triple).join("static").join(binary);
    ensure_static(&built)?;
    Ok(built)
}

/// A static binary names no loader.
fn ensure_static(binary: &PathBuf) -> Result<()> {
    let bytes = fs::read(binary).with_context(|| format!("no {}", binary.display()))?;
    let file = object::File::parse(&*bytes)?;
    ensure!(
        file.section_by_name(".interp").is_none(),
        "{} asks for a loader; it is not static",
        binary.display()
    );
    Ok(())
}

/// The man page and the completions, from the one definition that this host's
/// binary has of its arguments.
fn generate(folder: &std::path::Path) -> Result<()> {
    for (what, file) in GENERATED {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["run", "--quiet", "--package", "bonfire-cli", "--", "generate", what]);
        fs::write(folder.join(file), repository::output(&mut cargo)?)?;
    }
    Ok(())
}

/// What `bonfire generate` makes, and the file names that man and shells expect.
const GENERATED: [(&str, &str); 4] =
    [("man", "bonfire.1"), ("bash", "bonfire.bash"), ("zsh", "_bonfire"), ("fish", "bonfire.fish")];
