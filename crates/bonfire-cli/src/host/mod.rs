//! The host as a subject: the kernel that runs this program.
//!
//! | what a case asks for | what it gets |
//! |---|---|
//! | a fresh process | a `fork` of this one, in a process group of its own, watched |
//! | a thread | a thread of the standard library |
//! | a process in the same address space | `clone(CLONE_VM)`, with a stack of its own |
//! | a new program image | this program again, with the task as a hidden argument |
//! | shared memory | a memory file, mapped before the first fork |
//! | the call | the kernel's, or what stands before it: [`Caller`] |
//!
//! This process itself never calls membarrier, so its children start without
//! registrations. A case that does not end is killed with its whole process
//! group; the group's orphans become our children and are reaped.

mod caller;
mod world;

use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use bonfire_conformance::{Arena, CodePage, Ending, Page, Subject, Task, enter};
use rustix::process::{self, Pid, Signal, WaitOptions, WaitStatus};
use rustix::thread::{self, ClockId, CpuSet};

use crate::{hypervisor, interrupt, sys};
pub(crate) use caller::{Caller, Fences, Pair};
use world::HostWorld;

/// The first of the hidden arguments with which this program starts itself.
const RESUME: &str = "--resume-task";

/// How nice the processes of a case are, if they may be so.
const EAGER: i32 = -10;

/// The running kernel.
pub(crate) struct Host {
    arena: &'static Arena,
    /// Keeps the arena for new program images, which find it by this number.
    arena_file: OwnedFd,
    /// The CPUs that this process may run on, by the kernel's numbers.
    cpus: Vec<usize>,
    /// A function that each process can rewrite in its own copy of the page.
    code: Option<CodePage>,
    /// Memory that nobody uses, for stores that take long.
    cold: &'static [Page],
    /// Who answers the calls.
    caller: Caller,
}

/// Why the running kernel cannot be judged at all.
#[derive(Debug)]
pub(crate) struct HostError {
    what: &'static str,
    cause: io::Error,
}

impl Host {
    /// Gets hold of what every case needs; `caller` answers its calls.
    ///
    /// # Errors
    /// Without memory to share or knowledge of the CPUs there is no case to run.
    pub(crate) fn new(caller: Caller) -> Result<Self, HostError> {
        let failed = |what| move |cause: io::Error| HostError { what, cause };
        let arena_file = sys::memory_file(size_of::<Arena>()).map_err(failed("no memory to share"))?;
        let host = Self::with_arena(arena_file, caller).map_err(failed("no memory to share"))?;
        process::set_child_subreaper(Some(process::getpid()))
            .map_err(|error| failed("children of children cannot be adopted")(error.into()))?;
        Ok(host)
    }

    fn with_arena(arena_file: OwnedFd, caller: Caller) -> io::Result<Self> {
        let set = thread::sched_getaffinity(None)?;
        let cpus = (0..CpuSet::MAX_CPU).filter(|&cpu| set.is_set(cpu)).collect();
        Ok(Self {
            arena: sys::map_arena(&arena_file)?,
            arena_file,
            cpus,
            code: sys::code_page(),
            cold: sys::cold_memory(),
            caller,
        })
    }

    /// Does in this process what `task` says.
    fn enter(&self, task: Task) {
        enter(&HostWorld::new(self), task);
    }
}

/// Goes on with a task if this program was started by itself for one; true if
/// so, and then there is nothing else to do. To be called first in `main`.
pub(crate) fn resume() -> bool {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() != Some(RESUME) {
        return false;
    }
    let mut number = || arguments.next()?.parse::<u64>().ok();
    if let (Some(file), Some(task)) = (number(), number())
        // New images are made to judge the kernel's registrations only.
        && let Ok(host) = sys::inherited_file(file).and_then(|file| Host::with_arena(file, Caller::Kernel))
    {
        host.enter(Task::from_number(task));
    }
    true
}

impl Subject for Host {
    fn arena(&self) -> &Arena {
        self.arena
    }

    fn cpus(&self) -> u32 {
        u32::try_from(self.cpus.len()).unwrap_or(u32::MAX)
    }

    fn is_emulated(&self) -> bool {
        hypervisor::is_emulator()
    }

    fn now_ns(&self) -> u64 {
        now_ns()
    }

