//! The kernel's command line: `design=running delete=IpiMb drop-pokes forget=exit -- arguments`.

use crate::{Hook, Hooks};
use bonfire_engine::core_sync::Settle;
use bonfire_engine::{Design, Site};
use core::fmt;

/// What can be booted: a design of the engine, and when core serialisations that
/// are owed are done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variant {
    /// How the engine chooses CPUs.
    pub design: Design,
    /// When core serialisations that are owed are done.
    pub settle: Settle,
}

impl Default for Variant {
    fn default() -> Self {
        Self::at_once(Design::default())
    }
}

impl Variant {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 7] = {
        let [everywhere, running, mask, locked_mask, threads] = Design::ALL;
        [
            Self::at_once(everywhere),
            Self::at_once(running),
            Self::at_once(mask),
            Self::at_once(locked_mask),
            Self::at_once(threads),
            Self { design: running, settle: Settle::BeforeUser },
            Self { design: running, settle: Settle::IfStale },
        ]
    };

    const fn at_once(design: Design) -> Self {
        Self { design, settle: Settle::AtOnce }
    }

    /// Whether core serialisations are put off until user mode.
    #[must_use]
    pub fn is_late(self) -> bool {
        self.settle == Settle::BeforeUser
    }

    /// Its name on a command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self.settle {
            Settle::AtOnce => self.design.name(),
            Settle::BeforeUser => "running-late",
            Settle::IfStale => "running-if-stale",
        }
    }

    /// The variant of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|variant| variant.name() == name)
    }

    /// Its place among all.
    #[must_use]
    pub fn number(self) -> usize {
        Self::ALL.into_iter().position(|variant| variant == self).unwrap_or(0)
    }
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What a boot is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options<'a> {
    /// Which engine.
    pub variant: Variant,
    /// A fault: pokes are not sent and nobody waits for them.
    pub drops_pokes: bool,
    /// Each system call is told, with what came of it.
    pub traces: bool,
    /// Faults: the sites that are left out, one bit each.
    deleted: u64,
    /// Faults: the hooks that are never called.
    pub forgotten: Hooks,
    /// What follows `--`.
    arguments: &'a str,
}

/// A word of the command line that is no option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadOption<'a>(pub &'a str);

impl<'a> Options<'a> {
    /// Reads a command line.
    ///
    /// # Errors
    /// The first word that is no option.
    ///
    /// ```
    /// use bonfire_engine::{Design, Site};
    /// use bonfire_testbed::Options;
    /// let options = Options::parse("design=mask delete=IpiMb -- suite").unwrap();
    /// assert_eq!(options.variant.design, Design::Mask);
    /// assert!(options.deleted().eq([Site::IpiMb]));
    /// assert_eq!(options.arguments()[1], b"suite");
    /// ```
    pub fn parse(line: &'a str) -> Result<Self, BadOption<'a>> {
        let (own, arguments) = line.split_once("--").unwrap_or((line, ""));
        let mut options = Self {
            variant: Variant::default(),
            drops_pokes: false,
            traces: false,
            deleted: 0,
            forgotten: Hooks::default(),
            arguments,
        };
        for word in own.split_ascii_whitespace() {
            options.take(word).ok_or(BadOption(word))?;
        }
        Ok(options)
    }

    fn take(&mut self, word: &str) -> Option<()> {
        if word == "drop-pokes" {
            self.drops_pokes = true;
        } else if word == "trace" {
            self.traces = true;
        } else if let Some(name) = word.strip_prefix("design=") {
            self.variant = Variant::from_name(name)?;
        } else if let Some(name) = word.strip_prefix("forget=") {
            self.forgotten = self.forgotten.with(Hook::from_name(name)?);
        } else {
            self.deleted |= 1 << site(word.strip_prefix("delete=")?)? as u64;
        }
        Some(())
    }

    /// The sites that are left out.
    pub fn deleted(&self) -> impl Iterator<Item = Site> + use<> {
        let deleted = self.deleted;
        Site::ALL.into_iter().filter(move |&site| deleted & 1 << site as u64 != 0)
    }

    /// The user program's arguments, its own name first; at most 15, the rest
    /// are dropped.
    #[must_use]
    pub fn arguments(&self) -> [&'a [u8]; 16] {
        let mut arguments = [&[][..]; 16];
        let words = core::iter::once("/init").chain(self.arguments.split_ascii_whitespace());
        for (argument, word) in arguments.iter_mut().zip(words) {
            *argument = word.as_bytes();
        }
        arguments
    }
}

/// The site of that name.
fn site(name: &str) -> Option<Site> {
    Site::ALL.into_iter().find(|site| site.name() == name)
}

impl fmt::Display for BadOption<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "'{}' is no option; there are design=NAME, delete=SITE, forget=HOOK, drop-pokes, trace, and -- for the rest",
            self.0
        )
    }
}

impl core::error::Error for BadOption<'_> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_site_hook_and_variant_has_its_word() {
        for site in Site::ALL {
            let line = std::format!("delete={}", site.name());
            assert!(Options::parse(&line).unwrap().deleted().eq([site]));
        }
        for hook in Hook::ALL {
            let line = std::format!("forget={hook}");
            let forgotten = Options::parse(&line).unwrap().forgotten;
            assert!(Hook::ALL.into_iter().filter(|&hook| forgotten.contains(hook)).eq([hook]));
        }
        for variant in Variant::ALL {
            let line = std::format!("design={variant}");
            assert_eq!(Options::parse(&line).unwrap().variant, variant);
        }
    }

    #[test]
    fn a_word_that_is_no_option_is_named() {
        for word in ["design=", "delete=Ipi", "delete=IpiMbs", "forget=", "quiet"] {
            let line = std::format!("design=mask {word} -- rest");
            assert_eq!(Options::parse(&line), Err(BadOption(word)));
        }
    }
}
