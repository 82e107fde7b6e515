//! Rules about the set-up: two commands, and the same test command in CI.

use std::path::Path;

use super::Finding;

/// All that a fresh machine with Rust and a C linker is asked to type.
const COMMANDS: [&str; 2] = ["cargo run --release", "cargo xtask test"];

/// What breaks a rule in the README or in CI of the repository at `root`.
pub(super) fn check(root: &Path) -> Vec<Finding> {
    let read = |file: &str| std::fs::read_to_string(root.join(file)).unwrap_or_default();
    let mut findings = check_readme(&read("README.md"));
    findings.extend(check_ci(&read(".ci/run")));
    findings
}

fn check_readme(text: &str) -> Vec<Finding> {
    let blocks: Vec<&str> = text.split("```").skip(1).step_by(2).collect();
    let stands_alone =
        |command: &&str| blocks.iter().any(|block| block.trim_start_matches("sh").trim() == *command);
    let missing = COMMANDS.iter().filter(|command| !stands_alone(command));
    let says = |command| format!("`{command}` does not stand alone in a code block");
    missing.map(|command| Finding::new(Path::new("README.md"), 0, says(command))).collect()
}

fn check_ci(text: &str) -> Option<Finding> {
    let test = COMMANDS[1];
    let runs = text.lines().any(|line| line.trim_start().starts_with(test));
    (!runs).then(|| {
        Finding::new(Path::new(".ci/run"), 0, format!("does not run `{test}` as the README says it"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_commands_stand_alone() {
        let good = "# B\n```sh\ncargo run --release\n```\nand\n```sh\ncargo xtask test\n```\n";
        assert_eq!(check_readme(good), []);
        assert_eq!(check_readme(&good.replace("--release", "--release -- check")).len(), 1);
        assert_eq!(check_readme("").len(), 2);
    }

    #[test]
    fn ci_runs_what_the_readme_says() {
        assert_eq!(check_ci("set -e\ncargo xtask test --strict\n"), None);
        assert!(check_ci("cargo test --workspace\n").is_some());
    }
}