    fn process(&self, task: Task, limit_ns: u64) -> Ending {
        let in_child = || {
            // A group of its own: whatever it starts can be killed with it, and
            // a Ctrl-C at the terminal is for the parent alone to handle.
            let _ = process::setpgid(None, None);
            be_eager();
            self.enter(task);
        };
        match sys::fork(in_child) {
            Ok(child) => watch(child, Duration::from_nanos(limit_ns)),
            Err(_) => Ending::Missing,
        }
    }
}

/// Threads that must meet on two busy CPUs seldom do, unless they come first
/// there. What is not allowed, this process does without: rounds take longer.
fn be_eager() {
    let _ = process::setpriority_process(None, EAGER);
    if let Ok(nice) = process::getpriority_process(None) {
        sys::take_short_turns(nice);
    }
}

/// Waits for the end of `child`, and at the limit, or if the run is
/// interrupted, ends it and its group.
fn watch(child: Pid, limit: Duration) -> Ending {
    let began = Instant::now();
    let mut nap = Duration::from_micros(20);
    loop {
        match process::waitpid(Some(child), WaitOptions::NOHANG) {
            Ok(Some((_, status))) => {
                end_group(child);
                return ending(status);
            }
            Ok(None) if began.elapsed() < limit && !interrupt::requested() => {
                std::thread::sleep(nap);
                nap = (nap * 2).min(Duration::from_millis(2));
            }
            _ => {
                end_group(child);
                return Ending::Hung;
            }
        }
    }
}

/// Kills what is left of the group that `leader` led, and reaps all of it.
fn end_group(leader: Pid) {
    let _ = process::kill_process_group(leader, Signal::KILL);
    // The leader too, in case it had no time yet to become one.
    let _ = process::kill_process(leader, Signal::KILL);
    while process::waitpgid(leader, WaitOptions::empty()).is_ok_and(|reaped| reaped.is_some()) {}
    let _ = process::waitpid(Some(leader), WaitOptions::empty());
}

fn ending(status: WaitStatus) -> Ending {
    match status.terminating_signal() {
        Some(signal) => Ending::Killed(signal),
        None if status.exit_status() == Some(0) => Ending::Ended,
        None => Ending::Missing,
    }
}

fn now_ns() -> u64 {
    let now = rustix::time::clock_gettime(ClockId::Monotonic);
    u64::try_from(now.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or(0)
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.cause)
    }
}

impl std::error::Error for HostError {}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(50);
    const LONG: Duration = Duration::from_secs(60);

    fn sleep_for_ever() {
        let _ = process::setpgid(None, None);
        std::thread::sleep(Duration::from_secs(3600));
    }

    #[test]
    fn a_child_that_hangs_is_killed_and_reaped() {
        let child = sys::fork(sleep_for_ever).unwrap();
        assert_eq!(watch(child, SHORT), Ending::Hung);
        assert_eq!(process::test_kill_process(child), Err(rustix::io::Errno::SRCH));
    }

    #[test]
    fn what_a_child_leaves_behind_is_killed_with_it() {
        process::set_child_subreaper(Some(process::getpid())).unwrap();
        let child = sys::fork(|| {
            let _ = process::setpgid(None, None);
            let _ = sys::fork(|| std::thread::sleep(Duration::from_secs(3600)));
        });
        let child = child.unwrap();
        assert_eq!(watch(child, LONG), Ending::Ended);
        assert_eq!(process::test_kill_process_group(child), Err(rustix::io::Errno::SRCH));
    }

    #[test]
    fn a_signal_is_told_from_an_end() {
        let child = sys::fork(|| process::kill_process(process::getpid(), Signal::KILL).unwrap());
        assert_eq!(watch(child.unwrap(), LONG), Ending::Killed(9));
        assert_eq!(watch(sys::fork(|| ()).unwrap(), LONG), Ending::Ended);
    }

    #[test]
    fn a_process_in_this_address_space_shares_its_memory() {
        let here = std::sync::atomic::AtomicU32::new(0);
        for vfork in [false, true] {
            let ends = sys::clone_vm(vfork, 2, &|index| {
                here.fetch_add(1 + index as u32, std::sync::atomic::Ordering::Relaxed);
            });
            assert!(ends.into_iter().all(|end| end.is_ok_and(|end| ending(end) == Ending::Ended)));
        }
        assert_eq!(here.into_inner(), 6);
    }
}
