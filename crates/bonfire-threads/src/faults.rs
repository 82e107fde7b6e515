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
}

/// The bit of the first hook; the others follow.
const HOOKS: u32 = 40;

/// The bit of the poke; those below are the sites, in their order.
const POKE: u64 = 1 << 63;

impl Faults {
    /// A machine as it should be.
    pub const NONE: Self = Self(0);
    /// Pokes are not sent, and nobody waits for an answer: a call that returns
    /// success and interrupts nobody.
    pub const NO_POKE: Self = Self(POKE);

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

    /// Whether pokes are not sent.
    #[must_use]
    #[inline]
    pub const fn lacks_poke(self) -> bool {
        self.0 & POKE != 0
    }
}
