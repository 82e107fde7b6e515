//! A heavy fence keeps what its caller has in vector registers.
//!
//! Some architectures' system calls destroy registers that a compiler believes to
//! live on across an `asm!` (`crates/bonfire/src/sys/linux/arch/mod.rs` tells which).
//! `crates/bonfire/examples/sys/vectors.rs` has vectorised callers, and their
//! assembly is read here: they call a function and do not trap themselves, and
//! after the call no vector register is read before it is written. The twin traps
//! where it stands, and must be seen to keep its sums in such registers.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};

use super::{Compiler, Example, Functions, Options, skipped};

const VECTORS: Example = Example { package: "bonfire", name: "vectors", with_std: false };

/// The functions of the example; the last is the twin.
const NAMES: [&str; 5] =
    ["around_heavy", "around_try_heavy", "around_process", "around_raw", "around_inlined"];
const TWIN: &str = NAMES[4];

/// A target, compiled so that it has vector registers, and how its assembly reads.
struct Target {
    triple: &'static str,
    flags: &'static [&'static str],
    calls: &'static [&'static str],
    trap: &'static str,
    syntax: Syntax,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Syntax {
    /// AT&T: the destination is the last operand.
    X86,
    /// The destination is the first operand, but of stores.
    Arm,
    RiscV,
}

const TARGETS: &[Target] = &[
    Target {
        triple: "x86_64-unknown-linux-gnu",
        flags: &[],
        calls: &["callq", "call"],
        trap: "syscall",
        syntax: Syntax::X86,
    },
    Target {
        triple: "riscv64gc-unknown-linux-gnu",
        flags: &["-Ctarget-feature=+v"],
        calls: &["call", "jal", "jalr"],
        trap: "ecall",
        syntax: Syntax::RiscV,
    },
    Target {
        triple: "aarch64-unknown-linux-gnu",
        flags: &["-Ctarget-cpu=neoverse-v1", "-Cllvm-args=-aarch64-sve-vector-bits-min=256"],
        calls: &["bl", "blr"],
        trap: "svc",
        syntax: Syntax::Arm,
    },
];

/// Looks at every target that is at hand.
pub(super) fn run(options: &Options) -> Result<()> {
    for target in TARGETS {
        match Compiler::find(target.triple, options)? {
            Some(compiler) => {
                judge(target, &compiler.functions(target.triple, &VECTORS, target.flags, &NAMES)?)?;
                println!("{}: nothing in vector registers across a heavy fence", target.triple);
            }
            None => skipped(target.triple),
        }
    }
    Ok(())
}

/// What must be true of the callers, and of their twin.
fn judge(target: &Target, functions: &Functions) -> Result<()> {
    for name in NAMES {
        let lines = functions.get(name).with_context(|| format!("{}: no {name}", target.triple))?;
        let at = |what: &[&str]| lines.iter().position(|line| what.contains(&mnemonic(line)));
        let trap = at(&[target.trap]);
        if name == TWIN {
            let trap = trap.with_context(|| format!("{}: the twin does not trap", target.triple))?;
            let live = live_after(&lines[trap + 1..], target.syntax);
            ensure!(!live.is_empty(), "{}: the twin goes unseen: nothing is live in it", target.triple);
        } else {
            ensure!(trap.is_none(), "{}: {name} traps in the middle of its caller", target.triple);
            let call =
                at(target.calls).with_context(|| format!("{}: {name} calls nothing", target.triple))?;
            let live = live_after(&lines[call + 1..], target.syntax);
            ensure!(live.is_empty(), "{}: {name} needs {live:?} after the call", target.triple);
        }
    }
    Ok(())
}

fn mnemonic(line: &str) -> &str {
    line.split_whitespace().next().unwrap_or_default()
}

/// The vector registers that these instructions read before they write them, in
/// the order of the text.
fn live_after(lines: &[String], syntax: Syntax) -> BTreeSet<String> {
    let (mut live, mut written) = (BTreeSet::new(), BTreeSet::new());
    for line in lines {
        let (reads, writes) = registers(line, syntax);
        live.extend(reads.into_iter().filter(|register| !written.contains(register)));
        written.extend(writes);
    }
    live
}

/// The vector registers that an instruction reads, and those that it writes.
fn registers(line: &str, syntax: Syntax) -> (Vec<String>, Vec<String>) {
    let mnemonic = mnemonic(line);
    let mut operands = split_operands(&line[mnemonic.len()..]);
    let destination = match syntax {
        Syntax::X86 => operands.pop(),
        Syntax::Arm | Syntax::RiscV if is_store(mnemonic, syntax) || operands.is_empty() => None,
        Syntax::Arm | Syntax::RiscV => Some(operands.remove(0)),
    };
    let destination = destination.unwrap_or_default();
    let written = if destination.contains('(') { Vec::new() } else { vectors(destination, syntax) };
    let mut read: Vec<String> = operands.iter().flat_map(|operand| vectors(operand, syntax)).collect();
    if syntax == Syntax::X86 && is_zeroing(mnemonic, &read, &written) {
        read.clear();
    } else if accumulates(mnemonic, syntax) {
        read.extend(written.iter().cloned());
    }
    (read, written)
}

/// Operands, split at commas that are in no brackets.
fn split_operands(text: &str) -> Vec<&str> {
    let mut depth = 0_i32;
    let comma = |character: char| {
        depth += i32::from(matches!(character, '(' | '[' | '{'));
        depth -= i32::from(matches!(character, ')' | ']' | '}'));
        character == ',' && depth == 0
    };
    text.split(comma).map(str::trim).filter(|operand| !operand.is_empty()).collect()
}

