//! The `bonfire` command from the outside: the real binary, run as users,
//! scripts and other programs run it.

mod bench;
mod command;
mod fences;
mod filters;
mod needs;
mod report;
mod support;
