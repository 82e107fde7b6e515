//! The `bonfire` command.

#![deny(unsafe_code)]

fn main() {}
