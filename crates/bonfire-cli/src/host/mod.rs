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
mod counter;
pub(crate) mod needs;
mod world;

use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use bonfire_conformance::{Arena, CodePage, Ending, Page, Subject, Task, enter};
use rustix::io::Errno;
use rustix::process::{self, Pid, Signal, WaitOptions, WaitStatus};
use rustix::thread::{self, CpuSet};

use crate::environment::nohz_full_cpus;
use crate::{environment, hypervisor, interrupt, sys};
pub(crate) use caller::{Caller, Fences, Pair};
pub(crate) use counter::Counter;
use world::HostWorld;

/// The first of the hidden arguments with which this program starts itself.
const RESUME: &str = "--resume-task";

/// How nice this process and those of a case are, if they may be so.
const EAGER: i32 = -10;

/// The running kernel.
pub(crate) struct Host {
    arena: &'static Arena,
    /// Keeps the arena for new program images, which find it by this number. `None`
    /// where the kernel cannot make it: then there are no new images.
    arena_file: Option<OwnedFd>,
    /// The CPUs that this process may run on, by the kernel's numbers.
    cpus: Vec<usize>,
    /// A function that each process can rewrite in its own copy of the page.
    code: Option<CodePage>,
    /// Memory that nobody uses, for stores that take long.
    cold: &'static [Page],
    /// Who answers the calls.
    caller: Caller,
    /// Where the kernel counts interrupts, if that was named.
    counter: Option<Counter>,
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
    /// What a young kernel lacks costs the cases that need it: without memory that
    /// a new image inherits there are no new images, without a list of CPUs each is
    /// tried.
    ///
    /// # Errors
    /// Without memory to share there is no case to run.
    pub(crate) fn new(caller: Caller) -> Result<Self, HostError> {
        sys::survive_limits();
        let arena_file = sys::memory_file(size_of::<Arena>()).ok();
        be_eager();
        // Only so that what a case leaves behind is reaped here and not by the first process.
        // Any number says yes.
        let _ = process::set_child_subreaper(Some(Pid::INIT));
        Self::with_arena(arena_file, caller)
            .map_err(|cause| HostError { what: "no memory to share (mmap)", cause })
    }

    fn with_arena(arena_file: Option<OwnedFd>, caller: Caller) -> io::Result<Self> {
        Ok(Self {
            arena: sys::map_arena(arena_file.as_ref())?,
            arena_file,
            cpus: seated(cpus(), &nohz_full_cpus()),
            code: sys::code_page(),
            cold: sys::cold_memory(),
            caller,
            counter: None,
        })
    }

