//! The designs of the engine, each on virtual CPUs made of threads.

use anyhow::{Context, Result, ensure};
use bonfire_conformance::Subject;
use bonfire_threads::Options;
use bonfire_threads::engine::{Design, NoSuchDesign};

use crate::hypervisor;

/// Where there can be none. QEMU 7.2 was seen to end the program at the first signal
/// whose handler goes on on another thread.
const NO_SIGNALS: &str = "the engine's virtual CPUs are interrupted by signals whose handlers move between \
     threads, which QEMU's emulator of programs does not carry; run it on a kernel, or under qemu-system";

/// A design that was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Choosing(Design);

impl Choosing {
    pub(super) const fn name(self) -> &'static str {
        self.0.name()
    }

    /// Switches on a machine for it. Its chances come from `seed`.
    pub(super) fn open(self, seed: u64) -> Result<Box<dyn Subject>> {
        ensure!(!hypervisor::is_program_emulated(), "{NO_SIGNALS}");
        let cpus = std::thread::available_parallelism().map_or(2, |cpus| cpus.get().clamp(2, 4));
        // With priority, if that is allowed: on a busy host virtual CPUs hardly meet.
        let options = Options { cpus, seed, realtime: true, ..Options::default() };
        bonfire_threads::subject(self.0, options).context("cannot switch on a machine of threads")
    }
}

/// The design of this name, or the default.
pub(super) fn design(name: Option<&str>) -> Result<Choosing, String> {
    let design = name.map_or(Ok(Design::default()), str::parse);
    design.map(Choosing).map_err(|error: NoSuchDesign| error.to_string())
}

/// What may stand behind `engine=`.
pub(super) fn names() -> String {
    Design::ALL.map(Design::name).join("|")
}
