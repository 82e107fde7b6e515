//! Who answers a case: the kernel, or the fences that this project offers programs.
//!
//! A pair of fences is judged like a kernel. The threads of a case issue its
//! light fence where they would issue none, and every command that it stands
//! for becomes a call of the crate `bonfire`, registrations included. What a
//! program would get here is thereby tried with every shape and situation of
//! the suite: in front of this kernel, behind whatever filter is in force.

use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

use bonfire::{Barrier, Chosen, Filter, Policy, Refusal, Rseq, SyncCore, process, raw};
use bonfire_abi::{Call, Command, Commands, Cpu, Error, FLAG_CPU, Result, to_return};
use bonfire_conformance::{Case, Group};

use crate::sys;

/// The other side of a case's calls.
pub(crate) enum Caller {
    /// The kernel.
    Kernel,
    /// The crate `bonfire`, and the kernel behind it.
    Fences(Fences),
}

/// Which pair of fences a program chose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pair {
    /// The kernel's barrier, or none.
    Refuse,
    /// The kernel's barrier, or full fences on both sides.
    Full,
    /// The kernel's barrier, or a signal to every thread.
    Signal,
    /// `process::light` and `process::heavy`, which need no token.
    Process,
}

/// A pair of fences and the tokens of this process.
pub(crate) struct Fences {
    pair: Pair,
    chosen: OnceLock<Chosen>,
    sync_core: OnceLock<SyncCore>,
    rseq: OnceLock<Rseq>,
}

impl Caller {
    /// `membarrier` with these registers, and the raw value that it returned.
    pub(super) fn call(&self, registers: [u64; 3]) -> isize {
        let [cmd, flags, cpu_id] = registers;
        match self {
            Self::Kernel => sys::membarrier(registers),
            Self::Fences(fences) => to_return(fences.answer(Call::from_registers(cmd, flags, cpu_id))),
        }
    }

    /// Whether it is fences that are judged.
    pub(super) const fn has_fences(&self) -> bool {
        matches!(self, Self::Fences(_))
    }

    /// The fence of a thread that does not call, or in the `twin` none.
    pub(super) fn light(&self, twin: bool) {
        match self {
            Self::Fences(fences) if !twin => fences.light(),
            _ => bonfire_conformance::light(),
        }
    }
}

impl Pair {
    /// All of them; the first is the default.
    pub(crate) const ALL: [Self; 4] = [Self::Refuse, Self::Full, Self::Signal, Self::Process];

    /// Its name on the command line.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Refuse => "refuse",
            Self::Full => "full",
            Self::Signal => "signal",
            Self::Process => "process",
        }
    }

    /// Whether this case is about what the pair promises. Those of other groups
    /// compare answers that a program which uses the crate never sees; and a signal
    /// meets the threads of a process, not others who share its memory, nor whoever
    /// waits in `vfork` (see [`bonfire::Signal`]).
    pub(crate) fn is_judged_by(self, case: &Case) -> bool {
        let is_about_fences = matches!(case.group(), Group::Ordering | Group::SyncCore | Group::Rseq);
        is_about_fences && !(self == Self::Signal && case.lends_memory())
    }

    fn policy(self) -> Policy {
        match self {
            Self::Refuse | Self::Process => Policy::Refuse,
            Self::Full => Policy::Fences,
            Self::Signal => Policy::Signal(libc::SIGRTMIN() + 1),
        }
    }
}

impl Fences {
    pub(crate) fn new(pair: Pair) -> Self {
        Self { pair, chosen: OnceLock::new(), sync_core: OnceLock::new(), rseq: OnceLock::new() }
    }

    /// Answers a command as the kernel would, by what the crate does.
    fn answer(&self, call: Call) -> Result<u32> {
        let Some(command) = Command::from_number(call.number) else { return Err(Error::InvalidArgument) };
        match command {
            Command::Query => return self.offered().map(Commands::mask),
            Command::Global => bonfire::shared::heavy_everywhere().map_err(error)?,
            Command::RegisterPrivateExpedited => self.register()?,
            Command::PrivateExpedited => self.heavy()?,
            Command::RegisterSyncCore => _ = keep(&self.sync_core, SyncCore::register())?,
            Command::SyncCore => held(&self.sync_core)?.serialise(),
            Command::RegisterRseq => _ = keep(&self.rseq, Rseq::register())?,
            Command::Rseq => self.fence_sections(call)?,
            _ => return Err(Error::InvalidArgument),
        }
        Ok(0)
    }

    /// What a program can have of the crate here.
    fn offered(&self) -> Result<Commands> {
        let fences = [Command::RegisterPrivateExpedited, Command::PrivateExpedited];
        let others = [Command::Global, Command::RegisterSyncCore, Command::SyncCore];
        let others = others.into_iter().chain([Command::RegisterRseq, Command::Rseq]);
        let always = fences.into_iter().fold(Commands::NONE, Commands::with);
        match (raw::commands(), self.pair) {
            (Ok(kernel), _) => {
                Ok(others.filter(|&command| kernel.contains(command)).fold(always, Commands::with))
            }
            (Err(refusal), Pair::Refuse) => Err(error(refusal)),
            (Err(_), _) => Ok(always),
        }
    }

    fn register(&self) -> Result<()> {
        match (self.pair, self.pair.policy().register()) {
            // Without the kernel its fences are full ones on both sides.
            (Pair::Process, _) => Ok(()),
            (_, chosen) => keep(&self.chosen, chosen).map(drop),
        }
    }

    fn heavy(&self) -> Result<()> {
        match self.pair {
            // PAIRS(heavy): with `light`, of the other threads of the case.
            Pair::Process => process::heavy(),
            _ => held(&self.chosen)?.heavy(),
        }
        Ok(())
    }

    fn light(&self) {
        match self.pair {
            // PAIRS(heavy): with `heavy`, of the thread that calls.
            Pair::Process => process::light(),
            _ => self.chosen.get().map_or_else(bonfire::light, |chosen| chosen.light()),
        }
    }

    /// One CPU's sections, or everyone's, for which the kernel takes any
    /// negative number and the crate has a word.
    fn fence_sections(&self, call: Call) -> Result<()> {
        let rseq = held(&self.rseq)?;
        match u32::try_from(call.cpu_id) {
            Ok(cpu) if call.flags & FLAG_CPU != 0 => rseq.restart_on(Cpu(cpu)),
            _ => rseq.restart(),
        }
        Ok(())
    }
}

/// Keeps a token for the threads of this process.
fn keep<T: Copy>(cell: &OnceLock<T>, token: std::result::Result<T, Refusal>) -> Result<T> {
    let token = token.map_err(error)?;
    Ok(*cell.get_or_init(|| token))
}

/// The token that was kept: without one there is no fence to call.
fn held<T: Copy>(cell: &OnceLock<T>) -> Result<T> {
    cell.get().copied().ok_or(Error::NotRegistered)
}

/// The error that a kernel would give for this cause.
fn error(refusal: Refusal) -> Error {
    match refusal {
        Refusal::Filtered(Filter::Refuses(error)) => error,
        Refusal::OutOfMemory => Error::OutOfMemory,
        Refusal::NoSuchCommand(_) | Refusal::NohzFull => Error::InvalidArgument,
        _ => Error::NotSupported,
    }
}

impl FromStr for Pair {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let names = || Self::ALL.map(Self::name).join("|");
        let pair = Self::ALL.into_iter().find(|pair| pair.name() == text);
        pair.ok_or_else(|| format!("no such pair of fences; it is one of {}", names()))
    }
}

impl fmt::Display for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
