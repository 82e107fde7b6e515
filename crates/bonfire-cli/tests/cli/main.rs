//! The `bonfire` command from the outside: the real binary, run as users,
//! scripts and other programs run it.

mod bench;
mod command;
mod fences;
mod filters;
mod interrupts;
mod needs;
mod report;
#[cfg(not(target_arch = "s390x"))]
mod scale;
mod support;
