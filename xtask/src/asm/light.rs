//! A light fence is no instruction: `crates/bonfire/examples/reader.rs` has each read
//! side with and without the fence, and the instructions are compared.

use anyhow::{Result, ensure};

use super::line::{call, is_return, mnemonic};
use super::{Compiler, Example, Functions, Options, skipped};

const READER: Example = Example { package: "bonfire", name: "reader", with_std: false };

const NAMES: [&str; 8] = [
    "section_light",
    "section_plain",
    "section_process",
    "section_lazy",
    "acquire_light",
    "acquire_plain",
    "loop_light",
    "section_full",
];

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

/// Looks at every target that is at hand.
pub(super) fn run(options: &Options) -> Result<()> {
    for target in TARGETS {
        let Some(compiler) = Compiler::find(target.triple, options)? else {
            skipped(target.triple);
            continue;
        };
        let functions = compiler.functions(target.triple, &READER, &[], &NAMES)?;
        judge(target, &functions)?;
        let section = &functions["section_light"];
        println!("{}: {} instructions, none a fence: {}", target.triple, section.len(), section.join("; "));
        if options.listing {
            println!("    {}", functions["loop_light"].join("\n    "));
        }
    }
    Ok(())
}

/// What must be true of the read sides on `target`.
fn judge(target: &Target, functions: &Functions) -> Result<()> {
    let lines = |name: &str| -> Vec<&str> { functions[name].iter().map(String::as_str).collect() };
    let mnemonics = |name: &str| -> Vec<&str> { lines(name).into_iter().map(mnemonic).collect() };
    let is_fence = |line: &&str| target.fences.contains(&mnemonic(line));
    for (light, plain) in [("section_light", "section_plain"), ("acquire_light", "acquire_plain")] {
        // Sorted: without the fence the compiler may have put the load first.
        let (mut with, mut without) = (mnemonics(light), mnemonics(plain));
        with.sort_unstable();
        without.sort_unstable();
        ensure!(with == without, "{}: {light} is {with:?}, without the fence {without:?}", target.triple);
    }
    for name in ["section_light", "loop_light"] {
        let fence = lines(name).into_iter().find(is_fence);
        ensure!(fence.is_none(), "{}: {name} has a fence: {fence:?}", target.triple);
    }
    // Up to the first return is what runs where the branch is not taken: there the
    // fence of a registered process is, and the full one is out of line. That process is
    // known by an acquire load, of which some targets make a fence of their own.
    let of_acquire: Vec<&str> = lines("acquire_plain").into_iter().filter(is_fence).collect();
    for name in ["section_process", "section_lazy"] {
        let all = lines(name);
        let straight: Vec<&str> =
            all.iter().copied().take_while(|line| !is_return(target.triple, line)).collect();
        let fences: Vec<&str> = straight.iter().copied().filter(is_fence).collect();
        ensure!(
            fences == of_acquire,
            "{}: {name} has {fences:?} on its way, an acquire load {of_acquire:?}: {all:?}",
            target.triple
        );
        let call = call(&straight);
        ensure!(call.is_none(), "{}: {name} has {call:?} on its way: {all:?}", target.triple);
        ensure!(straight.len() < all.len(), "{}: {name} does not return: {all:?}", target.triple);
        let more = straight.len() + 1 - lines("section_light").len();
        // The word's address (a linker makes it no load), the word, a test, a branch.
        let is_x86 = target.triple.starts_with("x86_64");
        ensure!(!is_x86 || more <= 4, "{}: {name} has {more} instructions more: {all:?}", target.triple);
    }
    // The twin: if no fence is found here, none would have been found above.
    let seen = lines("section_full").iter().any(is_fence);
    ensure!(seen, "{}: a full fence goes unseen: {:?}", target.triple, functions["section_full"]);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_light_fence_is_no_instruction_on_this_target() {
        let options = Options { toolchain: None, listing: false };
        for target in TARGETS {
            if let Some(compiler) = Compiler::find(target.triple, &options).unwrap() {
                judge(target, &compiler.functions(target.triple, &READER, &[], &NAMES).unwrap()).unwrap();
            } else {
                skipped(target.triple);
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
        for name in ["section_process", "section_lazy"] {
            let straight =
                ["movq $1, (%rdi)", "testb $4, STATE(%rip)", "je .LBB0_1", "retq", "callq full_fence"];
            functions.insert(name.into(), straight.map(str::to_owned).into());
        }
        assert!(judge(target, &functions).is_ok());
        let taken = ["movq $1, (%rdi)", "jne .LBB0_1", "callq full_fence", "retq"].map(str::to_owned);
        let straight = functions.insert("section_process".into(), taken.into()).unwrap();
        assert!(judge(target, &functions).unwrap_err().to_string().contains("on its way"));
        functions.insert("section_process".into(), straight);
        functions.get_mut("loop_light").unwrap().push("mfence".into());
        assert!(judge(target, &functions).unwrap_err().to_string().contains("has a fence"));
    }
}
