//! Rules about Rust tokens: what may stand where.
//!
//! A file is read as tokens, so that comments and strings are never mistaken
//! for code. A rule is a sequence of tokens that may not stand in a place.

use std::path::Path;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use super::Finding;

/// A sequence of tokens, the places where it may not stand, and why.
struct Rule {
    tokens: &'static [&'static str],
    forbidden: fn(&Place, &Token) -> bool,
    says: &'static str,
}

const RULES: &[Rule] = &[
    Rule { tokens: &["unsafe"], forbidden: outside_unsafe_folders, says: UNSAFE },
    Rule { tokens: &["asm", "!"], forbidden: outside_unsafe_folders, says: UNSAFE },
    Rule { tokens: &["global_asm", "!"], forbidden: outside_unsafe_folders, says: UNSAFE },
    Rule { tokens: &["naked_asm", "!"], forbidden: outside_unsafe_folders, says: UNSAFE },
    Rule {
        tokens: &["compiler_fence"],
        forbidden: anywhere,
        says: "compiler_fence is a full sync on POWER; the light fence is an empty asm!",
    },
    Rule { tokens: &["#", "[", "allow", "("], forbidden: anywhere, says: ALLOW },
    Rule { tokens: &["#", "!", "[", "allow", "("], forbidden: anywhere, says: ALLOW },
    Rule { tokens: &["todo", "!"], forbidden: anywhere, says: UNFINISHED },
    Rule { tokens: &["unimplemented", "!"], forbidden: anywhere, says: UNFINISHED },
    Rule { tokens: &["#", "[", "ignore"], forbidden: anywhere, says: "a test that is ignored tests nothing" },
    Rule { tokens: &["print", "!"], forbidden: below_the_roof, says: ROOF },
    Rule { tokens: &["println", "!"], forbidden: below_the_roof, says: ROOF },
    Rule { tokens: &["eprint", "!"], forbidden: below_the_roof, says: ROOF },
    Rule { tokens: &["eprintln", "!"], forbidden: below_the_roof, says: ROOF },
    Rule { tokens: &["process", ":", ":", "exit"], forbidden: below_the_roof, says: ROOF },
    Rule { tokens: &["process", ":", ":", "abort"], forbidden: below_the_roof_but_late, says: ROOF },
    Rule { tokens: &["env", ":", ":", "var"], forbidden: below_the_roof, says: ROOF },
    Rule { tokens: &["env", ":", ":", "var_os"], forbidden: below_the_roof, says: ROOF },
    Rule { tokens: &["env", ":", ":", "args"], forbidden: below_the_roof, says: ROOF },
];

const UNSAFE: &str =
    "unsafe code and assembly stand in folders named sys or arch, and in the testbed, and nowhere else";
const ALLOW: &str = "write #[expect(lint, reason = \"...\")]";
const UNFINISHED: &str = "unfinished";
const ROOF: &str = "only the roof (bonfire-cli, bonfire-runner, bonfire-testbed, xtask) prints, exits or reads the environment";

/// What a path says about the code in it.
struct Place {
    /// Unsafe code may stand here.
    takes_unsafe: bool,
    /// Code of a library: neither of the roof nor a test, bench or example.
    below_the_roof: bool,
    /// Where a fence that was promised cannot be had, and the process ends.
    is_late: bool,
}

impl Place {
    fn of(file: &Path) -> Self {
        let parts: Vec<_> = file.iter().map(|part| part.to_string_lossy()).collect();
        let has = |name: &str| parts.iter().any(|part| part == name);
        let roof = has("xtask") || has("bonfire-cli") || has("bonfire-runner") || has("bonfire-testbed");
        let of_tests = has("bonfire-skip");
        let folders = &parts[..parts.len().saturating_sub(1)];
        let unsafe_folder = folders.iter().any(|part| part == "sys" || part == "arch");
        Self {
            takes_unsafe: unsafe_folder || has("bonfire-testbed"),
            below_the_roof: has("src") && !roof && !of_tests,
            is_late: file.ends_with("bonfire/src/late.rs"),
        }
    }
}

fn anywhere(_: &Place, _: &Token) -> bool {
    true
}

fn outside_unsafe_folders(place: &Place, _: &Token) -> bool {
    !place.takes_unsafe
}

fn below_the_roof(place: &Place, token: &Token) -> bool {
    place.below_the_roof && !token.in_tests
}

fn below_the_roof_but_late(place: &Place, token: &Token) -> bool {
    below_the_roof(place, token) && !place.is_late
}

