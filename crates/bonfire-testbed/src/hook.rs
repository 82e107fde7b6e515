//! The hooks of the engine, by the names that a command line has for them.

use core::fmt;

/// A hook that this kernel may be told to forget: what a port that has it not
/// would be like.
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
    /// [`Engine::before_user`](bonfire_engine::Engine::before_user).
    BeforeUser,
    /// [`Engine::offline`](bonfire_engine::Engine::offline).
    Offline,
    /// [`Engine::handle_poke`](bonfire_engine::Engine::handle_poke).
    HandlePoke,
}

impl Hook {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Switch,
        Self::Exit,
        Self::Exec,
        Self::BorrowSpace,
        Self::ReturnSpace,
        Self::Online,
        Self::Fork,
        Self::BeforeUser,
        Self::Offline,
        Self::HandlePoke,
    ];

    /// Its name, as the engine has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Switch => "switch",
            Self::Exit => "exit",
            Self::Exec => "exec",
            Self::BorrowSpace => "borrow_space",
            Self::ReturnSpace => "return_space",
            Self::Online => "online",
            Self::Fork => "fork",
            Self::BeforeUser => "before_user",
            Self::Offline => "offline",
            Self::HandlePoke => "handle_poke",
        }
    }

    /// The hook of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|hook| hook.name() == name)
    }
}

impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A set of hooks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hooks(u32);

impl Hooks {
    /// This one, too.
    #[must_use]
    pub const fn with(self, hook: Hook) -> Self {
        Self(self.0 | 1 << hook as u32)
    }

    /// Whether it is in the set.
    #[must_use]
    pub const fn contains(self, hook: Hook) -> bool {
        self.0 & 1 << hook as u32 != 0
    }

    /// The set as a number, for a word that is shared.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// The set of that number.
    #[must_use]
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }
}
