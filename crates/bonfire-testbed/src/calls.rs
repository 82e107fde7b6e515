//! The system calls that the kernel serves: one table, from which come their numbers,
//! their names, what the kernel's dispatch is given, and the list in the README.
//!
//! The numbers are Linux's: those of x86-64, and those that younger architectures share,
//! where some calls are missing because others do the same. A few at the end are the
//! testbed's own, which Linux answers with `ENOSYS`. An argument has the type that Linux gives it: of an
//! `int` the upper half of the register says nothing, of an address all of it counts.

use crate::Architecture;
use core::fmt;

/// An address that a program passes: an allegation, until the kernel has looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address(pub u64);

/// A descriptor that a program passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Descriptor(pub u32);

/// How an argument is read from its register, and shown in a trace.
trait Argument: Copy {
    fn from_register(register: u64) -> Self;

    fn show(self, f: &mut fmt::Formatter<'_>) -> fmt::Result;
}

impl Argument for u64 {
    fn from_register(register: u64) -> Self {
        register
    }

    fn show(self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show_number(self, f)
    }
}

impl Argument for u32 {
    fn from_register(register: u64) -> Self {
        register as Self
    }

    fn show(self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show_number(self.into(), f)
    }
}

impl Argument for i32 {
    fn from_register(register: u64) -> Self {
        register as Self
    }

    fn show(self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl Argument for Address {
    fn from_register(register: u64) -> Self {
        Self(register)
    }

    fn show(self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(address) = self;
        if address == 0 { f.write_str("null") } else { write!(f, "{address:#x}") }
    }
}

impl Argument for Descriptor {
    fn from_register(register: u64) -> Self {
        Self(register as u32)
    }

    fn show(self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HERE => f.write_str("AT_FDCWD"),
            Self(number) => write!(f, "{}", number as i32),
        }
    }
}

/// The folder that names without a beginning are in: Linux's `AT_FDCWD`.
pub const HERE: Descriptor = Descriptor(-100i32 as u32);

/// What is large is an address, or flags.
fn show_number(number: u64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    const LARGE: u64 = 1 << 16;
    if number < LARGE { write!(f, "{number}") } else { write!(f, "{number:#x}") }
}

/// What a call returned, as a trace shows it.
#[derive(Clone, Copy, Debug)]
pub struct Returned(pub Result<u64, isize>);

impl fmt::Display for Returned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Ok(value) => show_number(value, f),
            Err(error) => f.write_str(crate::names::of_error(error.unsigned_abs() as u64)),
        }
    }
}

/// A number in the table, or none.
macro_rules! number {
    (none) => {
        None
    };
    ($number:literal) => {
        Some($number)
    };
}

macro_rules! calls {
    ($($variant:ident = $x86_64:tt / $others:tt, $name:ident($($argument:ident: $kind:ty),*): $served:literal;)*) => {
        /// A system call, by its name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Sysnum {
            $(
                #[doc = concat!("`", stringify!($name), "`: ", $served, ".")]
                $variant,
            )*
        }

        impl Sysnum {
            /// All that are served.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// Its number on an architecture, if there is such a call.
            #[must_use]
            pub const fn number_on(self, architecture: Architecture) -> Option<u64> {
                let (x86_64, others) = match self {
                    $(Self::$variant => (number!($x86_64), number!($others)),)*
                };
                match architecture {
                    Architecture::X86_64 => x86_64,
                    Architecture::Aarch64 | Architecture::Riscv64 => others,
                }
            }

            /// Its number on the architecture that this is compiled for.
            #[must_use]
            pub const fn number(self) -> Option<u64> {
                self.number_on(Architecture::OWN)
            }

            /// Its name, as Linux has it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => stringify!($name),)*
                }
            }

            /// The names of its arguments.
            #[must_use]
            pub const fn arguments(self) -> &'static [&'static str] {
                match self {
                    $(Self::$variant => &[$(stringify!($argument)),*],)*
                }
            }

            /// What of it is served.
            #[must_use]
            pub const fn served(self) -> &'static str {
                match self {
                    $(Self::$variant => $served,)*
                }
            }
        }

        /// A system call with its arguments.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[expect(missing_docs, reason = "the arguments are Linux's; the table says what is served")]
        pub enum Request {
            $(
                #[doc = concat!("[`Sysnum::", stringify!($variant), "`]")]
                $variant { $($argument: $kind),* },
            )*
        }

        impl Request {
            /// What a program asks for by a number and six registers; `None` if that is
            /// not served.
            #[must_use]
            pub fn decode(number: u64, registers: [u64; 6]) -> Option<Self> {
                let mut registers = registers.into_iter();
                $(if const { Sysnum::$variant.number() } == Some(number) {
                    $(let $argument = <$kind>::from_register(registers.next()?);)*
                    return Some(Self::$variant { $($argument),* });
                })*
                None
            }
        }

        /// The call with its arguments, for a trace.
        impl fmt::Display for Request {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match *self {
                    $(Self::$variant { $($argument),* } => {
                        f.write_str(concat!(stringify!($name), "("))?;
                        let mut _between = "";
                        $(
                            write!(f, "{}{}: ", _between, stringify!($argument))?;
                            $argument.show(f)?;
                            _between = ", ";
                        )*
                    })*
                }
                f.write_str(")")
            }
        }
    };
}

