//! The host from the inside: what one thread of a case can do.

use std::cell::OnceCell;
use std::os::fd::AsRawFd;

use bonfire_conformance::{
    Arena, Ending, Fetch, Means, Page, Restartable, RseqArea, RseqKind, Start, Task, World,
};
use rustix::process::{self, Pid, Signal};

use super::{Host, RESUME, ending, place};
use crate::sys;

/// One thread's view of the host.
pub(super) struct HostWorld<'a> {
    host: &'a Host,
    /// What was found, or made, when it was first wanted.
    rseq: OnceCell<Result<RseqArea, Means>>,
}

impl<'a> HostWorld<'a> {
    /// The view of the calling thread.
    pub(super) fn new(host: &'a Host) -> Self {
        Self { host, rseq: OnceCell::new() }
    }

    fn threads(&self, tasks: &[Task]) -> Ending {
        let host = self.host;
        std::thread::scope(|scope| {
            let spawn = |&task: &Task| {
                let builder = std::thread::Builder::new().stack_size(256 << 10);
                builder.spawn_scoped(scope, move || host.enter(task))
            };
            match tasks.iter().map(spawn).filter(Result::is_err).count() {
                0 => Ending::Ended,
                _ => Ending::Missing,
            }
        })
    }

    fn forks(&self, tasks: &[Task]) -> Ending {
        let fork = |&task: &Task| sys::fork(|| self.host.enter(task)).ok();
        let children: Vec<Option<Pid>> = tasks.iter().map(fork).collect();
        let mut all = Ending::Ended;
        for child in children {
            let Some(child) = child else {
                all = Ending::Missing;
                continue;
            };
            if all != Ending::Ended {
                // It would wait in vain for the one that is missing.
                let _ = process::kill_process(child, Signal::KILL);
            }
            let end = sys::wait(child).map_or(Ending::Missing, ending);
            all = if all == Ending::Ended { end } else { all };
        }
        all
    }

    fn clones(&self, vfork: bool, tasks: &[Task]) -> Ending {
        let host = self.host;
        let ends = sys::clone_vm(vfork, tasks.len(), &|index| host.enter(tasks[index]));
        let mut ends = ends.into_iter().map(|end| end.map_or(Ending::Missing, ending));
        ends.find(|&end| end != Ending::Ended).unwrap_or(Ending::Ended)
    }
}

impl World for HostWorld<'_> {
    fn arena(&self) -> &Arena {
        self.host.arena
    }

    fn call(&self, registers: [u64; 3]) -> isize {
        self.host.caller.call(registers)
    }

    fn has_fences(&self) -> bool {
        self.host.caller.has_fences()
    }

    fn light(&self, twin: bool) {
        self.host.caller.light(twin);
    }

    fn ordinary_call(&self) {
        let _ = process::getppid();
    }

    fn start(&self, how: Start, tasks: &[Task]) -> Ending {
        match how {
            Start::Thread => self.threads(tasks),
            Start::Fork => self.forks(tasks),
            Start::CloneVm => self.clones(false, tasks),
            Start::Vfork => self.clones(true, tasks),
        }
    }

    fn exec(&self, task: Task) -> Ending {
        if let Some(file) = &self.host.arena_file {
            let file = file.as_raw_fd().to_string();
            sys::exec(&["bonfire", RESUME, &file, &task.number().to_string()]);
        }
        Ending::Missing
    }

    fn place(&self, cpu: u32) -> bool {
        self.host.cpus.get(cpu as usize).is_some_and(|&number| place(number))
    }

    fn cpu_number(&self, cpu: u32) -> u32 {
        self.host.cpus.get(cpu as usize).map_or(u32::MAX, |&number| u32::try_from(number).unwrap_or(u32::MAX))
    }

    fn cold(&self) -> &[Page] {
        self.host.cold
    }

    fn nap(&self) {
        sys::nap(20_000);
    }

    fn interrupts(&self) -> Option<u64> {
        self.host.counter.as_ref()?.read()
    }

    fn prioritise(&self) {
        sys::prioritise();
    }

    fn now_ns(&self) -> u64 {
        sys::now_ns()
    }

    fn code(&self) -> Option<&dyn Fetch> {
        self.host.code.as_ref().map(|code| code as &dyn Fetch)
    }

    fn restartable(&self) -> Option<&dyn Restartable> {
        self.restartable_as(RseqKind::Usual).ok()
    }

    fn restartable_as(&self, kind: RseqKind) -> Result<&dyn Restartable, Means> {
        let area = self.rseq.get_or_init(|| sys::rseq_area(kind));
        area.as_ref().map(|area| area as &dyn Restartable).map_err(|&means| means)
    }
}
