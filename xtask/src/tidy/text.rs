//! Rules about text of any kind: paths of one machine, examples that do not
//! run, files too large to review.

use std::path::Path;

use super::Finding;

/// The largest file that belongs in a repository that people read: 1 MiB.
const LARGEST_BYTES: usize = 1 << 20;

/// Says so if a file of `bytes` bytes is too large.
pub(super) fn check_size(file: &Path, bytes: usize) -> Option<Finding> {
    let says = || format!("{bytes} bytes; no file may be larger than {LARGEST_BYTES}");
    (bytes > LARGEST_BYTES).then(|| Finding::new(file, 0, says()))
}

/// Folders of one machine: homes, scratch space, and where this checkout is.
pub(super) fn machine_paths(root: &Path) -> Vec<String> {
    let ours = [Some(root), root.parent()].into_iter().flatten().map(|path| path.display().to_string());
    let others = ["home", "root", "tmp"].map(|folder| format!("/{folder}"));
    ours.chain(others).filter(|path| path.len() > 1).collect()
}

/// What breaks a rule in `text`. `machine_paths` are folders that only some
/// machine has.
pub(super) fn check(file: &Path, text: &str, machine_paths: &[String]) -> Vec<Finding> {
    let lines = text.lines().zip(1..);
    let breaches = lines.flat_map(|(line, number)| {
        let path = machine_paths.iter().find(|path| names(line, path));
        let path = path.map(|path| format!("names a folder of one machine: {path}"));
        let example = skips_an_example(line).then(|| "an example that is not run may be wrong".to_owned());
        path.into_iter().chain(example).map(move |says| Finding::new(file, number, says))
    });
    breaches.collect()
}

/// Whether `line` names something under `folder`, or it alone, as an absolute path.
fn names(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let begins = before.is_none_or(|c| !c.is_alphanumeric() && !"/.}_-~$".contains(c));
        begins && line[at + folder.len()..].starts_with('/')
    })
}

/// Whether `line` opens a code block that `cargo test` leaves out.
fn skips_an_example(line: &str) -> bool {
    let line = line.trim_start().trim_start_matches("//!").trim_start_matches("///").trim_start();
    let language = line.strip_prefix("```");
    language.is_some_and(|words| words.split([',', ' ']).any(|word| word == "ignore"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(text: &str) -> Vec<String> {
        let paths = machine_paths(Path::new("/src/bonfire"));
        check(Path::new("a.md"), text, &paths).into_iter().map(|finding| finding.says).collect()
    }

    #[test]
    fn paths_of_one_machine_are_found() {
        for folder in ["home", "root", "tmp", "src"] {
            assert_eq!(says(&format!("see `/{folder}/notes.txt`")).len(), 1, "{folder}");
        }
        assert!(says("crates/bonfire/src/lib.rs, ./src/a, /usr/src/linux, https://a.org/home/x").is_empty());
    }

    #[test]
    fn an_example_runs() {
        for language in ["ignore", "rust,ignore"] {
            assert_eq!(says(&format!("/// ```{language}")).len(), 1, "{language}");
        }
        assert!(says("//! ```\n```text\n``` compile_fail").is_empty());
    }

    #[test]
    fn a_large_file_is_found() {
        assert!(check_size(Path::new("a"), LARGEST_BYTES + 1).is_some());
        assert!(check_size(Path::new("a"), LARGEST_BYTES).is_none());
    }
}
