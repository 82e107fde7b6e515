//! The `bonfire` command.
fn main() {}
