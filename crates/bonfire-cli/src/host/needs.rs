//! The system calls that the suite makes on a kernel, and what is lost without each.
//!
//! It is for those whose kernel is young: what is printed here is the order in which
//! to add calls. `tests/cli/needs.rs` denies each of them in turn, and holds the
//! table to what becomes of the run.

use bonfire_conformance::{Case, Group};

/// One system call, or several that stand in for each other.
pub(crate) struct Need {
    /// By name; of several, the first that the kernel has is used.
    pub(crate) calls: &'static [&'static str],
    /// What it is for.
    pub(crate) purpose: &'static str,
    /// What is lost without.
    pub(crate) lost: Lost,
}

/// What is lost without a call.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lost {
    /// Every case, or the run itself: nothing starts.
    Everything,
    /// The cases in which a process becomes a new program image.
    Images,
    /// The cases that place threads on CPUs.
    Places,
    /// The cases with restartable sequences.
    Sections,
    /// No case; this is done in its place.
    Nothing(&'static str),
}

const fn need(calls: &'static [&'static str], purpose: &'static str, lost: Lost) -> Need {
    Need { calls, purpose, lost }
}

use Lost::{Everything, Images, Nothing, Places, Sections};

/// All of them: first what everything rests on.
pub(crate) static NEEDS: &[Need] = &[
    need(&["membarrier"], "what is judged", Everything),
    need(&["execve", "exit_group", "write"], "this program: its start, its end, its report", Everything),
    need(&["mmap"], "memory, and the part of it that processes share", Everything),
    need(&["clone"], "processes, by fork and with CLONE_VM, and threads", Everything),
    need(&["wait4"], "the end of a process", Everything),
    need(&["futex"], "the end of a thread", Everything),
    need(&["rt_sigaction", "poll"], "the start of Rust's runtime", Everything),
    need(&["memfd_create"], "memory that a new program image finds again", Images),
    need(&["ftruncate"], "its length", Nothing("zeros are written")),
    need(&["sched_setaffinity"], "a thread's place on a CPU", Places),
    need(&["sched_getaffinity"], "the list of CPUs", Nothing("each is tried")),
    need(&["rseq"], "restartable sequences, by the C library", Sections),
    need(&["clone3"], "threads, by the C library", Nothing("clone is used")),
    need(&["mprotect"], "the guard of a thread's stack, and code made executable", Nothing("")),
    need(&["munmap", "madvise"], "memory that is no longer used", Nothing("it is kept")),
    need(&["clock_nanosleep"], "short waits off the CPU", Nothing("sched_yield is used")),
    need(&["sched_yield"], "a turn for others", Nothing("none is given")),
    need(&["getppid"], "the twin's call, which promises no ordering", Nothing("an unknown call serves as well")),
    need(&["kill"], "the end of a case that hangs", Nothing("it is left behind")),
    need(&["setpgid"], "a case and all that it starts, as a group", Nothing("only its first process is stopped")),
    need(&["prctl"], "orphans, which are to be reaped here", Nothing("the first process reaps them")),
    need(&["setpriority", "getpriority"], "precedence on a busy machine", Nothing("rounds take longer")),
    need(&["sched_setattr"], "short turns on a busy machine", Nothing("rounds take longer")),
    need(&["getrandom"], "a seed", Nothing("the clock is used, and there is no progress bar")),
    need(&["sigaltstack"], "a stack for the handler of overflows", Nothing("")),
    need(&["rt_sigprocmask"], "signals held back while a process starts", Nothing("")),
    need(&["openat", "read", "close"], "/proc and /sys, for the head of the report", Nothing("unknown")),
    need(&["prlimit64", "statx", "ioctl"], "limits, files and the terminal", Nothing("defaults")),
];

impl Need {
    /// Whether cases of this group are lost without it.
    pub(crate) fn takes(&self, group: Group) -> bool {
        bonfire_conformance::cases().filter(|case| case.group() == group).any(|case| self.lost.takes(&case))
    }
}

impl Lost {
    /// Whether `case` is lost.
    pub(crate) fn takes(self, case: &Case) -> bool {
        let races = matches!(case.group(), Group::Ordering | Group::SyncCore | Group::Rseq | Group::Hunt);
        match self {
            Everything => true,
            Images => case.to_string().contains("exec-"),
            Places => races,
            Sections => case.group() == Group::Rseq,
            Nothing(_) => false,
        }
    }
}