calls! {
    Read = 0 / 63, read(descriptor: Descriptor, to: Address, length: u64):
        "nothing from standard input";
    Write = 1 / 64, write(descriptor: Descriptor, from: Address, length: u64):
        "the serial line is standard output and error";
    Open = 2 / none, open(path: Address, flags: u32): "as `openat`";
    Close = 3 / 57, close(descriptor: Descriptor): "all of it";
    Stat = 4 / none, stat(path: Address, status: Address): "as `fstat`; there are no links but `/proc/self/exe`";
    Fstat = 5 / 80, fstat(descriptor: Descriptor, status: Address): "the kind of the file, and its length";
    Lstat = 6 / none, lstat(path: Address, status: Address): "as `stat`";
    Poll = 7 / none, poll(descriptors: Address, count: u64, timeout: i32): "all of it";
    Lseek = 8 / 62, lseek(descriptor: Descriptor, offset: u64, from: u32): "in files and memory files";
    Mmap = 9 / 222, mmap(at: Address, length: u64, protection: u32, flags: u32, file: Descriptor, offset: u64):
        "anonymous memory, private or shared; memory files, shared; files of the host's, copied at once; `MAP_FIXED`, `MAP_FIXED_NOREPLACE`, `MAP_POPULATE`";
    Mprotect = 10 / 226, mprotect(at: Address, length: u64, protection: u32): "all of it but keys";
    Munmap = 11 / 215, munmap(at: Address, length: u64): "all of it";
    Brk = 12 / 214, brk(end: Address): "all of it";
    RtSigaction = 13 / 134, rt_sigaction(signal: i32, action: Address, old: Address, length: u64):
        "with `SA_RESTART`, `SA_ONSTACK`, `SA_NODEFER`, `SA_RESETHAND`; of `siginfo`, the signal and a fault's address";
    RtSigprocmask = 14 / 135, rt_sigprocmask(how: u32, set: Address, old: Address, length: u64): "all of it";
    RtSigreturn = 15 / 139, rt_sigreturn(): "all registers, those of floating point too";
    Ioctl = 16 / 29, ioctl(descriptor: Descriptor, request: u32, argument: u64): "nothing here is a terminal: `ENOTTY`";
    Pread64 = 17 / 67, pread64(descriptor: Descriptor, to: Address, length: u64, offset: u64): "in files and memory files";
    Pwrite64 = 18 / 68, pwrite64(descriptor: Descriptor, from: Address, length: u64, offset: u64): "in memory files";
    Readv = 19 / 65, readv(descriptor: Descriptor, parts: Address, count: u32): "as `read`";
    Writev = 20 / 66, writev(descriptor: Descriptor, parts: Address, count: u32): "as `write`";
    Access = 21 / none, access(path: Address, how: u32): "what there is can be read, and not written";
    Pipe = 22 / none, pipe(descriptors: Address): "all of it";
    SchedYield = 24 / 124, sched_yield(): "the next thread that waits has its turn";
    Madvise = 28 / 233, madvise(at: Address, length: u64, advice: u32):
        "`MADV_DONTNEED` and `MADV_FREE` drop private pages; other advice is not needed";
    Dup = 32 / 23, dup(descriptor: Descriptor): "all of it";
    Dup2 = 33 / none, dup2(from: Descriptor, to: Descriptor): "all of it";
    Pause = 34 / none, pause(): "all of it";
    Nanosleep = 35 / 101, nanosleep(time: Address, left: Address): "all of it";
    Getpid = 39 / 172, getpid(): "also the ordinary call of the twins";
    Clone = 56 / none, clone(flags: u64, stack: Address, parent_id: Address, child_id: Address, thread_pointer: u64):
        "a thread, or a process in the same memory, or a fork";
    CloneBackwards = none / 220, clone(flags: u64, stack: Address, parent_id: Address, thread_pointer: u64, child_id: Address):
        "likewise";
    Fork = 57 / none, fork(): "memory is copied at once";
    Vfork = 58 / none, vfork(): "the caller waits until the child leaves its memory";
    Execve = 59 / 221, execve(path: Address, arguments: Address, environment: Address):
        "of itself, by `/proc/self/exe`, `/program` or its first argument; its other threads end";
    Exit = 60 / 93, exit(status: i32): "of the calling thread";
    Wait4 = 61 / 260, wait4(process: i32, status: Address, options: u32): "a process, a group, or any; `WNOHANG`; without the usage";
    Kill = 62 / 129, kill(process: i32, signal: i32): "a process, a group, or all; no signal stops a process";
    Uname = 63 / 160, uname(names: Address): "Linux, of the version whose calls these are";
    Fcntl = 72 / 25, fcntl(descriptor: Descriptor, command: u32, argument: u64): "`F_DUPFD`, `F_DUPFD_CLOEXEC`, `F_GETFD`, `F_SETFD`, `F_GETFL`, `F_SETFL`";
    Ftruncate = 77 / 46, ftruncate(file: Descriptor, length: u64): "makes a memory file longer";
    Readlink = 89 / none, readlink(path: Address, to: Address, length: u64): "`/proc/self/exe`";
    Getuid = 102 / 174, getuid(): "0, as all of the four";
    Getgid = 104 / 176, getgid(): "0";
    Geteuid = 107 / 175, geteuid(): "0";
    Getegid = 108 / 177, getegid(): "0";
    Setpgid = 109 / 154, setpgid(process: i32, group: i32): "the caller or a child, to a group of its own or one that is there";
    Getppid = 110 / 173, getppid(): "all of it";
    Getpgrp = 111 / none, getpgrp(): "all of it";
    Getpgid = 121 / 155, getpgid(process: i32): "all of it";
    Sigaltstack = 131 / 132, sigaltstack(stack: Address, old: Address): "all of it but `SS_AUTODISARM`";
    Getpriority = 140 / 141, getpriority(which: u32, who: u32): "what was set";
    Setpriority = 141 / 140, setpriority(which: u32, who: u32, nice: i32): "kept and told: turns are equal; `EACCES` for less nice, as without `CAP_SYS_NICE`";
    SchedSetscheduler = 144 / 119, sched_setscheduler(thread: i32, policy: u32, parameter: Address): "`EPERM` for real time, as without `CAP_SYS_NICE`";
    SchedGetscheduler = 145 / 120, sched_getscheduler(thread: i32): "`SCHED_OTHER`";
    Prctl = 157 / 167, prctl(option: u32, argument: u64): "`PR_SET_PDEATHSIG`, `PR_SET_CHILD_SUBREAPER`, and `PR_GET_` of both; `PR_SET_NAME`, which nothing shows";
    ArchPrctl = 158 / none, arch_prctl(what: u32, address: u64): "`ARCH_SET_FS`, `ARCH_GET_FS`";
    Reboot = 169 / 142, reboot(): "ends the machine";
    Gettid = 186 / 178, gettid(): "all of it";
    Tkill = 200 / 130, tkill(thread: u32, signal: i32): "all of it";
    Futex = 202 / 98, futex(word: Address, operation: u32, value: u32, timeout: Address, second: Address, third: u32):
        "`FUTEX_WAIT`, `FUTEX_WAIT_BITSET`, `FUTEX_WAKE`, `FUTEX_WAKE_BITSET`, `FUTEX_REQUEUE`, `FUTEX_CMP_REQUEUE`, by either clock";
    SchedSetaffinity = 203 / 122, sched_setaffinity(thread: u32, length: u32, cpus: Address):
        "any thread's";
    SchedGetaffinity = 204 / 123, sched_getaffinity(thread: u32, length: u32, cpus: Address):
        "any thread's";
    SetTidAddress = 218 / 96, set_tid_address(word: Address): "all of it";
    RestartSyscall = 219 / 128, restart_syscall(): "a wait that a signal ended without a handler goes on";
    ClockGettime = 228 / 113, clock_gettime(clock: u32, time: Address): "`CLOCK_REALTIME`, `CLOCK_MONOTONIC` and what stands for them";
    ClockGetres = 229 / 114, clock_getres(clock: u32, time: Address): "a nanosecond";
    ClockNanosleep = 230 / 115, clock_nanosleep(clock: u32, flags: u32, time: Address, left: Address):
        "for a time or until one";
    ExitGroup = 231 / 94, exit_group(status: i32): "all of it";
    Tgkill = 234 / 131, tgkill(process: i32, thread: u32, signal: i32): "any thread";
    Openat = 257 / 56, openat(folder: Descriptor, path: Address, flags: u32):
        "for reading: what came with `--file`; `/proc/self/maps` and `status`, `/proc/cpuinfo`, `interrupts`, `device-tree/compatible` (not on x86-64) and `sys/kernel/*`, `/sys/devices/system/cpu/online`, `present` and `possible`; `/dev/null`";
    Newfstatat = 262 / 79, newfstatat(folder: Descriptor, path: Address, status: Address, flags: u32):
        "as `stat`, or with an empty path as `fstat`";
    Readlinkat = 267 / 78, readlinkat(folder: Descriptor, path: Address, to: Address, length: u64): "as `readlink`";
    Faccessat = 269 / 48, faccessat(folder: Descriptor, path: Address, how: u32): "as `access`";
    Ppoll = 271 / 73, ppoll(descriptors: Address, count: u64, timeout: Address, mask: Address):
        "as `poll`, without a mask";
    SetRobustList = 273 / 99, set_robust_list(list: Address, length: u64):
        "all of it but locks that lend priority";
    Eventfd2 = 290 / 19, eventfd2(value: u32, flags: u32): "all of it";
    Dup3 = 292 / 24, dup3(from: Descriptor, to: Descriptor, flags: u32): "all of it";
    Pipe2 = 293 / 59, pipe2(descriptors: Address, flags: u32): "but `O_DIRECT` and notifications";
    Prlimit64 = 302 / 261, prlimit64(process: i32, resource: u32, new: Address, old: Address):
        "reads the limits: a stack of 8 MiB, the rest unlimited";
    Getcpu = 309 / 168, getcpu(cpu: Address, node: Address): "all of it; there is one node";
    SchedSetattr = 314 / 274, sched_setattr(thread: i32, attributes: Address, flags: u32): "as `setpriority` and `sched_setscheduler`";
    Getrandom = 318 / 278, getrandom(to: Address, length: u64, flags: u32): "numbers that differ, and are no secret";
    MemfdCreate = 319 / 279, memfd_create(name: Address, flags: u32): "all of it but seals and huge pages";
    Membarrier = 324 / 283, membarrier(command: u64, flags: u64, cpu: u64): "all of it: the engine";
    Statx = 332 / 291, statx(folder: Descriptor, path: Address, flags: u32, mask: u32, status: Address):
        "the kind, the mode and the length";
    Rseq = 334 / 293, rseq(area: Address, length: u32, flags: u32, signature: u32): "an area of 32 bytes, as kernels before 6.3";
    Clone3 = 435 / 435, clone3(arguments: Address, length: u64): "as `clone`, in its first size, and `CLONE_CLEAR_SIGHAND`";
    Counts = 0x1000 / 0x1000, bonfire_counts(cpu: u64, site: u64, counts: Address):
        "`*mut [u64; 3]`: how often the CPU passed the barrier of that number, and how often it owed to, at the least and at the most";
    SetOnline = 0x1001 / 0x1001, bonfire_set_online(cpu: u64, online: u64): "takes a CPU offline, or online again";
    Borrow = 0x1002 / 0x1002, bonfire_borrow(cpu: u64, turns: u64, word: Address):
        "starts a kernel thread that gets in between on that CPU; with a word, it uses the caller's address space to count its turns there";
    Stay = 0x1003 / 0x1003, bonfire_stay(cpu: u64, word: Address):
        "starts a kernel thread on that CPU that uses the caller's address space twice, and counts both in the word: once for a moment, then until the word is 0";
    Mismatches = 0x1004 / 0x1004, bonfire_mismatches(): "how often the engine found that this kernel's hooks told no truth";
}

