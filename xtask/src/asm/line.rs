//! What a line of assembly does: whether it returns, and whether it calls.

/// Whether `line` returns, always or where a condition holds.
pub(super) fn is_return(triple: &str, line: &str) -> bool {
    let mnemonic = mnemonic(line);
    if triple.starts_with("powerpc") {
        return mnemonic.starts_with('b') && mnemonic.trim_end_matches(['+', '-']).ends_with("lr");
    }
    if triple.starts_with("s390x") {
        return mnemonic.starts_with('b') && line.ends_with("%r14");
    }
    ["ret", "retq", "retl", "bx", "pop"].contains(&mnemonic)
}

/// What `line` says is done.
pub(super) fn mnemonic(line: &str) -> &str {
    line.split_whitespace().next().unwrap_or_default()
}

/// The first of `lines` that calls a function: not itself, to learn its own address, and
/// not the loader, for the address of a thread-local.
pub(super) fn call<'a>(lines: &[&'a str]) -> Option<&'a str> {
    const CALLS: &[&str] = &["call", "callq", "calll", "bl", "blr", "blx", "jal", "jalr", "brasl", "basr"];
    let mut before = "";
    lines.iter().copied().find(|&line| {
        let is_address = line.contains("__tls_get_") || line.contains("$pb") || before.contains(":tlsdesc");
        before = line;
        CALLS.contains(&mnemonic(line)) && !is_address
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn returns_are_told_from_calls_and_branches_on_each_architecture() {
        let cases = [
            ("x86_64-unknown-linux-gnu", "retq", true),
            ("aarch64-unknown-linux-gnu", "ret", true),
            ("aarch64-unknown-linux-gnu", "blr x1", false),
            ("riscv64gc-unknown-linux-gnu", "beqz a0, .LBB0_1", false),
            ("powerpc64le-unknown-linux-gnu", "blr", true),
            ("powerpc64le-unknown-linux-gnu", "bnelr- 0", true),
            ("powerpc64le-unknown-linux-gnu", "bl full_fence", false),
            ("s390x-unknown-linux-gnu", "br %r14", true),
            ("s390x-unknown-linux-gnu", "ber %r14", true),
            ("s390x-unknown-linux-gnu", "brasl %r14, full_fence", false),
        ];
        for (triple, line, returns) in cases {
            assert_eq!(is_return(triple, line), returns, "{triple}: {line}");
        }
    }

    #[test]
    fn asking_for_an_address_is_no_call() {
        for lines in [
            &["callq __tls_get_addr@PLT"][..],
            &["brasl %r14, __tls_get_offset@PLT"],
            &["calll .L7$pb", "popl %ebx"],
            &["add x0, x0, :tlsdesc_lo12:LOCAL", "blr x1"],
        ] {
            assert_eq!(call(lines), None, "{lines:?}");
        }
        assert_eq!(call(&["ldr x1, [x0]", "blr x1"]), Some("blr x1"));
        assert_eq!(call(&["bl full_fence"]), Some("bl full_fence"));
    }
}
