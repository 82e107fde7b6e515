//! What an architecture gives without being asked: barriers that its kernels
//! pass anyway.
//!
//! "This site may be nothing on x86" is then a run and not an argument: the site
//! is taken out, what the architecture gives is put where its kernels have it,
//! and every scenario must hold ([`crate::minimal`]).

use crate::explorer::{Barrier, Memory};
use crate::vocabulary::Needs;

/// An architecture, and how a kernel for it switches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Architecture {
    /// Nothing that was not asked for, and memory as weak as the rules say. So
    /// is RISC-V, whose `satp` is no barrier.
    #[default]
    Bare,
    /// Loads overtake stores and nothing else does, a read-modify-write is a full
    /// barrier (so is a lock), and so is the load of `CR3` (SDM volume 3, 9.2 and
    /// 9.3).
    X86,
    /// `__switch_to` has a `dsb ish` between any two threads, which Linux's
    /// membarrier leans on. A kernel thread that borrows page tables is not switched,
    /// and gets none.
    Arm64,
}

impl Architecture {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Bare, Self::X86, Self::Arm64];

    /// The name on command lines and in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::X86 => "x86",
            Self::Arm64 => "arm64",
        }
    }

    /// How its memory behaves.
    #[must_use]
    pub const fn memory(self) -> Memory {
        match self {
            Self::Bare | Self::Arm64 => Memory::Weak,
            Self::X86 => Memory::Tso,
        }
    }

    /// Whether a kernel for it can have this machine: its ways of serialising a
    /// core are its own. On arm64 every exception return does, so there is nothing
    /// to ask of it.
    pub(crate) const fn can_have(self, needs: Needs) -> bool {
        match (self, needs) {
            (Self::Bare, _) | (_, Needs::Nothing | Needs::Rseq | Needs::Grace) => true,
            (Self::X86, Needs::CoreSyncX86 | Needs::CoreSyncX86Late) => true,
            (Self::X86 | Self::Arm64, _) => false,
        }
    }

    /// What a switch to another thread passes, after the hook.
    pub(crate) const fn thread_switch(self) -> Option<Barrier> {
        match self {
            Self::Bare | Self::X86 => None,
            Self::Arm64 => Some(Barrier::Full),
        }
    }

    /// What a change of page tables passes, after the hook.
    pub(crate) const fn space_change(self) -> Option<Barrier> {
        match self {
            Self::Bare | Self::Arm64 => None,
            Self::X86 => Some(Barrier::Full),
        }
    }
}
