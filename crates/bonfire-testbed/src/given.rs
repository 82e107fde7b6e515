//! A program that the host gives the machine, as files of QEMU's `fw_cfg` device.

/// The ELF file.
pub const PROGRAM: &str = "opt/bonfire/program";
/// Its arguments, its own name first, each with a zero byte behind it.
pub const ARGUMENTS: &str = "opt/bonfire/arguments";
/// Its environment, likewise.
pub const ENVIRONMENT: &str = "opt/bonfire/environment";
