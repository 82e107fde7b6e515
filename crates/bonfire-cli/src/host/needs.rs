//! The system calls that the suite makes on a kernel, and what is lost without each.
//!
//! It is for those whose kernel is young: what is printed here is the order in which
//! to add calls. `tests/cli/needs.rs` denies each of them in turn, and holds the
//! table to what becomes of the run.

use std::fmt::Write;

use bonfire_conformance::{Case, Group, cases};

/// One system call, or several for one purpose.
struct Need {
    /// By name.
    calls: &'static [&'static str],
    /// What it is for.
    purpose: &'static str,
    /// What is lost without.
    lost: Lost,
}

/// What is lost without a call.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lost {
    /// Every case, or the run itself: nothing starts.
    Everything,
    /// The cases in which a process becomes a new program image.
    Images,
    /// The cases that start threads.
    Threads,
    /// The cases in which threads sit on CPUs.
    Places,
    /// Those among them that end with a time.
    Races,
    /// The cases with restartable sequences.
    Sections,
    /// No case; this is done in its place.
    Nothing(&'static str),
}

const fn need(calls: &'static [&'static str], purpose: &'static str, lost: Lost) -> Need {
    Need { calls, purpose, lost }
}

use Lost::{Everything, Images, Nothing, Places, Races, Sections, Threads};

/// All of them: first what everything rests on.
static NEEDS: &[Need] = &[
    need(&["membarrier"], "what is judged", Everything),
    need(&["execve", "write"], "this program: its start, and its report", Everything),
    need(&["mmap"], "memory, and the part of it that processes share", Everything),
    need(&["rt_sigaction", "poll"], "the start of Rust's runtime", Everything),
    need(&["mprotect"], "the same: what a stack must not reach", Everything),
    need(&["clone"], "processes, by fork and with CLONE_VM, and threads", Everything),
    need(&["wait4"], "the end of a process", Everything),
    need(&["exit"], "the end of a thread", Threads),
    need(&["memfd_create"], "memory that a new program image finds again", Images),
    need(&["sched_setaffinity"], "a thread's place on a CPU", Places),
    need(&["clock_gettime"], "the time, where no page of the kernel's tells it", Races),
    need(&["rseq"], "restartable sequences", Sections),
    need(&["exit_group"], "the end of a process", Nothing("exit is used")),
    need(&["ftruncate"], "the length of that memory", Nothing("zeros are written")),
    need(&["sched_getaffinity"], "the list of CPUs", Nothing("each is tried")),
    need(&["clone3"], "threads, by the C library", Nothing("clone is used")),
    need(
        &["futex"],
        "the end of a thread, without spinning",
        Nothing("it spins; glibc ends cases whose threads contend"),
    ),
    need(&["munmap"], "memory that is no longer used", Nothing("it is kept")),
    need(&["madvise"], "stacks that are no longer used", Nothing("they are kept")),
    need(&["clock_nanosleep"], "short waits off the CPU", Nothing("sched_yield is used")),
    need(&["sched_yield"], "a turn for others", Nothing("none is given")),
    need(&["getppid"], "the twin's call, which promises no order", Nothing("an unknown call does as well")),
    need(&["kill"], "the end of a case that hangs", Nothing("it is left behind")),
    need(&["setpgid"], "a case and all that it starts, as a group", Nothing("its first process is stopped")),
    need(&["prctl"], "orphans, to be reaped here", Nothing("the first process reaps them")),
    need(&["setpriority"], "precedence on a busy machine", Nothing("rounds take longer")),
    need(&["getpriority"], "how nice this process may be", Nothing("rounds take longer")),
    need(&["sched_setattr"], "short turns on a busy machine", Nothing("rounds take longer")),
    need(&["getrandom"], "a seed", Nothing("the clock is used; no progress is shown")),
    need(&["sigaltstack"], "a word when a stack overflows", Nothing("a signal says it")),
    need(&["rt_sigprocmask"], "quiet while a process starts", Nothing("there is less")),
    need(&["openat", "read", "close"], "/proc and /sys, for the report's head", Nothing("unknown is said")),
];

/// The table: for each call the groups that lose cases without it.
pub(crate) fn table() -> String {
    let mut table = format!("{:28}{:52}without it\n", "system call", "for");
    for need in NEEDS {
        let _ = writeln!(table, "{:28}{:52}{}", need.calls.join(", "), need.purpose, need.lost.words());
    }
    table
}

impl Lost {
    /// What is lost, or done in its place.
    fn words(self) -> String {
        match self {
            Everything => "nothing runs".into(),
            Nothing(instead) => format!("- ({instead})"),
            _ => self.groups().join(", "),
        }
    }

    /// The groups that lose cases: all of theirs, or some.
    fn groups(self) -> Vec<String> {
        let part = |group: Group| {
            let (lost, all): (Vec<_>, Vec<_>) =
                cases().filter(|case| case.group() == group).partition(|case| self.takes(case));
            match (lost.len(), all.len()) {
                (0, _) => None,
                (_, 0) => Some(group.name().to_owned()),
                (lost, _) => Some(format!("{lost} cases of {}", group.name())),
            }
        };
        Group::ALL.into_iter().filter_map(part).collect()
    }

    /// Whether `case` is lost.
    fn takes(self, case: &Case) -> bool {
        let races = matches!(case.group(), Group::Ordering | Group::SyncCore | Group::Rseq | Group::Hunt);
        let counts = case.group() == Group::Interrupts;
        match self {
            Everything => true,
            Images => case.to_string().contains("exec-"),
            Threads => races || counts || case.group() == Group::Load || case.to_string().contains("thread"),
            Places => races || counts,
            Races => races,
            Sections => case.group() == Group::Rseq,
            Nothing(_) => false,
        }
    }
}