/// The vector and predicate registers in an operand.
fn vectors(operand: &str, syntax: Syntax) -> Vec<String> {
    let prefixes: &[&str] = match syntax {
        Syntax::X86 => &["xmm", "ymm", "zmm", "k", "tmm"],
        Syntax::Arm => &["z", "p"],
        Syntax::RiscV => &["v"],
    };
    let words = operand.split(|character: char| !character.is_ascii_alphanumeric());
    let is_vector = |word: &&str| {
        let number = prefixes.iter().find_map(|prefix| word.strip_prefix(prefix));
        number.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
    };
    words.filter(is_vector).map(str::to_owned).collect()
}

fn is_store(mnemonic: &str, syntax: Syntax) -> bool {
    match syntax {
        Syntax::X86 => false,
        Syntax::Arm => mnemonic.starts_with("st"),
        // `vse32.v`, `vs2r.v`, `vsse32.v`, `vsuxei32.v`, `vsm.v`; not `vsub`, `vsext`.
        Syntax::RiscV => ["vs", "vse", "vsse", "vsuxei", "vsoxei", "vsm.v"].iter().any(|stem| {
            let rest = mnemonic.strip_prefix(stem);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(|next: char| next.is_ascii_digit()))
        }),
    }
}

/// Whether an instruction reads what it writes.
fn accumulates(mnemonic: &str, syntax: Syntax) -> bool {
    match syntax {
        // Two operands, one of them both; but moves and shuffles.
        Syntax::X86 => !["mov", "v", "pshuf", "cvt"].iter().any(|stem| mnemonic.starts_with(stem)),
        Syntax::Arm => ["mla", "mls", "fmla", "fmls"].contains(&mnemonic),
        Syntax::RiscV => mnemonic.contains("macc") || mnemonic.contains("msac") || mnemonic.contains("msub"),
    }
}

/// `pxor %xmm0, %xmm0` reads nothing.
fn is_zeroing(mnemonic: &str, read: &[String], written: &[String]) -> bool {
    mnemonic.contains("xor") && read.iter().all(|register| written.contains(register))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_lives_in_vector_registers_across_a_heavy_fence_on_this_target() {
        let options = Options { toolchain: None, listing: false };
        for target in TARGETS {
            let Some(compiler) = Compiler::find(target.triple, &options).unwrap() else {
                skipped(target.triple);
                continue;
            };
            judge(target, &compiler.functions(target.triple, &VECTORS, target.flags, &NAMES).unwrap())
                .unwrap();
        }
    }

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(|line| line.trim().to_owned()).collect()
    }

    /// What compilers wrote for callers of both kinds, shortened.
    #[track_caller]
    fn check(triple: &str, caller: &str, twin: &str) {
        let target = TARGETS.iter().find(|target| target.triple == triple).unwrap();
        let all = |text: &str| NAMES.map(|name| (name.to_owned(), lines(text)));
        let mut functions = Functions::from(all(caller));
        functions.insert(TWIN.to_owned(), lines(twin));
        judge(target, &functions).unwrap();
        // A caller that traps itself, and a twin that is none.
        assert!(judge(target, &Functions::from(all(twin))).is_err());
        assert!(judge(target, &Functions::from(all(caller))).is_err());
        // A call that is trusted to keep what no call keeps.
        let call = caller.lines().find(|line| target.calls.contains(&mnemonic(line.trim()))).unwrap();
        let trap = twin.lines().find(|line| line.contains(target.trap)).unwrap();
        let trusting = twin.replace(trap, call);
        let mut functions = Functions::from(all(&trusting));
        functions.insert(TWIN.to_owned(), lines(twin));
        let error = judge(target, &functions).unwrap_err().to_string();
        assert!(error.contains("after the call"), "{error}");
    }

    #[test]
    fn a_caller_on_riscv_spills_and_its_twin_is_caught() {
        check(
            "riscv64gc-unknown-linux-gnu",
            "vle32.v v8, (s1)
             vs2r.v v8, (a2)
             call trap
             vl2r.v v8, (a1)
             vadd.vv v10, v8, v8
             vsub.vv v12, v10, v8
             vse32.v v12, (a2)",
            "vle32.v v8, (a0)
             ecall
             vsetivli zero, 8, e32, m2, ta, ma
             vse32.v v8, (a2)",
        );
    }

    #[test]
    fn a_caller_on_aarch64_spills_and_its_twin_is_caught() {
        check(
            "aarch64-unknown-linux-gnu",
            "ptrue p0.s, vl8
             ld1w { z0.s }, p0/z, [x0]
             str z0, [x29, #-3, mul vl]
             bl trap
             ldr z0, [x29, #-3, mul vl]
             ptrue p0.s, vl8
             mul z0.s, p0/m, z0.s, z0.s
             st1w { z0.s }, p0, [x19]",
            "ld1w { z0.s }, p0/z, [x0]
             svc #0
             st1w { z0.s }, p0, [x2]",
        );
    }

    #[test]
    fn a_caller_on_x86_spills_and_its_twin_is_caught() {
        check(
            "x86_64-unknown-linux-gnu",
            "movdqu (%rdi), %xmm0
             movdqa %xmm0, 16(%rsp)
             callq trap
             movdqa 16(%rsp), %xmm0
             pxor %xmm1, %xmm1
             paddd %xmm0, %xmm1
             movdqu %xmm1, (%rbx)",
            "movdqu (%rdi), %xmm0
             syscall
             paddd %xmm0, %xmm0
             movdqu %xmm0, (%rdx)",
        );
    }
}
