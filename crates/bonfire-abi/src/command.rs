//! The commands, one bit each, and the sets of them that `QUERY` returns.

use core::fmt;

/// A command of `membarrier(2)`.
///
/// The value of each is its number in the ABI; all but [`Query`](Self::Query)
/// are single bits, so that `QUERY` can return a set of them
/// ([`Commands`]). Versions are those of the Linux kernel in which a command
/// appeared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u32)]
pub enum Command {
    /// Which commands does this kernel have? Returns a mask. (4.3)
    #[doc(alias = "MEMBARRIER_CMD_QUERY")]
    Query = 0,
    /// Every running thread of the *system* passes a full barrier before the
    /// call returns. Waits for a grace period: milliseconds. (4.3; `SHARED`
    /// until 4.16)
    #[doc(alias = "MEMBARRIER_CMD_GLOBAL")]
    #[doc(alias = "MEMBARRIER_CMD_SHARED")]
    Global = 1 << 0,
    /// Every running thread of each process that *registered for this* passes
    /// a full barrier. The caller need not be registered. (4.16)
    #[doc(alias = "MEMBARRIER_CMD_GLOBAL_EXPEDITED")]
    GlobalExpedited = 1 << 1,
    /// Be a target of [`GlobalExpedited`](Self::GlobalExpedited). (4.16)
    #[doc(alias = "MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED")]
    RegisterGlobalExpedited = 1 << 2,
    /// Every running thread of the caller's address space passes a full
    /// barrier. (4.14)
    #[doc(alias = "MEMBARRIER_CMD_PRIVATE_EXPEDITED")]
    PrivateExpedited = 1 << 3,
    /// Opens the gate of [`PrivateExpedited`](Self::PrivateExpedited). (4.14)
    #[doc(alias = "MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED")]
    RegisterPrivateExpedited = 1 << 4,
    /// Every thread of the caller's address space, the caller included, passes
    /// a full barrier and serialises its instruction stream before it next
    /// runs in user mode. (4.16)
    #[doc(alias = "MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE")]
    SyncCore = 1 << 5,
    /// Opens the gate of [`SyncCore`](Self::SyncCore). (4.16)
    #[doc(alias = "MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE")]
    RegisterSyncCore = 1 << 6,
    /// Every running thread of the caller's address space, or the one on the
    /// CPU named with [`FLAG_CPU`], passes a full barrier and restarts the
    /// rseq critical section it is in. (5.10)
    #[doc(alias = "MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ")]
    Rseq = 1 << 7,
    /// Opens the gate of [`Rseq`](Self::Rseq). (5.10)
    #[doc(alias = "MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ")]
    RegisterRseq = 1 << 8,
    /// Which registrations does this address space hold? Returns a mask of
    /// `REGISTER_*` bits. (6.3)
    #[doc(alias = "MEMBARRIER_CMD_GET_REGISTRATIONS")]
    GetRegistrations = 1 << 9,
}

/// `MEMBARRIER_CMD_FLAG_CPU`: the third argument names a CPU. Legal with
/// [`Command::Rseq`] only.
#[doc(alias = "MEMBARRIER_CMD_FLAG_CPU")]
pub const FLAG_CPU: u32 = 1;

/// A kind of expedited barrier that has a registration of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flavour {
    /// [`Command::GlobalExpedited`].
    Global,
    /// [`Command::PrivateExpedited`].
    Private,
    /// [`Command::SyncCore`].
    SyncCore,
    /// [`Command::Rseq`].
    Rseq,
}

impl Command {
    /// Every command, in the order of their numbers.
    pub const ALL: [Self; 11] = [
        Self::Query,
        Self::Global,
        Self::GlobalExpedited,
        Self::RegisterGlobalExpedited,
        Self::PrivateExpedited,
        Self::RegisterPrivateExpedited,
        Self::SyncCore,
        Self::RegisterSyncCore,
        Self::Rseq,
        Self::RegisterRseq,
        Self::GetRegistrations,
    ];

    /// The command with this number, if there is one. An OR of two commands is
    /// not a command.
    #[must_use]
    #[inline]
    pub const fn from_number(number: i32) -> Option<Self> {
        Some(match number {
            0 => Self::Query,
            1 => Self::Global,
            2 => Self::GlobalExpedited,
            4 => Self::RegisterGlobalExpedited,
            8 => Self::PrivateExpedited,
            16 => Self::RegisterPrivateExpedited,
            32 => Self::SyncCore,
            64 => Self::RegisterSyncCore,
            128 => Self::Rseq,
            256 => Self::RegisterRseq,
            512 => Self::GetRegistrations,
            _ => return None,
        })
    }

    /// The number of this command in the ABI.
    #[must_use]
    pub const fn number(self) -> i32 {
        self as i32
    }

    /// The flavour that this command registers, if it is a registration.
    #[must_use]
    pub const fn registers(self) -> Option<Flavour> {
        match self {
            Self::RegisterGlobalExpedited => Some(Flavour::Global),
            Self::RegisterPrivateExpedited => Some(Flavour::Private),
            Self::RegisterSyncCore => Some(Flavour::SyncCore),
            Self::RegisterRseq => Some(Flavour::Rseq),
            _ => None,
        }
    }

    /// The flavour whose registration the caller of this command must hold.
    #[must_use]
    pub const fn needs(self) -> Option<Flavour> {
        match self {
            Self::PrivateExpedited => Some(Flavour::Private),
            Self::SyncCore => Some(Flavour::SyncCore),
            Self::Rseq => Some(Flavour::Rseq),
            _ => None,
        }
    }

