//! The numbers that every architecture since arm64 has.

pub(crate) const WRITE: u64 = 64;
pub(crate) const MMAP: u64 = 222;
pub(crate) const CLONE: u64 = 220;
pub(crate) const EXECVE: u64 = 221;
pub(crate) const EXIT: u64 = 93;
pub(crate) const EXIT_GROUP: u64 = 94;
pub(crate) const WAIT4: u64 = 260;
pub(crate) const KILL: u64 = 129;
pub(crate) const GETPID: u64 = 172;
pub(crate) const FTRUNCATE: u64 = 46;
pub(crate) const MEMFD_CREATE: u64 = 279;
pub(crate) const REBOOT: u64 = 142;
pub(crate) const CLOCK_GETTIME: u64 = 113;
pub(crate) const SCHED_YIELD: u64 = 124;
