//! The five designs, as values: for command lines, reports and tables.

use core::fmt;
use core::str::FromStr;

/// Which of the five ways to choose CPUs. Each has a type of the same name,
/// which implements [`Targets`](crate::Targets).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Design {
    /// [`Everywhere`](crate::Everywhere).
    Everywhere,
    /// [`Running`](crate::Running), the default.
    #[default]
    Running,
    /// [`Mask`](crate::Mask).
    Mask,
    /// [`LockedMask`](crate::LockedMask).
    LockedMask,
    /// [`Threads`](crate::Threads).
    Threads,
}

impl Design {
    /// All five.
    pub const ALL: [Self; 5] = [Self::Everywhere, Self::Running, Self::Mask, Self::LockedMask, Self::Threads];

    /// The name on command lines and in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Everywhere => "everywhere",
            Self::Running => "running",
            Self::Mask => "mask",
            Self::LockedMask => "locked-mask",
            Self::Threads => "threads",
        }
    }
}

impl fmt::Display for Design {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// There is no design of that name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoSuchDesign;

impl fmt::Display for NoSuchDesign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no such design; it is one of ")?;
        for (place, design) in Design::ALL.into_iter().enumerate() {
            write!(f, "{}{design}", if place == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

impl core::error::Error for NoSuchDesign {}

impl FromStr for Design {
    type Err = NoSuchDesign;

    fn from_str(name: &str) -> Result<Self, NoSuchDesign> {
        Self::ALL.into_iter().find(|design| design.name() == name).ok_or(NoSuchDesign)
    }
}

/// Evaluates an expression with the type of a design whose value is known at run
/// time: for machines that several designs run on.
///
/// ```
/// use bonfire_engine::{Design, for_design};
/// fn bytes(design: Design) -> usize {
///     for_design!(design, D => size_of::<D>())
/// }
/// assert!(Design::ALL.into_iter().all(|design| bytes(design) == 0));
/// ```
#[macro_export]
macro_rules! for_design {
    ($design:expr, $D:ident => $body:expr) => {
        match $design {
            $crate::Design::Everywhere => {
                type $D = $crate::Everywhere;
                $body
            }
            $crate::Design::Running => {
                type $D = $crate::Running;
                $body
            }
            $crate::Design::Mask => {
                type $D = $crate::Mask;
                $body
            }
            $crate::Design::LockedMask => {
                type $D = $crate::LockedMask;
                $body
            }
            $crate::Design::Threads => {
                type $D = $crate::Threads;
                $body
            }
        }
    };
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::ToString;

    #[test]
    fn a_design_is_read_as_it_is_shown_and_a_wrong_name_lists_the_right_ones() {
        for design in Design::ALL {
            assert_eq!(design.to_string().parse(), Ok(design));
        }
        let error = "walk".parse::<Design>().unwrap_err().to_string();
        assert_eq!(error, "no such design; it is one of everywhere, running, mask, locked-mask, threads");
    }
}
