//! Read sections of RCU make no fence: `crates/bonfire-rcu/examples/section.rs` has one of
//! each kind, and what runs where no branch is taken is looked at.
//!
//! Not asked for is that there be no fence at all: where an acquire load and a release store
//! are made of fences, as on RISC-V and POWER, they are there, and are lighter than a full one.

use anyhow::{Result, ensure};

use super::line::{call, is_return};
use super::{Compiler, Example, Functions, Options, skipped};

const WITHOUT_STD: Example = Example { package: "bonfire-rcu", name: "section", with_std: false };
const WITH_STD: Example = Example { with_std: true, ..WITHOUT_STD };

/// The sections that need no system, and those that do.
const LENT: &[&str] = &["section_lent"];
const HOSTED: &[&str] = &["section_lent", "section_solo", "section_handle", "section_local", "section_load"];
/// The twin.
const FULL: &str = "section_full";

/// A target, and how instructions begin there that are full fences or change a word in one
/// step.
struct Target {
    triple: &'static str,
    dear: &'static [&'static str],
}

const TARGETS: &[Target] = &[
    Target { triple: "x86_64-unknown-linux-gnu", dear: &["mfence", "lock", "xchg", "cpuid"] },
    Target {
        triple: "aarch64-unknown-linux-gnu",
        dear: &["dmb ish", "dsb", "isb", "ldax", "ldxr", "swp", "cas", "ldadd", "bl __aarch64"],
    },
    Target {
        triple: "riscv64gc-unknown-linux-gnu",
        dear: &["fence rw, rw", "fence iorw, iorw", "fence.i", "amo", "lr.", "sc."],
    },
    Target {
        triple: "powerpc64le-unknown-linux-gnu",
        dear: &["sync", "hwsync", "ptesync", "ldarx", "lwarx", "stdcx", "stwcx"],
    },
    // Serialisation is a branch that goes nowhere.
    Target {
        triple: "s390x-unknown-linux-gnu",
        dear: &["bcr 15", "bcr 14", "bcr\t15", "cs", "laa", "lan", "lao", "lax"],
    },
];

/// Looks at every target that is at hand.
pub(super) fn run(options: &Options) -> Result<()> {
    for target in TARGETS {
        let Some(compiler) = Compiler::find(target.triple, options)? else {
            skipped(target.triple);
            continue;
        };
        for (name, count) in look(target, &compiler)? {
            println!("{}: {name}: {count} instructions, none dear", target.triple);
        }
    }
    Ok(())
}

/// The sections on `target`, and how many instructions each runs.
fn look(target: &Target, compiler: &Compiler) -> Result<Vec<(&'static str, usize)>> {
    // `core` that is built has no `std` beside it.
    let (example, sections) = match compiler.has_std() {
        true => (WITH_STD, HOSTED),
        false => (WITHOUT_STD, LENT),
    };
    let names: Vec<&str> = sections.iter().copied().chain([FULL]).collect();
    judge(target, &compiler.functions(target.triple, &example, &[], &names)?, sections)
}

fn judge(
    target: &Target,
    functions: &Functions,
    sections: &[&'static str],
) -> Result<Vec<(&'static str, usize)>> {
    let straight = |name: &str| -> Vec<&str> {
        let returns = |line: &&str| is_return(target.triple, line);
        functions[name].iter().map(String::as_str).take_while(|line| !returns(line)).collect()
    };
    let is_dear = |line: &&&str| target.dear.iter().any(|dear| line.starts_with(dear));
    for &name in sections {
        let lines = straight(name);
        let found = lines.iter().find(is_dear).copied().or_else(|| call(&lines));
        ensure!(found.is_none(), "{}: {name} has {found:?} on its way: {lines:?}", target.triple);
        ensure!(lines.len() < functions[name].len(), "{}: {name} does not return: {lines:?}", target.triple);
    }
    // If no fence is found here, none would have been found above.
    let twin = straight(FULL);
    ensure!(twin.iter().any(|line| is_dear(&line)), "{}: a full fence goes unseen: {twin:?}", target.triple);
    Ok(sections.iter().map(|&name| (name, straight(name).len())).collect())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn no_section_makes_a_full_fence_or_a_locked_instruction() {
        let options = Options { toolchain: None, listing: false };
        for target in TARGETS {
            match Compiler::find(target.triple, &options).unwrap() {
                Some(compiler) => drop(look(target, &compiler).unwrap()),
                None => skipped(target.triple),
            }
        }
    }

    #[test]
    fn a_locked_instruction_or_a_call_in_a_section_is_seen() {
        let check = |section: &[&str], twin: &[&str]| {
            let own = |lines: &[&str]| lines.iter().map(ToString::to_string).collect();
            let functions =
                BTreeMap::from([("section_lent".to_owned(), own(section)), (FULL.to_owned(), own(twin))]);
            judge(&TARGETS[0], &functions, LENT).map_err(|error| error.to_string())
        };
        let (fine, fenced) = (["movq (%rsi), %rax", "retq"], ["mfence", "retq"]);
        assert_eq!(check(&fine, &fenced), Ok(vec![("section_lent", 1)]));
        for dear in ["lock orl $0, -64(%rsp)", "xchgq %rax, (%rdi)", "callq slow"] {
            assert!(check(&[dear, "retq"], &fenced).unwrap_err().contains(dear));
        }
        assert!(check(&fine, &fine).unwrap_err().contains("goes unseen"));
        // Behind the return is what runs where a branch is taken.
        assert!(check(&["retq", "callq slow"], &fenced).is_ok());
    }
}
