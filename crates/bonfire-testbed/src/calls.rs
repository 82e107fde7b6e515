//! System calls that Linux does not have. Linux answers them with `ENOSYS`.

/// `(cpu, site, *mut [u64; 3])`: how often the CPU passed the barrier of that
/// number, and how often it owed to, at the least and at the most.
pub const COUNTS: u64 = 0x1000;
/// `(cpu, online)`: takes a CPU offline, or online again.
pub const SET_ONLINE: u64 = 0x1001;
/// `(cpu, turns, *mut u32)`: starts a kernel thread that gets in between on that
/// CPU; with a word, it uses the caller's address space to count its turns there.
pub const BORROW: u64 = 0x1002;
