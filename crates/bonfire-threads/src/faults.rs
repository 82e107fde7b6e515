//! What a machine lacks on purpose, for twins that must be seen to fail.

use bonfire_engine::Site;

/// Barriers, core serialisations, and the poke, taken out by name.
///
/// ```
/// use bonfire_engine::Site;
/// use bonfire_threads::Faults;
///
/// let faults = Faults::NONE.without(Site::SysEntry);
/// assert!(faults.lacks(Site::SysEntry) && !faults.lacks(Site::SysExit));
/// assert!(!faults.lacks_poke());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults(u64);

/// A hook of the engine's that this kernel may forget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hook {
    /// [`Engine::switch`](bonfire_engine::Engine::switch).
    Switch,
    /// [`Engine::exit`](bonfire_engine::Engine::exit).
    Exit,
    /// [`Engine::exec`](bonfire_engine::Engine::exec).
    Exec,
    /// [`Engine::borrow_space`](bonfire_engine::Engine::borrow_space).
    BorrowSpace,
    /// [`Engine::return_space`](bonfire_engine::Engine::return_space).
    ReturnSpace,
    /// [`Engine::online`](bonfire_engine::Engine::online).
    Online,
    /// [`Engine::fork`](bonfire_engine::Engine::fork).
    Fork,
    /// [`Engine::offline`](bonfire_engine::Engine::offline): whoever waits for that CPU
    /// waits in vain.
    Offline,
    /// [`Engine::handle_poke`](bonfire_engine::Engine::handle_poke): likewise, on every
    /// CPU.
    HandlePoke,
}

/// The bit of the first hook; the others follow.
const HOOKS: u32 = 40;

/// The bit of the poke; the lowest are the sites, in their order.
const POKE: u64 = 1 << 63;
/// Those of what real kernels did.
const ABORTS: u64 = 1 << 62;
const GROUP: u64 = 1 << 61;

impl Faults {
    /// A machine as it should be.
    pub const NONE: Self = Self(0);
    /// Pokes are not sent, and nobody waits for an answer: a call that returns
    /// success and interrupts nobody.
    pub const NO_POKE: Self = Self(POKE);

    /// One abort of a restartable section in four is lost, as on Linux from 5.10 until
    /// 6eb350a22331: the interrupt of `RSEQ` leaves a note between the moments in which
    /// the way back to user mode reads what was left and clears it.
    pub const LOST_ABORTS: Self = Self(ABORTS);
    /// The walk over the threads of an address space meets those of one process, and
    /// nobody who shares the memory by `clone(CLONE_VM)` or `vfork`, as a walk of
    /// Linux 6.19 did. Matters to the design that walks.
    pub const WALK_OF_A_PROCESS: Self = Self(GROUP);

    /// Without the barrier or core serialisation `site`, too.
    #[must_use]
    pub const fn without(self, site: Site) -> Self {
        Self(self.0 | 1 << site as u32)
    }

    /// Whether `site` does nothing.
    #[must_use]
    #[inline]
    pub const fn lacks(self, site: Site) -> bool {
        self.0 & 1 << site as u32 != 0
    }

    /// Without this hook, too.
    #[must_use]
    pub const fn forgetting(self, hook: Hook) -> Self {
        Self(self.0 | 1 << (HOOKS + hook as u32))
    }

    /// Whether this hook is not called.
    #[must_use]
    #[inline]
    pub const fn forgets(self, hook: Hook) -> bool {
        self.0 & 1 << (HOOKS + hook as u32) != 0
    }

    /// Whether a caller may wait in vain, and gives up.
    #[must_use]
    pub(crate) const fn leaves_unanswered(self) -> bool {
        self.forgets(Hook::Offline) || self.forgets(Hook::HandlePoke)
    }

    /// Whether aborts are lost.
    #[must_use]
    pub(crate) const fn loses_aborts(self) -> bool {
        self.0 & ABORTS != 0
    }

    /// Whether the walk over threads meets one process only.
    #[must_use]
    pub(crate) const fn walks_a_process(self) -> bool {
        self.0 & GROUP != 0
    }

    /// Whether pokes are not sent.
    #[must_use]
    #[inline]
    pub const fn lacks_poke(self) -> bool {
        self.0 & POKE != 0
    }
}
