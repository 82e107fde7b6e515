//! An architecture on which the engine has no machine: there are no coroutines that a stable
//! compiler takes, to make virtual CPUs of. The engine itself runs everywhere.

use anyhow::Result;
use bonfire_conformance::Subject;

/// There is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choosing {}

impl Choosing {
    pub(super) const fn name(self) -> &'static str {
        match self {}
    }

    pub(super) fn open(self, _seed: u64) -> Result<Box<dyn Subject>> {
        match self {}
    }
}

pub(super) fn design(_name: Option<&str>) -> Result<Choosing, String> {
    Err(format!(
        "this binary has no engine: its virtual CPUs are coroutines, which {} lacks; `bonfire boot` and the \
         tests on another architecture judge it",
        std::env::consts::ARCH
    ))
}

pub(super) fn names() -> String {
    "DESIGN (not in this binary)".into()
}
