//! `cargo xtask asm`: a light fence is no instruction, on every target at hand.
//!
//! Compiles `crates/bonfire/examples/reader.rs`, which has each read side with
//! and without the fence, and compares the instructions. A target is at hand if
//! its `core` is installed (`rustup target add`), or can be built from the
//! sources of the toolchain named with `--toolchain`. Windows and FreeBSD are
//! only checked for types.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::repository;

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

/// A target, and the instructions that are fences there.
struct Target {
    triple: &'static str,
    fences: &'static [&'static str],
}

const X86: &[&str] = &["mfence", "lfence", "sfence", "lock", "xchg", "cpuid"];
const ARM: &[&str] = &["dmb", "dsb", "isb", "mcr"];

const TARGETS: &[Target] = &[
    Target { triple: "x86_64-unknown-linux-gnu", fences: X86 },
    Target { triple: "i686-unknown-linux-gnu", fences: X86 },
    Target { triple: "aarch64-unknown-linux-gnu", fences: ARM },
    Target { triple: "armv7-unknown-linux-gnueabihf", fences: ARM },
    Target { triple: "riscv64gc-unknown-linux-gnu", fences: &["fence", "fence.tso"] },
    Target {
        triple: "powerpc64le-unknown-linux-gnu",
        fences: &["sync", "hwsync", "lwsync", "isync", "ptesync"],
    },
    // Serialisation is a branch that goes nowhere.
    Target { triple: "s390x-unknown-linux-gnu", fences: &["bcr", "bcr 15", "bcr 14"] },
];

/// Targets whose file in `sys/` is checked for types.
const CHECKED: &[&str] = &["x86_64-pc-windows-gnu", "x86_64-unknown-freebsd", "aarch64-linux-android"];

/// Looks at every target that is at hand.
pub(crate) fn run(options: &Options) -> Result<()> {
    for target in TARGETS {
        let Some(compiler) = Compiler::find(target.triple, options)? else {
            println!("{}: skipped: {}", target.triple, remedy(target.triple));
            continue;
        };
        let functions = compiler.read_sides(target.triple)?;
        judge(target, &functions)?;
        let section = &functions["section_light"];
        println!("{}: {} instructions, none a fence: {}", target.triple, section.len(), section.join("; "));
        if options.listing {
            println!("    {}", functions["loop_light"].join("\n    "));
        }
    }
    for triple in CHECKED {
        match Compiler::find(triple, options)? {
            Some(compiler) => compiler.check(triple).map(|()| println!("{triple}: types check; not run"))?,
            None => println!("{triple}: skipped: {}", remedy(triple)),
        }
    }
    Ok(())
}

fn remedy(triple: &str) -> String {
    format!("run `rustup target add {triple}`, or name a toolchain that has the sources of core")
}

/// The instructions of one function.
type Instructions = Vec<String>;

/// What must be true of the read sides on `target`.
fn judge(target: &Target, functions: &BTreeMap<String, Instructions>) -> Result<()> {
    let mnemonics = |name: &str| -> Vec<&str> {
        let instructions = functions[name].iter();
        instructions.map(|line| line.split_whitespace().next().unwrap_or_default()).collect()
    };
    let is_fence = |mnemonic: &&str| target.fences.contains(mnemonic);
    for (light, plain) in [("section_light", "section_plain"), ("acquire_light", "acquire_plain")] {
        // Sorted: without the fence the compiler may have put the load first.
        let (mut with, mut without) = (mnemonics(light), mnemonics(plain));
        with.sort_unstable();
        without.sort_unstable();
        ensure!(with == without, "{}: {light} is {with:?}, without the fence {without:?}", target.triple);
    }
    for name in ["section_light", "loop_light"] {
        let fence = mnemonics(name).into_iter().find(is_fence);
        ensure!(fence.is_none(), "{}: {name} has a fence: {fence:?}", target.triple);
    }
    // The twin: if no fence is found here, none would have been found above.
    let seen = mnemonics("section_full").iter().any(is_fence);
    ensure!(seen, "{}: a full fence goes unseen: {:?}", target.triple, functions["section_full"]);
    Ok(())
}

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

    /// The functions of `reader.rs`, by name.
    fn read_sides(&self, triple: &str) -> Result<BTreeMap<String, Instructions>> {
        let folder = target_directory()?;
        let examples = folder.join(triple).join("release/examples");
        // What an older compilation left would be read as well.
        if examples.exists() {
            fs::remove_dir_all(&examples).context("an earlier compilation cannot be removed")?;
        }
        let mut cargo = self.cargo("rustc", triple, &folder);
        cargo.args(["--example", "reader", "--release", "--", "--emit", "asm", "-C", "codegen-units=1"]);
        repository::run(&mut cargo)?;
        let text = fs::read_to_string(assembly_in(&examples)?)?;
        Ok(functions(&text))
    }

    fn check(&self, triple: &str) -> Result<()> {
        repository::run(self.cargo("check", triple, &target_directory()?).args([
            "--lib",
            "--features",
            "early",
        ]))
    }

    fn cargo(&self, verb: &str, triple: &str, folder: &Path) -> Command {
        let mut cargo = Command::new("cargo");
        // Not this process's cargo, which would choose its own compiler.
        cargo
            .env_remove("CARGO")
            .env_remove("RUSTC")
            .env_remove("RUSTUP_TOOLCHAIN")
            .env("CARGO_TARGET_DIR", folder);
        cargo.args(self.toolchain.iter().map(|name| format!("+{name}")));
        cargo.args([verb, "--quiet", "--package", "bonfire", "--no-default-features", "--target", triple]);
        if self.toolchain.is_some() {
            cargo.env("RUSTC_BOOTSTRAP", "1").arg("-Zbuild-std=core");
        }
        cargo
    }
}

