//! The number of the system call, which each architecture chose for itself.

/// The number of `membarrier` on this architecture under Linux, or `None`
/// where it is not known here.
///
/// From the architectures' own tables; those that have none use the generic
/// one (283).
pub const SYSTEM_CALL: Option<usize> = if cfg!(all(target_arch = "x86_64", target_pointer_width = "32")) {
    Some(0x4000_0000 + 324)
} else if cfg!(target_arch = "x86_64") {
    Some(324)
} else if cfg!(target_arch = "x86") {
    Some(375)
} else if cfg!(target_arch = "arm") {
    Some(389)
} else if cfg!(any(target_arch = "powerpc", target_arch = "powerpc64")) {
    Some(365)
} else if cfg!(target_arch = "s390x") {
    Some(356)
} else if cfg!(target_arch = "mips") {
    Some(4000 + 358)
} else if cfg!(all(target_arch = "mips64", target_pointer_width = "64")) {
    Some(5000 + 318)
} else if cfg!(any(target_arch = "sparc", target_arch = "sparc64")) {
    Some(351)
} else if cfg!(target_arch = "m68k") {
    Some(374)
} else if cfg!(any(
    target_arch = "aarch64",
    target_arch = "riscv32",
    target_arch = "riscv64",
    target_arch = "loongarch64",
    target_arch = "hexagon",
    target_arch = "csky"
)) {
    Some(283)
} else {
    None
};
