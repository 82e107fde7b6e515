//! On what guests are emulated.

use std::fs;
use std::process::Command;

use anyhow::Result;

use crate::guest::machine::emulator;
use crate::repository;
use crate::target::Target;

/// Where the emulator runs.
pub(crate) struct Host {
    pub(crate) processor: String,
    pub(crate) emulator: String,
    /// How many were ready to run on average in the last minute.
    pub(crate) load: String,
    pub(crate) date: String,
}

impl Host {
    /// What the emulator of `target` runs on, now.
    pub(crate) fn read(target: &Target) -> Result<Self> {
        let cpus = std::thread::available_parallelism()?;
        let date = repository::output(Command::new("date").args(["-u", "+%F"]))?;
        let load = line("/proc/loadavg", "");
        Ok(Self {
            processor: format!("{} ({cpus} CPUs)", line("/proc/cpuinfo", "model name")),
            emulator: emulator(target)?,
            load: load.split(' ').next().unwrap_or_default().to_owned(),
            date: date.trim().to_owned(),
        })
    }
}

/// The first line of a file that begins with `name`, without that.
fn line(file: &str, name: &str) -> String {
    let text = fs::read_to_string(file).unwrap_or_default();
    let value = |line: &str| Some(line.strip_prefix(name)?.trim_start_matches([' ', '\t', ':']).to_owned());
    text.lines().find_map(value).unwrap_or_else(|| "unknown".to_owned())
}