    /// The field's name of this command, without its prefix.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Query => "QUERY",
            Self::Global => "GLOBAL",
            Self::GlobalExpedited => "GLOBAL_EXPEDITED",
            Self::RegisterGlobalExpedited => "REGISTER_GLOBAL_EXPEDITED",
            Self::PrivateExpedited => "PRIVATE_EXPEDITED",
            Self::RegisterPrivateExpedited => "REGISTER_PRIVATE_EXPEDITED",
            Self::SyncCore => "SYNC_CORE",
            Self::RegisterSyncCore => "REGISTER_SYNC_CORE",
            Self::Rseq => "RSEQ",
            Self::RegisterRseq => "REGISTER_RSEQ",
            Self::GetRegistrations => "GET_REGISTRATIONS",
        }
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Flavour {
    /// Every flavour.
    pub const ALL: [Self; 4] = [Self::Global, Self::Private, Self::SyncCore, Self::Rseq];

    /// The command that issues a barrier of this flavour.
    #[must_use]
    pub const fn command(self) -> Command {
        match self {
            Self::Global => Command::GlobalExpedited,
            Self::Private => Command::PrivateExpedited,
            Self::SyncCore => Command::SyncCore,
            Self::Rseq => Command::Rseq,
        }
    }

    /// The command that registers for this flavour.
    #[must_use]
    pub const fn registration(self) -> Command {
        match self {
            Self::Global => Command::RegisterGlobalExpedited,
            Self::Private => Command::RegisterPrivateExpedited,
            Self::SyncCore => Command::RegisterSyncCore,
            Self::Rseq => Command::RegisterRseq,
        }
    }
}

/// A set of commands, as `QUERY` returns it. `QUERY` itself is never in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Commands(u32);

impl Commands {
    /// No commands.
    pub const NONE: Self = Self(0);

    /// The set that `QUERY` returned.
    #[must_use]
    pub const fn from_mask(mask: u32) -> Self {
        Self(mask)
    }

    /// The value that `QUERY` returns for this set.
    #[must_use]
    pub const fn mask(self) -> u32 {
        self.0
    }

    /// This set and `command`.
    #[must_use]
    pub const fn with(self, command: Command) -> Self {
        Self(self.0 | command as u32)
    }

    /// Whether `command` is in the set. `QUERY` is in every set: a kernel that
    /// answered has it.
    #[must_use]
    pub const fn contains(self, command: Command) -> bool {
        self.0 & command as u32 == command as u32
    }

    /// The commands of this set that have a name here.
    pub fn iter(self) -> impl Iterator<Item = Command> {
        Command::ALL.into_iter().filter(move |&command| command != Command::Query && self.contains(command))
    }

    /// The bits that are no command known here: of a newer kernel, or nonsense.
    #[must_use]
    pub const fn unknown(self) -> u32 {
        self.0 & !0x3ff
    }
}

impl FromIterator<Command> for Commands {
    fn from_iter<I: IntoIterator<Item = Command>>(commands: I) -> Self {
        commands.into_iter().fold(Self::NONE, Self::with)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::format;

    #[test]
    fn a_command_is_its_number_and_no_other_number_is_a_command() {
        for number in -2048..=2048 {
            if let Some(command) = Command::from_number(number) {
                assert_eq!(command.number(), number);
            }
        }
        let named = (-2048..=2048).filter_map(Command::from_number).count();
        assert_eq!(named, Command::ALL.len());
    }

    #[test]
    fn the_full_set_is_what_linux_6_18_answers() {
        let all: Commands = Command::ALL.into_iter().collect();
        assert_eq!(all.mask(), 0x3ff);
        assert_eq!(all.unknown(), 0);
        assert_eq!(all.iter().count(), 10);
        assert_eq!(Commands::from_mask(0x400).unknown(), 0x400);
    }

    #[test]
    fn a_flavour_is_issued_and_registered_by_neighbours() {
        for flavour in Flavour::ALL {
            let registration = flavour.registration();
            assert_eq!(registration.number(), flavour.command().number() << 1);
            assert_eq!(registration.registers(), Some(flavour));
        }
        assert_eq!(Command::GlobalExpedited.needs(), None);
    }

    #[test]
    fn a_private_barrier_needs_its_flavour_and_nothing_else_needs_one() {
        let needed: [(Command, Flavour); 3] = [
            (Command::PrivateExpedited, Flavour::Private),
            (Command::SyncCore, Flavour::SyncCore),
            (Command::Rseq, Flavour::Rseq),
        ];
        for command in Command::ALL {
            let flavour = needed.iter().find(|(needs, _)| *needs == command).map(|&(_, flavour)| flavour);
            assert_eq!(command.needs(), flavour, "{command}");
        }
    }

    #[test]
    fn a_command_displays_as_its_field_s_name() {
        assert_eq!(format!("{:>10}|", Command::SyncCore), " SYNC_CORE|");
        for command in Command::ALL {
            let named = Command::ALL.into_iter().filter(|other| other.name() == command.name()).count();
            assert_eq!((named, format!("{command}").as_str()), (1, command.name()));
        }
    }

    #[test]
    fn a_set_has_what_was_put_in_however_often() {
        let set = Commands::NONE.with(Command::Rseq).with(Command::Rseq);
        let held = Command::ALL.into_iter().filter(|&command| set.contains(command));
        assert!(held.eq([Command::Query, Command::Rseq]));
    }
}
