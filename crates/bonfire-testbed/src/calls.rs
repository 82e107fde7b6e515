//! The numbers of the system calls: Linux's for x86-64, as far as the user program
//! needs them, and a few of the testbed's own, which Linux answers with `ENOSYS`.

/// `membarrier(2)`, by the one definition of its number.
pub const MEMBARRIER: u64 = match bonfire_abi::SYSTEM_CALL {
    Some(number) => number as u64,
    // The library compiles for a host without it; the testbed's machine has it.
    None => u64::MAX,
};

/// `write(2)`: to the serial line.
pub const WRITE: u64 = 1;
/// `mmap(2)`.
pub const MMAP: u64 = 9;
/// `sched_yield(2)`.
pub const SCHED_YIELD: u64 = 24;
/// `nanosleep(2)`.
pub const NANOSLEEP: u64 = 35;
/// `getpid(2)`: also the ordinary call of the twins.
pub const GETPID: u64 = 39;
/// `clone(2)`.
pub const CLONE: u64 = 56;
/// `fork(2)`.
pub const FORK: u64 = 57;
/// `vfork(2)`.
pub const VFORK: u64 = 58;
/// `execve(2)`.
pub const EXECVE: u64 = 59;
/// `exit(2)`: of the calling thread.
pub const EXIT: u64 = 60;
/// `wait4(2)`.
pub const WAIT4: u64 = 61;
/// `kill(2)`.
pub const KILL: u64 = 62;
/// `ftruncate(2)`.
pub const FTRUNCATE: u64 = 77;
/// `setpgid(2)`.
pub const SETPGID: u64 = 109;
/// `reboot(2)`: ends the machine.
pub const REBOOT: u64 = 169;
/// `gettid(2)`.
pub const GETTID: u64 = 186;
/// `futex(2)`.
pub const FUTEX: u64 = 202;
/// `sched_setaffinity(2)`.
pub const SCHED_SETAFFINITY: u64 = 203;
/// `sched_getaffinity(2)`.
pub const SCHED_GETAFFINITY: u64 = 204;
/// `clock_gettime(2)`.
pub const CLOCK_GETTIME: u64 = 228;
/// `exit_group(2)`.
pub const EXIT_GROUP: u64 = 231;
/// `getcpu(2)`.
pub const GETCPU: u64 = 309;
/// `memfd_create(2)`.
pub const MEMFD_CREATE: u64 = 319;
/// `rseq(2)`.
pub const RSEQ: u64 = 334;

/// `(cpu, site, *mut [u64; 3])`: how often the CPU passed the barrier of that
/// number, and how often it owed to, at the least and at the most.
pub const COUNTS: u64 = 0x1000;
/// `(cpu, online)`: takes a CPU offline, or online again.
pub const SET_ONLINE: u64 = 0x1001;
/// `(cpu, turns, *mut u32)`: starts a kernel thread that gets in between on that
/// CPU; with a word, it uses the caller's address space to count its turns there.
pub const BORROW: u64 = 0x1002;
/// `(cpu, *mut u32)`: starts a kernel thread on that CPU that uses the caller's
/// address space twice, and counts both in the word: once for a moment, then until
/// the word is 0.
pub const STAY: u64 = 0x1003;
/// `()`: how often the engine found that this kernel's hooks told no truth.
pub const MISMATCHES: u64 = 0x1004;
