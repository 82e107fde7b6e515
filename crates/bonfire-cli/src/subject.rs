//! What is judged: the kernel that runs, the engine on a machine of threads, or
//! the fences that programs use.

#[cfg_attr(any(target_arch = "powerpc64", target_arch = "s390x"), path = "subject/no_engine.rs")]
mod engine;

use std::fmt;
use std::str::FromStr;

use anyhow::{Context, Result};
use bonfire_conformance::{Case, Subject};

use crate::host::{Caller, Counter, Fences, Host, Pair};
use engine::Choosing;

/// The choices of `--subject`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// The kernel that runs.
    Host,
    /// `bonfire-engine`, on virtual CPUs, with this way to choose CPUs.
    Engine(Choosing),
    /// The crate `bonfire`, with this pair of fences.
    Fences(Pair),
}

impl Choice {
    /// What it is, in words.
    pub(crate) fn title(self) -> String {
        match self {
            Self::Host => "the running kernel".to_owned(),
            Self::Engine(_) => format!("{self}, on virtual CPUs made of threads"),
            Self::Fences(_) => format!("{self}, the crate bonfire on the running kernel"),
        }
    }

    /// What a verdict is on.
    pub(crate) fn judged(self) -> &'static str {
        match self {
            Self::Host | Self::Engine(_) => "This kernel",
            Self::Fences(_) => "This pair of fences",
        }
    }

    /// Whether this case can judge it.
    pub(crate) fn is_judged_by(self, case: &Case) -> bool {
        match self {
            Self::Host | Self::Engine(_) => true,
            Self::Fences(pair) => pair.is_judged_by(case),
        }
    }

    /// Gets hold of the subject. Its chances come from `seed`; the running kernel may
    /// count interrupts.
    pub(crate) fn open(self, seed: u64, counter: Option<Counter>) -> Result<Box<dyn Subject>> {
        match self {
            Self::Host => host(Caller::Kernel, counter),
            Self::Fences(pair) => host(Caller::Fences(Fences::new(pair)), None),
            Self::Engine(design) => design.open(seed),
        }
    }
}

fn host(caller: Caller, counter: Option<Counter>) -> Result<Box<dyn Subject>> {
    Ok(Box::new(Host::new(caller).context("cannot check this kernel")?.counting(counter)))
}

impl FromStr for Choice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            None if text == "host" => Ok(Self::Host),
            None if text == "engine" => engine::design(None).map(Self::Engine),
            Some(("engine", name)) => engine::design(Some(name)).map(Self::Engine),
            None if text == "fences" => Ok(Self::Fences(Pair::ALL[0])),
            Some(("fences", name)) => name.parse().map(Self::Fences),
            _ => Err(format!("no such subject; it is host, fences, engine, or engine={}", engine::names())),
        }
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host => f.write_str("host"),
            Self::Engine(design) => write!(f, "engine={}", design.name()),
            Self::Fences(pair) => write!(f, "fences={pair}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_read_as_it_is_shown() {
        let host = ["host", "fences=refuse", "fences=full", "fences=signal", "fences=process"];
        let engine = ["engine=running", "engine=everywhere", "engine=locked-mask", "engine=threads"];
        for text in host.into_iter().chain(engine) {
            assert_eq!(text.parse::<Choice>().map(|choice| choice.to_string()), Ok(text.to_owned()));
        }
        assert_eq!("engine".parse::<Choice>(), "engine=running".parse());
        assert_eq!("fences".parse::<Choice>(), "fences=refuse".parse());
        assert!("fences=none".parse::<Choice>().is_err_and(|error| error.contains("refuse|full")));
        for nonsense in ["", "hosts", "engine=", "engine=walk", "host=mask"] {
            assert!(
                nonsense.parse::<Choice>().is_err_and(|error| error.contains("locked-mask")),
                "{nonsense}"
            );
        }
    }
}