fn target_directory() -> Result<PathBuf> {
    Ok(repository::target_directory()?.join("asm"))
}

fn assembly_in(folder: &Path) -> Result<PathBuf> {
    let mut files =
        fs::read_dir(folder).with_context(|| format!("nothing was built in {}", folder.display()))?;
    let assembly = files
        .find_map(|file| Some(file.ok()?.path()).filter(|path| path.extension().is_some_and(|e| e == "s")));
    assembly.map_or_else(|| bail!("no assembly in {}", folder.display()), Ok)
}

const NAMES: [&str; 6] =
    ["section_light", "section_plain", "acquire_light", "acquire_plain", "loop_light", "section_full"];

/// The instructions of each function named in [`NAMES`]: what stands between its
/// label and the end that assemblers are told, without directives, labels and
/// comments.
fn functions(assembly: &str) -> BTreeMap<String, Instructions> {
    let mut functions = BTreeMap::new();
    let mut current: Option<String> = None;
    for line in assembly.lines() {
        let text = line.trim();
        if let Some(label) = line.strip_suffix(':').filter(|label| !label.starts_with(['.', ' ', '\t'])) {
            current = NAMES.iter().find(|name| label.contains(**name)).map(ToString::to_string);
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
    fn a_light_fence_is_no_instruction_on_this_target() {
        let options = Options { toolchain: None, listing: false };
        for target in TARGETS {
            if let Some(compiler) = Compiler::find(target.triple, &options).unwrap() {
                judge(target, &compiler.read_sides(target.triple).unwrap()).unwrap();
            } else {
                println!("{}: skipped: {}", target.triple, remedy(target.triple));
            }
        }
    }

    #[test]
    fn a_fence_in_the_reader_is_seen() {
        let target = &TARGETS[0];
        let lists =
            NAMES.map(|name| (name.to_owned(), vec!["movq $1, (%rdi)".to_owned(), "retq".to_owned()]));
        let mut functions = BTreeMap::from(lists);
        functions.get_mut("section_full").unwrap().push("mfence".into());
        assert!(judge(target, &functions).is_ok());
        functions.get_mut("loop_light").unwrap().push("mfence".into());
        assert!(judge(target, &functions).unwrap_err().to_string().contains("has a fence"));
    }

    #[test]
    fn functions_are_found_in_assembly_without_what_is_no_instruction() {
        let text = "_RNv_6reader_13section_light:\n\t.cfi_startproc\n\tmovq\t$1, (%rdi)\n\t#APP\n\t#NO_APP\n\
                    .LBB0_1:\n\tretq\n.Lfunc_end0:\n\t.size\tx, y\n_other:\n\tmfence\n";
        let found = functions(text);
        assert_eq!(found["section_light"], ["movq $1, (%rdi)", "retq"]);
        assert_eq!(found.len(), 1);
    }
}
