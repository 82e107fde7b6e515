//! `cargo xtask asm`: what compilers make of the fences, on every target at hand.
//!
//! Three questions, each answered from the assembly of an example: is a light fence no
//! instruction ([`light`]), does a heavy one keep what its caller has in vector registers
//! ([`vectors`]), and does no read section of RCU make a fence ([`sections`])? A target is at hand if its `core`
//! is installed (`rustup target add`), or can be built from the sources of the
//! toolchain named with `--toolchain`. Windows and FreeBSD are only checked for types.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::repository;

mod light;
mod line;
mod sections;
mod vectors;

/// What to compile with, and how much to say.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// A toolchain with the sources of `core`, to build it for targets that are not installed.
    #[arg(long, value_name = "NAME")]
    toolchain: Option<String>,

    /// Print the instructions of every loop.
    #[arg(long)]
    listing: bool,
}

/// Targets that are checked for types: other systems, and those of Linux that have full
/// fences, or no 64-bit atomics, or are seldom built for.
const CHECKED: &[&str] = &[
    "x86_64-pc-windows-gnu",
    "x86_64-unknown-freebsd",
    "aarch64-linux-android",
    "powerpc-unknown-linux-gnu",
    "riscv32gc-unknown-linux-gnu",
    "armv4t-unknown-linux-gnueabi",
    "armv5te-unknown-linux-gnueabi",
    "thumbv7neon-unknown-linux-gnueabihf",
    "mips-unknown-linux-gnu",
    "loongarch64-unknown-linux-gnu",
];

/// Looks at every target that is at hand.
pub(crate) fn run(options: &Options) -> Result<()> {
    light::run(options)?;
    vectors::run(options)?;
    sections::run(options)?;
    for triple in CHECKED {
        match Compiler::find(triple, options)? {
            Some(compiler) => compiler.check(triple).map(|()| println!("{triple}: types check; not run"))?,
            None => skipped(triple),
        }
    }
    Ok(())
}

fn skipped(triple: &str) {
    println!(
        "{triple}: skipped: run `rustup target add {triple}`, or name a toolchain that has the sources of core"
    );
}

/// The instructions of one function.
type Instructions = Vec<String>;

/// An example of a crate, with its `std` or without.
#[derive(Clone, Copy)]
struct Example {
    package: &'static str,
    name: &'static str,
    with_std: bool,
}

/// The instructions of functions, by name.
type Functions = BTreeMap<String, Instructions>;

/// How to compile for a target: with its installed `core`, or building it.
struct Compiler {
    toolchain: Option<String>,
}

impl Compiler {
    fn find(triple: &str, options: &Options) -> Result<Option<Self>> {
        let libraries =
            repository::output(Command::new("rustc").args(["--print", "target-libdir", "--target", triple]))?;
        if Path::new(libraries.trim()).exists() {
            return Ok(Some(Self { toolchain: None }));
        }
        Ok(options.toolchain.clone().map(|name| Self { toolchain: Some(name) }))
    }

    /// Whether there is a `std` for the target, and not only `core`.
    fn has_std(&self) -> bool {
        self.toolchain.is_none()
    }

    /// The functions of these names of an example, compiled with these flags.
    fn functions(
        &self,
        triple: &str,
        example: &Example,
        flags: &[&str],
        names: &[&str],
    ) -> Result<Functions> {
        let folder = target_directory()?;
        let examples = folder.join(triple).join("release/examples");
        // What an older compilation left would be read as well, and the compiler not run.
        for old in files_of(example.name, "", &examples) {
            fs::remove_file(&old).with_context(|| format!("{} cannot be removed", old.display()))?;
        }
        let mut cargo = self.cargo("rustc", triple, &folder, example.package);
        cargo.args((!example.with_std).then_some("--no-default-features"));
        cargo.args(["--example", example.name, "--release", "--", "--emit", "asm", "-C", "codegen-units=1"]);
        cargo.args(flags);
        repository::run(&mut cargo)?;
        let written = files_of(example.name, ".s", &examples).pop();
        let written = written.with_context(|| format!("no assembly in {}", examples.display()))?;
        let text = fs::read_to_string(written)?;
        Ok(functions(&text, names))
    }

    fn check(&self, triple: &str) -> Result<()> {
        repository::run(self.cargo("check", triple, &target_directory()?, "bonfire").args([
            "--no-default-features",
            "--lib",
            "--features",
            "early,statistics",
        ]))
    }

    fn cargo(&self, verb: &str, triple: &str, folder: &Path, package: &str) -> Command {
        let mut cargo = Command::new("cargo");
        // Not this process's cargo, which would choose its own compiler.
        cargo
            .env_remove("CARGO")
            .env_remove("RUSTC")
            .env_remove("RUSTUP_TOOLCHAIN")
            .env("CARGO_TARGET_DIR", folder);
        cargo.args(self.toolchain.iter().map(|name| format!("+{name}")));
        cargo.args([verb, "--quiet", "--package", package, "--target", triple]);
        if self.toolchain.is_some() {
            cargo.env("RUSTC_BOOTSTRAP", "1").arg("-Zbuild-std=core");
        }
        cargo
    }
}

fn target_directory() -> Result<PathBuf> {
    Ok(repository::target_directory()?.join("asm"))
}

/// What was made of an example, in `folder`: the files with this ending.
fn files_of(example: &str, ending: &str, folder: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(folder).into_iter().flatten().filter_map(|file| Some(file.ok()?.path()));
    let is_wanted = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| name.contains(example) && name.ends_with(ending))
    };
    files.filter(is_wanted).collect()
}

/// The instructions of each function of these names: what stands between its
/// label and the end that assemblers are told, without directives, labels and
/// comments.
fn functions(assembly: &str, names: &[&str]) -> Functions {
    let mut functions = BTreeMap::new();
    let mut current: Option<String> = None;
    for line in assembly.lines() {
        let text = line.trim();
        if let Some(label) = line.strip_suffix(':').filter(|label| !label.starts_with(['.', ' ', '\t'])) {
            current = names.iter().find(|name| label.contains(**name)).map(ToString::to_string);
        } else if text.starts_with(".size") || text.starts_with(".Lfunc_end") {
            current = None;
        } else if let Some(name) = current.as_ref().filter(|_| is_instruction(text)) {
            let instruction = text.split_whitespace().collect::<Vec<_>>().join(" ");
            functions.entry(name.clone()).or_insert_with(Vec::new).push(instruction);
        }
    }
    functions
}

fn is_instruction(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic()) && !text.ends_with(':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_found_in_assembly_without_what_is_no_instruction() {
        let text = "_RNv_6reader_13section_light:\n\t.cfi_startproc\n\tmovq\t$1, (%rdi)\n\t#APP\n\t#NO_APP\n\
                    .LBB0_1:\n\tretq\n.Lfunc_end0:\n\t.size\tx, y\n_other:\n\tmfence\n";
        let found = functions(text, &["section_light"]);
        assert_eq!(found["section_light"], ["movq $1, (%rdi)", "retq"]);
        assert_eq!(found.len(), 1);
    }
}
