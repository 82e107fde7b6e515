//! Planted faults: small wrong engines, each with its cure, which the explorer
//! must tell apart.
//!
//! [`protocol`] has the seven faults of the obvious way to make requests.
//! [`linux`] has faults that Linux had, or has, in this very code, where they
//! are not simply a site of ours taken out; [`stale_mark`] one more.

pub mod linux;
pub mod protocol;
pub mod stale_mark;

use crate::explorer::Test;

/// A fault and its cure.
pub struct Planted {
    /// What it is called.
    pub name: &'static str,
    /// What is wrong.
    pub about: &'static str,
    /// Where it is known from.
    pub cites: &'static str,
    /// The wrong program, or, if the argument is `true`, the cured one.
    pub test: fn(cured: bool) -> Test,
}

/// All of them.
#[must_use]
pub fn all() -> Vec<Planted> {
    protocol::faults().into_iter().chain(linux::faults()).chain([stale_mark::STALE_MARK]).collect()
}
