//! `cargo xtask tidy`: the rules of the house that the compiler does not know.
//!
//! Each check looks at one kind of thing (Rust tokens, any text, manifests, the
//! two set-up commands, the engine's barriers, other crates' orderings, litmus shapes) and
//! returns findings. The rules are data where they can be, and each has a test
//! in which it finds something: a check that cannot fail checks nothing.

mod edges;
mod manifest;
mod rust;
mod setup;
mod shapes;
mod sites;
mod text;

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::repository;

/// A broken rule, and where.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    file: PathBuf,
    /// From 1; 0 where the whole file is meant.
    line: usize,
    says: String,
}

impl Finding {
    fn new(file: &Path, line: usize, says: impl Into<String>) -> Self {
        Self { file: file.to_path_buf(), line, says: says.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file.display(), self.line, self.says)
    }
}

/// Runs every check and prints what they find.
pub(crate) fn run() -> Result<()> {
    let root = repository::root();
    let metadata = repository::metadata()?;
    let files = repository::files()?;

    let mut findings = manifest::check(&metadata);
    findings.extend(setup::check(&root));
    let (mut engine, mut others) = (Vec::new(), Vec::new());
    for file in &files {
        let bytes = std::fs::read(root.join(file))?;
        findings.extend(text::check_size(file, bytes.len()));
        let Ok(text) = String::from_utf8(bytes) else { continue };
        findings.extend(text::check(file, &text, &text::machine_paths(&root)));
        if file.extension().is_some_and(|extension| extension == "rs") {
            findings.extend(rust::check(file, &text));
            findings.extend(shapes::check(file, &text));
            if sites::concerns(file) {
                engine.push((file.clone(), text));
            } else if edges::concerns(file) {
                others.push((file.clone(), text));
            }
        }
    }
    findings.extend(sites::check(&engine));
    findings.extend(edges::check(&others));
    report(findings, files.len())
}

fn report(mut findings: Vec<Finding>, files: usize) -> Result<()> {
    findings.sort();
    for finding in &findings {
        println!("{finding}");
    }
    if !findings.is_empty() {
        bail!("{} rules broken in {files} files; each line above says where", findings.len());
    }
    println!("tidy: {files} files");
    Ok(())
}
