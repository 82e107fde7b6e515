//! What was typed.

use std::error::Error;
use std::time::Duration;

pub(crate) struct Settings {
    pub(crate) time: Duration,
    pub(crate) threads: usize,
    pub(crate) memory: Kind,
    pub(crate) patching: bool,
    pub(crate) expressions: Vec<String>,
}

/// A kind of memory.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    /// Mapped twice.
    Dual,
    /// Whose pages change what they are.
    Pages,
}

impl Settings {
    pub(crate) fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self, Box<dyn Error>> {
        let mut settings = Self {
            time: Duration::from_secs(2),
            threads: 2,
            memory: Kind::Dual,
            patching: true,
            expressions: Vec::new(),
        };
        while let Some(argument) = arguments.next() {
            if argument.starts_with("--") {
                let value = arguments.next().ok_or_else(|| format!("{argument} takes a value"))?;
                settings.set(&argument, &value)?;
            } else {
                settings.expressions.push(argument);
            }
        }
        Ok(settings)
    }

    fn set(&mut self, option: &str, value: &str) -> Result<(), Box<dyn Error>> {
        let number = || value.parse::<u64>().map_err(|_| format!("{option} takes a number, not `{value}`"));
        match (option, value) {
            ("--seconds", _) => self.time = Duration::from_secs(number()?),
            ("--threads", _) => self.threads = usize::try_from(number()?)?,
            ("--memory", "dual") => self.memory = Kind::Dual,
            ("--memory", "pages") => self.memory = Kind::Pages,
            ("--leave-out", "patching") => self.patching = false,
            _ => return Err(format!("there is no {option} {value}; main.rs lists the options").into()),
        }
        Ok(())
    }
}
