//! The first process of a guest: runs `/bonfire`, sends its report, powers off.
//!
//! Its own arguments (what follows `--` on the kernel's command line) are
//! handed on. The report for a machine goes to the second serial port as it is,
//! what was said to a person to the console.

#![forbid(unsafe_code)]

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::process::{Command, ExitCode};

use rustix::mount::{MountFlags, mount};
use rustix::system::{RebootCommand, reboot};

fn main() -> ExitCode {
    // Anywhere else, powering off at the end would be a bad surprise.
    if std::process::id() != 1 {
        eprintln!("guest-init is the first process of a guest; run `cargo xtask guest-check`");
        return ExitCode::FAILURE;
    }
    if let Err(error) = run() {
        eprintln!("guest-init: {error}");
    }
    let refused = reboot(RebootCommand::PowerOff);
    eprintln!("guest-init: cannot power off: {refused:?}");
    ExitCode::FAILURE
}

fn run() -> io::Result<()> {
    for (kind, target) in [("proc", "/proc"), ("sysfs", "/sys"), ("devtmpfs", "/dev")] {
        fs::create_dir_all(target)?;
        mount(kind, target, kind, MountFlags::empty(), None)?;
    }
    let checked = Command::new("/bonfire").args(std::env::args_os().skip(1)).arg("--json").output()?;
    io::stderr().write_all(&checked.stderr)?;
    println!("guest-init: bonfire ended with {}", checked.status);
    OpenOptions::new().write(true).open("/dev/ttyS1")?.write_all(&checked.stdout)
}
