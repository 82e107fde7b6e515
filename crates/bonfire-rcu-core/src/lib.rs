#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

mod grace;
mod hazard;
mod machine;
mod record;
mod roster;
mod site;

pub use grace::{Grace, Ticket};
pub use hazard::{ANY, Slot, hold, let_go, scan};
pub use machine::{Lock, Machine, Word};
pub use record::{Depth, OUTSIDE, Record, enter, enter_alone, leave, leave_alone, may_be_alone};
pub use roster::{Claimable, Roster, Table};
pub use site::{Kind, Site};