    /// With a count of interrupts for the cases that read one.
    pub(crate) fn counting(self, counter: Option<Counter>) -> Self {
        Self { counter, ..self }
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
        && let Ok(host) = sys::inherited_file(file).and_then(|file| Host::with_arena(Some(file), Caller::Kernel))
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

    fn cpus_online(&self) -> u32 {
        environment::cpus_online().unwrap_or(u32::MAX)
    }

    fn is_emulated(&self) -> bool {
        hypervisor::is_emulator()
    }

    fn now_ns(&self) -> u64 {
        sys::now_ns()
    }

    fn has_clock(&self) -> bool {
        sys::has_clock()
    }

    fn process(&self, task: Task, limit_ns: u64) -> Ending {
        let in_child = || {
            // A group of its own: whatever it starts can be killed with it, and
            // a Ctrl-C at the terminal is for the parent alone to handle.
            let _ = process::setpgid(None, None);
            self.enter(task);
        };
        match sys::fork(in_child) {
            Ok(child) => watch(child, Duration::from_nanos(limit_ns)),
            Err(_) => Ending::Missing,
        }
    }
}

/// The CPUs that this process may run on. A kernel that cannot list them may still
/// place a thread on one; where it can do neither there may be two, and what is
/// missing is said when a thread is to be placed.
fn cpus() -> Vec<usize> {
    if let Ok(set) = thread::sched_getaffinity(None) {
        return (0..CpuSet::MAX_CPU).filter(|&cpu| set.is_set(cpu)).collect();
    }
    let tried = std::thread::scope(|scope| {
        let placed = || (0..CpuSet::MAX_CPU).filter(|&cpu| place(cpu)).collect::<Vec<_>>();
        std::thread::Builder::new().spawn_scoped(scope, placed).ok()?.join().ok()
    });
    tried.filter(|cpus| !cpus.is_empty()).unwrap_or_else(|| vec![0, 1])
}

/// In the order in which threads sit on them: behind the first of the others one
/// without a scheduler tick, if there is any. The kernel treats those otherwise, and
/// the second place is a target's in every case that has two.
fn seated(cpus: Vec<usize>, nohz_full: &[usize]) -> Vec<usize> {
    let (mut quiet, mut seats): (Vec<usize>, Vec<usize>) =
        cpus.into_iter().partition(|cpu| nohz_full.contains(cpu));
    let second = seats.len().min(1);
    quiet.extend(seats.split_off(second));
    seats.extend(quiet);
    seats
}

/// Places the calling thread on this CPU, if the kernel can.
fn place(cpu: usize) -> bool {
    let mut set = CpuSet::new();
    set.set(cpu);
    thread::sched_setaffinity(None, &set).is_ok()
}

/// Threads that must meet on two busy CPUs seldom do, unless they come first
/// there; and who waits for hundreds of short processes waits for a turn after each.
/// What is not allowed, this process and its children do without: all takes longer.
fn be_eager() {
    let _ = process::setpriority_process(None, EAGER);
    if let Ok(nice) = process::getpriority_process(None) {
        sys::take_short_turns(nice);
    }
}

/// Waits for the end of `child`, and at the limit, or if the run is
/// interrupted, ends it and its group.
fn watch(child: Pid, limit: Duration) -> Ending {
    let end_ns = sys::now_ns().saturating_add(u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX));
    let mut nap_ns = 20_000;
    loop {
        match process::waitpid(Some(child), WaitOptions::NOHANG) {
            Ok(Some((_, status))) => {
                end_group(child);
                return ending(status);
            }
            Ok(None) if sys::now_ns() < end_ns && !interrupt::requested() => {
                sys::nap(nap_ns);
                nap_ns = (nap_ns * 2).min(2_000_000);
            }
            Ok(None) | Err(Errno::INTR) => {
                end_group(child);
                return Ending::Hung;
            }
            // A kernel that has births and no way to wait for an end.
            Err(_) => {
                let _ = process::kill_process(child, Signal::KILL);
                return Ending::Missing;
            }
        }
    }
}

/// Kills what is left of the group that `leader` led, and reaps all of it. What
/// cannot be killed is not waited for.
fn end_group(leader: Pid) {
    let group = process::kill_process_group(leader, Signal::KILL);
    // The leader too, in case it had no time yet to become one.
    let alone = process::kill_process(leader, Signal::KILL);
    let cannot = [group, alone].into_iter().all(|killed| killed.is_err_and(|error| error != Errno::SRCH));
    let how = if cannot { WaitOptions::NOHANG } else { WaitOptions::empty() };
    while process::waitpgid(leader, how).is_ok_and(|reaped| reaped.is_some()) {}
    let _ = process::waitpid(Some(leader), how);
}

fn ending(status: WaitStatus) -> Ending {
    match status.terminating_signal() {
        Some(signal) => Ending::Killed(signal),
        None if status.exit_status() == Some(0) => Ending::Ended,
        None => Ending::Missing,
    }
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
    fn a_cpu_without_a_tick_has_the_second_seat() {
        assert_eq!(seated(vec![0, 1, 2, 3], &[2, 3]), [0, 2, 3, 1]);
        assert_eq!(seated(vec![0, 1], &[1]), [0, 1]);
        assert_eq!(seated(vec![2, 3], &[2, 3]), [2, 3]);
        assert_eq!(seated(vec![0, 1, 2], &[]), [0, 1, 2]);
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
