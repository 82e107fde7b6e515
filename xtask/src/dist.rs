//! `cargo xtask dist`: static binaries that need nothing on another kernel.
//!
//! One folder per target in `target/dist`, with the command, its man page, its
//! completions and the licences, and the runner. The C library is linked into the
//! command, and the runner has none, so that either starts as the only file of a
//! machine; that it asks for no loader is checked in the binary itself. A target that
//! fails does not keep the others from being built: what became of each stands in a
//! table at the end.

use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::repository;
use crate::target::{BONFIRE, RUNNER, TARGETS, Target, Toolchain};

/// Which targets, and with what.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Build only for these targets; by default for each whose library and linker are here
    #[arg(long, value_name = "TRIPLE")]
    target: Vec<String>,
    #[command(flatten)]
    toolchain: Toolchain,
}

/// What became of a target.
enum End {
    Built(PathBuf),
    /// By default only: what would have to be installed.
    Skipped(String),
    Failed(anyhow::Error),
}

/// Builds for the targets that were asked for, or for all that can be built here.
pub(crate) fn run(options: &Options) -> Result<()> {
    let targets = options.targets()?;
    let generated = generated()?;
    let ends: Vec<(&Target, End)> = targets.into_iter().map(|t| (t, options.end(t, &generated))).collect();
    ends.iter().for_each(|(target, end)| println!("{:30} {end}", target.triple));
    let failed = ends.iter().filter(|(_, end)| matches!(end, End::Failed(_))).count();
    ensure!(failed == 0, "{failed} of {} targets failed", ends.len());
    Ok(())
}

impl Options {
    fn targets(&self) -> Result<Vec<&'static Target>> {
        let known = || TARGETS.iter().map(|target| target.triple).collect::<Vec<_>>().join(", ");
        for triple in &self.target {
            let is_known = TARGETS.iter().any(|target| target.triple == triple);
            ensure!(is_known, "no such target: {triple}; there are {}", known());
        }
        let wanted =
            |target: &&Target| self.target.is_empty() || self.target.iter().any(|t| t == target.triple);
        Ok(TARGETS.iter().filter(wanted).collect())
    }

    fn end(&self, target: &Target, generated: &Generated) -> End {
        match self.toolchain.missing(target) {
            Ok(None) => self.build(target, generated).map_or_else(End::Failed, End::Built),
            Ok(Some(remedy)) if self.target.is_empty() => End::Skipped(remedy),
            Ok(Some(remedy)) => End::Failed(anyhow::Error::msg(remedy)),
            Err(error) => End::Failed(error),
        }
    }

    /// Builds for `target` and returns the folder with what belongs to it.
    fn build(&self, target: &Target, generated: &Generated) -> Result<PathBuf> {
        let version = env!("CARGO_PKG_VERSION");
        let folder =
            repository::target_directory()?.join(format!("dist/bonfire-{version}-{}", target.triple));
        fs::create_dir_all(&folder)?;
        for program in [RUNNER, BONFIRE] {
            fs::copy(self.toolchain.build(target, &program)?, folder.join(program.name))?;
        }
        for file in ["README.md", "CHANGELOG.md", "LICENSE-APACHE", "LICENSE-MIT"] {
            fs::copy(repository::root().join(file), folder.join(file))
                .with_context(|| format!("no {file}"))?;
        }
        for (file, text) in generated {
            fs::write(folder.join(file), text)?;
        }
        Ok(folder)
    }
}

/// Files by name.
type Generated = Vec<(&'static str, String)>;

/// The man page and the completions, from the one definition that this host's
/// binary has of its arguments.
fn generated() -> Result<Generated> {
    let file = |(what, file)| {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["run", "--quiet", "--package", "bonfire-cli", "--", "generate", what]);
        Ok((file, repository::output(&mut cargo)?))
    };
    GENERATED.into_iter().map(file).collect()
}

/// What `bonfire generate` makes, and the file names that man and shells expect.
const GENERATED: [(&str, &str); 4] =
    [("man", "bonfire.1"), ("bash", "bonfire.bash"), ("zsh", "_bonfire"), ("fish", "bonfire.fish")];

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Built(folder) => write!(f, "built    {}", folder.display()),
            Self::Skipped(remedy) => write!(f, "skipped  {remedy}"),
            Self::Failed(error) => write!(f, "FAILED   {error:#}"),
        }
    }
}
