//! `cargo xtask guest-check`: the static binary, alone under another kernel.
//!
//! A kernel of Debian's boots in QEMU with two files in its memory: `guest-init`
//! (this package's other binary) and `bonfire`. The report comes back over the
//! second serial port. It is compared with the report on this kernel: a case
//! may end differently only where the guest lacks a command that this kernel
//! has, or where an emulator does not show what hardware does.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use cpio::newc::Builder;

use crate::dist::{HOST, static_binary};
use crate::repository;

mod compare;

/// What to boot, and for how long.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The kernel to boot; by default Debian's for cloud machines, downloaded with apt-get
    #[arg(long, value_name = "FILE")]
    kernel: Option<PathBuf>,
    /// What the guest's kernel is told, such as `nohz_full=1`
    #[arg(long, value_name = "WORDS", default_value = "")]
    append: String,
    /// The CPUs of the guest
    #[arg(long, default_value_t = 2)]
    cpus: u32,
    /// Wall clock of each of the two runs, in seconds
    #[arg(long, default_value_t = 30)]
    budget: u64,
}

/// How long a guest may take beyond its budget to boot and to power off.
const BOOT: Duration = Duration::from_secs(120);

pub(crate) fn run(options: &Options) -> Result<()> {
    let folder = repository::target_directory()?.join("guest");
    fs::create_dir_all(&folder)?;
    let kernel = match &options.kernel {
        Some(kernel) => kernel.clone(),
        None => debian_kernel(&folder)?,
    };
    let bonfire = static_binary(&HOST, "bonfire-cli", "bonfire")?;
    let init = static_binary(&HOST, "xtask", "guest-init")?;
    let memory = folder.join("initramfs");
    pack(&memory, &[("init", &init), ("bonfire", &bonfire)])?;

    let guest = boot(options, &kernel, &memory, &folder.join("guest.json"))?;
    let host = folder.join("host.json");
    let budget = options.budget.to_string();
    // The status is in the report; a kernel that does not conform is no error here.
    Command::new(&bonfire).args(["--budget", &budget, "--json"]).arg(&host).stdout(Stdio::null()).status()?;
    compare::run(&host, &guest)
}

/// What to do where QEMU cannot be started.
pub(crate) const NO_QEMU: &str = "QEMU is absent; `apt-get install --no-install-recommends qemu-system-x86`";

/// Downloads the kernel that Debian would install on a cloud machine.
pub(crate) fn debian_kernel(folder: &Path) -> Result<PathBuf> {
    let depends = repository::output(Command::new("apt-cache").args(["depends", "linux-image-cloud-amd64"]));
    let depends = depends.context("without apt, name a kernel with --kernel FILE")?;
    let package =
        depends.split_whitespace().find(|word| word.starts_with("linux-image-") && word.contains('.'));
    let package = package.context("apt knows no linux-image-cloud-amd64; run `apt-get update`")?;
    let kernel = folder.join("boot").join(package.replacen("linux-image", "vmlinuz", 1));
    if !kernel.exists() {
        repository::run(Command::new("sh").arg("-c").arg(DOWNLOAD).arg("sh").arg(folder).arg(package))?;
    }
    ensure!(kernel.exists(), "{package} has no {}", kernel.display());
    Ok(kernel)
}

/// `apt-get download` writes to where it stands; `$1` is the folder, `$2` the package.
const DOWNLOAD: &str = r#"cd "$1" && apt-get -qq download "$2" && dpkg-deb -x "$2"_*.deb . && rm "$2"_*.deb"#;

/// Writes an archive that a kernel unpacks as its first file system.
pub(crate) fn pack(archive: &Path, files: &[(&str, &Path)]) -> Result<()> {
    const PROGRAM: u32 = 0o100_755;
    let inputs = files.iter().zip(1..).map(|((name, file), inode)| {
        let file = File::open(file).with_context(|| format!("no {}", file.display()))?;
        Ok((Builder::new(name).ino(inode).mode(PROGRAM), file))
    });
    let inputs: Vec<_> = inputs.collect::<Result<_>>()?;
    cpio::write_cpio(inputs.into_iter(), File::create(archive)?)?;
    Ok(())
}

/// Boots and waits until the guest powers off; returns the report it sent.
fn boot(options: &Options, kernel: &Path, memory: &Path, report: &Path) -> Result<PathBuf> {
    let mut qemu = Command::new("qemu-system-x86_64");
    // One thread per CPU: on a single one, store buffers never show.
    qemu.args(["-accel", "tcg,thread=multi", "-cpu", "max", "-m", "1024", "-no-reboot", "-nodefaults"]);
    qemu.args(["-smp", &options.cpus.to_string(), "-display", "none", "-serial", "stdio"]);
    qemu.arg("-serial").arg(format!("file:{}", report.display()));
    qemu.arg("-kernel").arg(kernel).arg("-initrd").arg(memory);
    // What follows `--` are the arguments of the guest's init.
    let words = format!("console=ttyS0 quiet panic=-1 {} -- --budget {}", options.append, options.budget);
    qemu.args(["-append", &words]).stdin(Stdio::null());
    let guest = qemu.spawn().context(NO_QEMU)?;
    let status = wait(guest, BOOT + Duration::from_secs(options.budget))?;
    ensure!(status.success(), "QEMU failed: {status}");
    Ok(report.to_path_buf())
}

/// Waits for `guest` to end, and ends it when `limit` has passed.
pub(crate) fn wait(mut guest: Child, limit: Duration) -> Result<ExitStatus> {
    let start = Instant::now();
    while start.elapsed() < limit {
        if let Some(status) = guest.try_wait()? {
            return Ok(status);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    guest.kill()?;
    guest.wait()?;
    bail!("the guest did not power off within {} s", limit.as_secs());
}
