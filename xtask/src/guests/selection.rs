//! Which guests boot: architectures, Debian's kernels for them, and set-ups of each.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

use crate::guest::{kernel, machine, memory};
use crate::target::{Program, TARGETS, Target, Toolchain};

/// What was asked for.
#[derive(clap::Args)]
pub(crate) struct Selection {
    /// Only these architectures; by default each for which programs can be built and
    /// emulated here
    #[arg(long, value_name = "NAME")]
    arch: Vec<String>,
    /// The releases of Debian that kernels are taken from; where one has none for an
    /// architecture, that is said
    ///
    /// By default bookworm (6.1), and for 6.12 trixie, or bookworm-backports where trixie has
    /// none.
    #[arg(long, value_name = "NAME")]
    suite: Vec<String>,
    /// Only the first so many set-ups of each kernel; by default all
    #[arg(long, value_name = "NUMBER")]
    setups: Option<usize>,
    #[command(flatten)]
    toolchain: Toolchain,
}

/// By default: one kernel of each, from the first that has one.
const SUITES: [&[&str]; 2] = [&["bookworm"], &["trixie", "bookworm-backports"]];

/// A kernel, and a first file system for it.
pub(crate) struct Ground {
    pub(crate) target: &'static Target,
    pub(crate) kernel: PathBuf,
    pub(crate) memory: PathBuf,
}

/// Where a target's guests boot, or what would have to be installed.
type Grounds = Result<Vec<Ground>, String>;

impl Selection {
    /// Has `judge` boot each set-up of each kernel with `program`, the first set-up of all
    /// kernels first. It returns what was wrong, and with anything wrong this fails.
    pub(crate) fn each<S>(
        &self,
        program: &Program,
        setups: &[S],
        mut judge: impl FnMut(&Ground, &S) -> Result<Vec<String>>,
    ) -> Result<()> {
        let (mut wrong, mut grounds) = (Vec::new(), Vec::new());
        for target in self.targets()? {
            match self.grounds(target, program) {
                Ok(Ok(found)) => grounds.extend(found),
                Ok(Err(remedy)) if self.arch.is_empty() => {
                    println!("{} skipped: {remedy}", target.architecture)
                }
                Ok(Err(remedy)) => wrong.push(format!("{}: {remedy}", target.architecture)),
                Err(error) => wrong.push(format!("{}: {error:#}", target.architecture)),
            }
        }
        let mut booted = 0;
        for setup in setups.iter().take(self.setups.unwrap_or(usize::MAX)) {
            for ground in &grounds {
                wrong.extend(judge(ground, setup)?);
                booted += 1;
            }
        }
        ensure!(wrong.is_empty(), "not as they should be: {}", wrong.join("; "));
        ensure!(booted > 0, "no guest could be booted, so that nothing is known");
        Ok(())
    }

    fn targets(&self) -> Result<Vec<&'static Target>> {
        if self.arch.is_empty() {
            return Ok(TARGETS.iter().collect());
        }
        self.arch.iter().map(|name| Target::of(name)).collect()
    }

    fn grounds(&self, target: &'static Target, program: &Program) -> Result<Grounds> {
        let missing = self.toolchain.missing(target)?;
        if let Some(remedy) = missing.map_or_else(|| machine::missing(target), |remedy| Ok(Some(remedy)))? {
            return Ok(Err(remedy));
        }
        let kernels = match self.kernels(target) {
            Ok(kernels) => kernels,
            Err(remedy) => return Ok(Err(remedy)),
        };
        let memory = memory(target, &self.toolchain, &[], program)?;
        let ground = |kernel| Ground { target, kernel, memory: memory.clone() };
        Ok(Ok(kernels.into_iter().map(ground).collect()))
    }

    /// One kernel of each release, or of the first of several that has one.
    fn kernels(&self, target: &Target) -> Result<Vec<PathBuf>, String> {
        let asked: Vec<[&str; 1]> = self.suite.iter().map(|suite| [suite.as_str()]).collect();
        let asked: Vec<&[&str]> = asked.iter().map(<[&str; 1]>::as_slice).collect();
        let groups = if asked.is_empty() { &SUITES[..] } else { &asked };
        let mut said = String::new();
        let mut first = |group: &&[&str]| {
            let mut say = |error| said = format!("{error:#}");
            group.iter().find_map(|suite| kernel::debian(target, suite).map_err(&mut say).ok())
        };
        let kernels: Vec<PathBuf> = groups.iter().filter_map(&mut first).collect();
        if !said.is_empty() {
            eprintln!("{}: {said}", target.architecture);
        }
        if kernels.is_empty() { Err(said) } else { Ok(kernels) }
    }
}

impl Ground {
    /// The kernel's release: what its file is called after its kind.
    pub(crate) fn release(&self) -> String {
        release(&self.kernel)
    }
}

fn release(kernel: &Path) -> String {
    let name = kernel.file_name().unwrap_or_default().to_string_lossy();
    name.split_once('-').map_or_else(|| name.to_string(), |(_, release)| release.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_is_called_by_its_release() {
        assert_eq!(release(Path::new("/boot/vmlinuz-6.1.0-50-arm64")), "6.1.0-50-arm64");
        assert_eq!(release(Path::new("Image")), "Image");
    }
}
