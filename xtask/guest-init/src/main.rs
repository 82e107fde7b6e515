//! The first process of a guest: runs `/program`, prints what it said, powers off.
//!
//! Its own arguments (what follows `--` on the kernel's command line) are the
//! program's. What that wrote to its output stands on the console between two lines
//! that mark it, since a console is all that every machine has.

#![forbid(unsafe_code)]

use std::fs;
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
    // From here on the kernel says nothing on the console that is not fatal.
    fs::write("/proc/sys/kernel/printk", "1")?;
    let ended = Command::new("/program").args(std::env::args_os().skip(1)).output()?;
    io::stderr().write_all(&ended.stderr)?;
    println!("guest-init: output begins");
    io::stdout().write_all(&ended.stdout)?;
    println!("guest-init: output ends, with {}", ended.status);
    Ok(())
}
