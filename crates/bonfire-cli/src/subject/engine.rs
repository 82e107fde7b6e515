//! The designs of the engine, each on virtual CPUs made of threads.

use std::io;

use anyhow::{Context, Result};
use bonfire_conformance::Subject;
use bonfire_threads::engine::{Everywhere, LockedMask, Mask, Running, Threads};
use bonfire_threads::{Design, Options, Virtual};

/// A design, by name.
#[derive(Debug)]
pub(crate) struct Choosing {
    name: &'static str,
    open: fn(Options) -> io::Result<Box<dyn Subject>>,
}

/// The designs; the first is the default.
static DESIGNS: [Choosing; 5] = [
    Choosing::new::<Running>(),
    Choosing::new::<Everywhere>(),
    Choosing::new::<Mask>(),
    Choosing::new::<LockedMask>(),
    Choosing::new::<Threads>(),
];

impl Choosing {
    const fn new<D: Design>() -> Self {
        Self { name: D::NAME, open: |options| Ok(Box::new(Virtual::<D>::new(options)?)) }
    }

    pub(super) const fn name(&self) -> &'static str {
        self.name
    }

    /// Switches on a machine for it. Its chances come from `seed`.
    pub(super) fn open(&self, seed: u64) -> Result<Box<dyn Subject>> {
        let cpus = std::thread::available_parallelism().map_or(2, |cpus| cpus.get().clamp(2, 4));
        // With priority, if that is allowed: on a busy host virtual CPUs hardly meet.
        (self.open)(Options { cpus, seed, realtime: true, ..Options::default() })
            .context("cannot switch on a machine of threads")
    }
}

/// The design of this name, or the default.
pub(super) fn design(name: Option<&str>) -> Result<&'static Choosing, String> {
    let Some(name) = name else { return Ok(&DESIGNS[0]) };
    let found = DESIGNS.iter().find(|design| design.name == name);
    found.ok_or_else(|| format!("no such design; it is one of {}", names()))
}

/// What may stand behind `engine=`.
pub(super) fn names() -> String {
    DESIGNS.iter().map(Choosing::name).collect::<Vec<_>>().join("|")
}