/// A row of the README's table.
pub struct Row(pub Sysnum);

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(call) = self;
        for architecture in [Architecture::X86_64, Architecture::Aarch64] {
            match call.number_on(architecture) {
                Some(number) => write!(f, "| {number} ")?,
                None => f.write_str("| – ")?,
            }
        }
        write!(f, "| `{}(", call.name())?;
        for (place, argument) in call.arguments().iter().enumerate() {
            write!(f, "{}{argument}", if place == 0 { "" } else { ", " })?;
        }
        write!(f, ")` | {} |", call.served())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::String;

    /// The README's table, as this definition has it. When it differs, the test
    /// prints the table to put there.
    #[test]
    fn the_readme_lists_what_is_served() {
        let rows = Sysnum::ALL.iter().map(|&call| std::format!("{}\n", Row(call)));
        let table: String = core::iter::once(
            "| x86-64 | aarch64, riscv64 | call | what is served |\n|---|---|---|---|\n".into(),
        )
        .chain(rows)
        .collect();
        let readme = include_str!("../README.md");
        assert!(readme.contains(&table), "README.md should list\n\n{table}");
    }

    #[test]
    fn no_number_is_there_twice() {
        for architecture in Architecture::ALL {
            let mut numbers: std::vec::Vec<u64> =
                Sysnum::ALL.iter().filter_map(|call| call.number_on(architecture)).collect();
            numbers.sort_unstable();
            assert!(numbers.windows(2).all(|pair| pair[0] != pair[1]), "{architecture}: {numbers:?}");
        }
    }

    #[test]
    fn membarrier_has_the_number_that_the_definition_of_the_call_has() {
        if Architecture::ALL.iter().any(|one| one.name() == std::env::consts::ARCH) {
            assert_eq!(Sysnum::Membarrier.number(), bonfire_abi::SYSTEM_CALL.map(|number| number as u64));
        }
    }

    fn decode(call: Sysnum, registers: [u64; 6]) -> Option<Request> {
        Request::decode(call.number()?, registers)
    }

    #[test]
    fn a_request_takes_its_registers_in_order_and_as_wide_as_its_types() {
        let registers = [0xffff_ffff_0000_0001, 2 << 40, 3, 4, 5, 6];
        assert_eq!(
            decode(Sysnum::Write, registers),
            Some(Request::Write { descriptor: Descriptor(1), from: Address(2 << 40), length: 3 })
        );
        let exit = decode(Sysnum::Exit, [u64::from(u32::MAX), 0, 0, 0, 0, 0]);
        assert_eq!(exit, Some(Request::Exit { status: -1 }));
        assert_eq!(Request::decode(u64::MAX - 1, registers), None);
    }

    #[test]
    fn a_trace_names_what_was_asked_and_what_came_of_it() {
        let open = decode(Sysnum::Openat, [-100i64 as u64, 0, 0x8_0000, 0, 0, 0]).unwrap();
        assert_eq!(std::format!("{open}"), "openat(folder: AT_FDCWD, path: null, flags: 0x80000)");
        let pid = decode(Sysnum::Getpid, [0; 6]).unwrap();
        assert_eq!(std::format!("{pid} = {}", Returned(Ok(7))), "getpid() = 7");
        assert_eq!(std::format!("{}", Returned(Err(-2))), "ENOENT");
        assert_eq!(std::format!("{}", Returned(Err(-516))), "?, a signal came");
    }
}