/// What breaks a rule in `text`, the Rust source at `file`.
pub(super) fn check(file: &Path, text: &str) -> Vec<Finding> {
    let Some(tokens) = tokens(text) else {
        return vec![Finding::new(file, 0, "not Rust: it has no tokens")];
    };
    let place = Place::of(file);
    RULES.iter().flat_map(|rule| breaches(rule, &place, file, &tokens)).collect()
}

fn breaches(rule: &Rule, place: &Place, file: &Path, tokens: &[Token]) -> Vec<Finding> {
    let windows = tokens.windows(rule.tokens.len());
    let hits = windows.filter(|window| window.iter().map(|token| &token.text).eq(rule.tokens));
    let broken = hits.filter(|window| (rule.forbidden)(place, &window[0]));
    broken.map(|window| Finding::new(file, window[0].line, rule.says)).collect()
}

/// A token, and where it stands.
pub(super) struct Token {
    pub(super) text: String,
    pub(super) line: usize,
    /// Inside a `#[cfg(test)] mod`.
    pub(super) in_tests: bool,
}

/// The tokens of `text`, if it is Rust.
pub(super) fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    flatten(text.parse().ok()?, false, &mut tokens);
    Some(tokens)
}

/// The leaves of the token tree, with brackets as tokens of their own.
fn flatten(stream: TokenStream, in_tests: bool, tokens: &mut Vec<Token>) {
    let mut tests_next = false;
    for tree in stream {
        let span = tree.span();
        let mut push = |text: String, line| tokens.push(Token { text, line, in_tests });
        let TokenTree::Group(group) = tree else {
            push(tree.to_string(), span.start().line);
            continue;
        };
        let (open, close) = brackets(group.delimiter());
        push(open.into(), span.start().line);
        let is_tests = tests_next && group.delimiter() == Delimiter::Brace;
        flatten(group.stream(), in_tests || is_tests, tokens);
        tokens.push(Token { text: close.into(), line: span.end().line, in_tests });
        tests_next = match group.delimiter() {
            Delimiter::Bracket => tests_next || group.stream().to_string().replace(' ', "") == "cfg(test)",
            Delimiter::Brace => false,
            _ => tests_next,
        };
    }
}

fn brackets(delimiter: Delimiter) -> (&'static str, &'static str) {
    match delimiter {
        Delimiter::Parenthesis => ("(", ")"),
        Delimiter::Brace => ("{", "}"),
        Delimiter::Bracket => ("[", "]"),
        Delimiter::None => ("", ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(file: &str, text: &str) -> Vec<usize> {
        check(Path::new(file), text).into_iter().map(|finding| finding.line).collect()
    }

    /// Each rule finds its own tokens in the strictest place.
    #[test]
    fn every_rule_can_be_broken() {
        for rule in RULES {
            let mut text = format!("fn f() {{ {} ", rule.tokens.join(" "));
            let closing: String = rule.tokens.iter().rev().map(|&token| closes(token)).collect();
            text.push_str(&closing);
            text.push('}');
            let found = check(Path::new("crates/bonfire-engine/src/lib.rs"), &text);
            assert!(found.iter().any(|finding| finding.says == rule.says), "{text}: {found:?}");
        }
    }

    fn closes(token: &str) -> &'static str {
        match token {
            "(" => ")",
            "[" => "]",
            _ => "",
        }
    }

    #[test]
    fn unsafe_has_its_folders() {
        let text = "fn f() {\n    unsafe { g() }\n}";
        assert_eq!(lines("crates/bonfire/src/lib.rs", text), [2]);
        assert_eq!(lines("crates/bonfire/src/sys.rs", text), [2]);
        assert_eq!(lines("crates/bonfire/src/sys/linux.rs", text), [0; 0]);
        assert_eq!(lines("crates/bonfire-conformance/src/arch/x86_64.rs", text), [0; 0]);
        assert_eq!(lines("crates/bonfire-testbed/src/main.rs", text), [0; 0]);
    }

    #[test]
    fn comments_and_strings_are_not_code() {
        let text = "// unsafe, compiler_fence\nconst S: &str = \"unsafe println!()\";";
        assert_eq!(lines("crates/bonfire/src/lib.rs", text), [0; 0]);
    }

    #[test]
    fn only_the_roof_prints_but_a_test_may() {
        let text = "fn f() { println!(); }\n#[cfg(test)]\nmod tests { fn g() { println!(); } }\nfn h() { print!(); }";
        assert_eq!(lines("crates/bonfire-engine/src/lib.rs", text), [4, 1]);
        assert_eq!(lines("crates/bonfire-engine/tests/a.rs", text), [0; 0]);
        assert_eq!(lines("crates/bonfire-cli/src/main.rs", text), [0; 0]);
    }
}
