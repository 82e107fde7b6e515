//! The registrations that an address space holds, as `GET_REGISTRATIONS` tells.

use crate::{Command, Flavour};

/// A set of registrations, as a mask of `REGISTER_*` commands.
///
/// What Linux returns here is more than what was registered: a registration
/// for [`Flavour::SyncCore`] or [`Flavour::Rseq`] also reports
/// [`Flavour::Private`], whose gate stays shut. See [`reported`](Self::reported).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Registrations(u32);

impl Registrations {
    /// None.
    pub const NONE: Self = Self(0);

    /// The set that `GET_REGISTRATIONS` returned.
    #[must_use]
    pub const fn from_mask(mask: u32) -> Self {
        Self(mask)
    }

    /// The mask of `REGISTER_*` commands.
    #[must_use]
    pub const fn mask(self) -> u32 {
        self.0
    }

    /// This set and `flavour`.
    #[must_use]
    pub const fn with(self, flavour: Flavour) -> Self {
        Self(self.0 | flavour.registration() as u32)
    }

    /// Whether `flavour` is in the set.
    #[must_use]
    pub const fn contains(self, flavour: Flavour) -> bool {
        self.0 & flavour.registration() as u32 != 0
    }

    /// What Linux reports for a process that registered for just this set.
    ///
    /// ```
    /// use bonfire_abi::{Flavour, Registrations};
    /// let core = Registrations::NONE.with(Flavour::SyncCore);
    /// assert_eq!(core.reported().mask(), 0x50);
    /// ```
    #[must_use]
    pub const fn reported(self) -> Self {
        let implies_private = Command::RegisterSyncCore as u32 | Command::RegisterRseq as u32;
        if self.0 & implies_private != 0 { self.with(Flavour::Private) } else { self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reported_masks_are_those_seen_on_linux() {
        let reported = |flavours: &[Flavour]| {
            flavours.iter().fold(Registrations::NONE, |set, &f| set.with(f)).reported().mask()
        };
        assert_eq!(reported(&[]), 0);
        assert_eq!(reported(&[Flavour::Rseq]), 0x110);
        assert_eq!(reported(&[Flavour::SyncCore]), 0x50);
        assert_eq!(reported(&[Flavour::Global]), 0x4);
        assert_eq!(reported(&Flavour::ALL), 0x154);
    }

    #[test]
    fn a_set_has_what_was_put_in_however_often() {
        for flavour in Flavour::ALL {
            let set = Registrations::NONE.with(flavour).with(flavour);
            assert!(Flavour::ALL.into_iter().filter(|&other| set.contains(other)).eq([flavour]));
        }
    }
}
