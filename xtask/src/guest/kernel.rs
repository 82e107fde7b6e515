//! Debian's kernels, for any architecture, without a trace in this machine's apt.
//!
//! apt can be told to keep everything in a folder of one's own and to believe in
//! another architecture, so nothing is added to the system's lists, and no right
//! is needed. The mirror and its key are those of the machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::repository;
use crate::target::Target;

/// The release whose kernel is booted where none is named.
pub(crate) const DEFAULT_SUITE: &str = "bookworm";

/// The newest kernel that `suite` had for `target` when it was first asked for: apt takes
/// minutes to answer on a busy machine, so that the answer is kept.
pub(crate) fn debian(target: &Target, suite: &str) -> Result<PathBuf> {
    let folder = super::folder()?;
    let answer = folder.join(format!("kernel-{suite}-{}", target.architecture));
    if let Ok(release) = fs::read_to_string(&answer)
        && let Some(kernel) = unpacked(&folder, &release)
    {
        return Ok(kernel);
    }
    let release = download(target, suite, &folder)?;
    fs::write(&answer, &release)?;
    unpacked(&folder, &release).with_context(|| format!("{release} has neither a vmlinuz nor a vmlinux"))
}

/// Downloads that kernel, and returns its release.
fn download(target: &Target, suite: &str, folder: &Path) -> Result<String> {
    let (architecture, kind) = names(target);
    let apt = Apt::new(&folder.join("apt"), architecture, suite)?;
    let image = format!("linux-image-{kind}");
    let depends = apt.ask("apt-cache", &["depends", &image]).unwrap_or_default();
    let mut releases = depends.split_whitespace().filter_map(|word| word.strip_prefix("linux-image-"));
    let release = releases.find(|release| release.contains('.'));
    let release = release.with_context(|| format!("{suite} has no {image}; try another --suite"))?;
    if unpacked(folder, release).is_none() {
        apt.unpack(&format!("linux-image-{release}"), folder)?;
    }
    Ok(release.to_owned())
}

/// The kernel of this release, if it was downloaded.
fn unpacked(folder: &Path, release: &str) -> Option<PathBuf> {
    let kernel = |kind| folder.join("boot").join(format!("{kind}-{release}"));
    ["vmlinuz", "vmlinux"].map(kernel).into_iter().find(|file| file.exists())
}

/// As Debian names the architecture, and its kernel. That for cloud machines is
/// small, and has all that QEMU's machine has.
fn names(target: &Target) -> (&'static str, &'static str) {
    match target.architecture {
        "aarch64" => ("arm64", "cloud-arm64"),
        "riscv64" => ("riscv64", "riscv64"),
        "powerpc64le" => ("ppc64el", "powerpc64le"),
        "s390x" => ("s390x", "s390x"),
        _ => ("amd64", "cloud-amd64"),
    }
}

/// An apt of our own.
struct Apt(Vec<String>);

impl Apt {
    fn new(folder: &Path, architecture: &str, suite: &str) -> Result<Self> {
        let folder = folder.join(format!("{suite}-{architecture}"));
        let is_new = !folder.exists();
        for part in ["state/lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(folder.join(part))?;
        }
        fs::write(folder.join("status"), "")?;
        fs::write(folder.join("sources.list"), format!("deb {} {suite} main\n", mirror()?))?;
        let place = |option: &str, part: &str| format!("{option}={}", folder.join(part).display());
        let apt = Self(vec![
            place("Dir::State", "state"),
            place("Dir::State::status", "status"),
            place("Dir::Cache", "cache"),
            place("Dir::Etc::sourcelist", "sources.list"),
            "Dir::Etc::sourceparts=-".into(),
            format!("APT::Architecture={architecture}"),
            format!("APT::Architectures::={architecture}"),
            // A folder of ours is closed to apt's own user.
            "APT::Sandbox::User=root".into(),
        ]);
        if is_new && let Err(error) = apt.ask("apt-get", &["-qq", "update"]) {
            // A list that is just being renewed is no harm; what is missing is seen later.
            eprintln!("apt could not read all of {suite}: {error:#}");
        }
        Ok(apt)
    }

    fn ask(&self, program: &str, arguments: &[&str]) -> Result<String> {
        let options = self.0.iter().flat_map(|option| ["-o", option]);
        repository::output(Command::new(program).args(options).args(arguments))
    }

    /// Downloads `package` and unpacks what it has in `/boot`.
    fn unpack(&self, package: &str, folder: &Path) -> Result<()> {
        let options: Vec<&str> = self.0.iter().flat_map(|option| ["-o", option]).collect();
        let mut shell = Command::new("sh");
        shell.args(["-ec", UNPACK, "sh"]).arg(folder).arg(package).args(options);
        repository::run(&mut shell).with_context(|| format!("cannot download {package}; try another --suite"))
    }
}

/// `apt-get download` writes to where it stands.
const UNPACK: &str = r#"
cd "$1"; package=$2; shift 2
apt-get "$@" -qq download "$package"
for file in "$package"_*.deb; do dpkg-deb --fsys-tarfile "$file" | tar -x ./boot; done
rm "$package"_*.deb"#;

/// The mirror that this machine takes Debian from, as a source of apt's has it.
fn mirror() -> Result<String> {
    const KEYS: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
    let asked = ["indextargets", "--format", "$(SITE)", "Origin: Debian", "Label: Debian"];
    let sites = repository::output(Command::new("apt-get").args(asked));
    let sites = sites.context("without Debian's apt, name a kernel with --kernel FILE")?;
    let site = sites.lines().find(|site| !site.is_empty());
    let site = site.context("apt has no list of Debian's; run `apt-get update`, or give --kernel FILE")?;
    ensure!(Path::new(KEYS).exists(), "Debian's keys are absent; `apt-get install debian-archive-keyring`");
    Ok(format!("[signed-by={KEYS}] {}", site.trim_end_matches('/')))
}
