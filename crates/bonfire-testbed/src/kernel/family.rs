//! All processes: who is whose child, in which group, and what becomes of those that have ended.

use crate::lock::Lock;
use crate::process::{INIT, Process, SIGKILL};
use crate::signals;
use crate::thread::Thread;
use crate::wait::{self, Event};
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// How many have ended and were not waited for.
static ENDED: AtomicUsize = AtomicUsize::new(0);

/// How many have ended and were not waited for.
pub(crate) fn ended() -> usize {
    ENDED.load(Relaxed)
}

static PROCESSES: Lock<BTreeMap<u32, Arc<Process>>> = Lock::new(BTreeMap::new());

/// Which processes are meant, as `kill` and `wait4` say it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    Any,
    /// The one of that number.
    Process(u32),
    /// Those of that group.
    Group(u32),
}

impl Which {
    /// What that number stands for, said by a process of this `group`.
    pub(crate) fn from_number(number: i32, group: u32) -> Self {
        match number {
            -1 => Self::Any,
            0 => Self::Group(group),
            1.. => Self::Process(number.unsigned_abs()),
            _ => Self::Group(number.unsigned_abs()),
        }
    }

    fn means(self, process: &Process) -> bool {
        match self {
            Self::Any => true,
            Self::Process(id) => process.id == id,
            Self::Group(group) => process.group.load(Relaxed) == group,
        }
    }
}

/// Takes a process in. Whoever is born to a condemned parent is condemned.
pub(crate) fn join(process: &Arc<Process>, parent: Option<&Process>) {
    let mut processes = PROCESSES.lock();
    if parent.is_some_and(Process::is_killed) {
        process.condemn(SIGKILL);
    }
    processes.entry(process.id).or_insert_with(|| process.clone());
}

/// Those that have not ended.
pub(crate) fn find(which: Which) -> Vec<Arc<Process>> {
    let processes = PROCESSES.lock();
    let alive = processes.values().filter(|process| !process.has_ended.load(Relaxed));
    alive.filter(|process| which.means(process)).cloned().collect()
}

/// The thread of that number, of whatever process.
pub(crate) fn thread(id: u32) -> Option<Arc<Thread>> {
    find(Which::Any).iter().find_map(|process| process.thread(id))
}

/// Kills processes; says whether there was one.
///
/// All are condemned before any other can be born (see [`join`]): nobody escapes by
/// forking.
pub(crate) fn kill_all(which: Which, signal: i32) -> bool {
    let processes = PROCESSES.lock();
    let alive = processes.values().filter(|process| !process.has_ended.load(Relaxed));
    let found: Vec<_> = alive.filter(|process| which.means(process)).cloned().collect();
    found.iter().for_each(|process| process.condemn(signal));
    drop(processes);
    found.iter().for_each(|process| process.kill(signal));
    !found.is_empty()
}

/// A process has ended: its children get another parent, and its parent is told.
pub(crate) fn bury(process: &Process) {
    const SIGCHLD: i32 = 17;
    let mut processes = PROCESSES.lock();
    let heir = heir(&processes, process);
    let is_child = |child: &&Arc<Process>| child.parent.load(Relaxed) == process.id;
    let children: Vec<_> = processes.values().filter(is_child).cloned().collect();
    children.iter().for_each(|child| child.parent.store(heir, Relaxed));
    process.has_ended.store(true, Relaxed);
    let parent = processes.get(&process.parent.load(Relaxed)).cloned();
    if parent.as_ref().is_some_and(|parent| parent.signals.ignores_children()) {
        processes.remove(&process.id);
    } else {
        ENDED.fetch_add(1, Relaxed);
    }
    drop(processes);
    for child in children {
        match child.death_signal.load(Relaxed) {
            0 => {}
            signal => signals::send_to_all(&child, signal),
        }
    }
    wait::wake(Event::Child(heir), usize::MAX);
    if let Some(parent) = parent {
        wait::wake(Event::Child(parent.id), usize::MAX);
        signals::send_to_all(&parent, SIGCHLD);
    }
}

/// Who takes over the children: the next of the ancestors that said so
/// (`PR_SET_CHILD_SUBREAPER`), or the first process.
fn heir(processes: &BTreeMap<u32, Arc<Process>>, process: &Process) -> u32 {
    let mut id = process.parent.load(Relaxed);
    while let Some(ancestor) = processes.get(&id) {
        if ancestor.is_subreaper.load(Relaxed) && !ancestor.has_ended.load(Relaxed) {
            return id;
        }
        id = ancestor.parent.load(Relaxed);
    }
    INIT
}

/// A child of `parent` that has ended; it is forgotten.
pub(crate) fn reap(parent: u32, which: Which) -> Reaped {
    let mut processes = PROCESSES.lock();
    let found = look(&processes, parent, which);
    if let Reaped::Child { id, .. } = found {
        processes.remove(&id);
        ENDED.fetch_sub(1, Relaxed);
    }
    found
}

/// Whether such children are all running: then it is worth to wait for one.
pub(crate) fn none_has_ended(parent: u32, which: Which) -> bool {
    matches!(look(&PROCESSES.lock(), parent, which), Reaped::NoneEnded)
}

fn look(processes: &BTreeMap<u32, Arc<Process>>, parent: u32, which: Which) -> Reaped {
    let is_meant = |child: &&Arc<Process>| child.parent.load(Relaxed) == parent && which.means(child);
    let mut children = processes.values().filter(is_meant).peekable();
    if children.peek().is_none() {
        return Reaped::NoChild;
    }
    children
        .find(|child| child.has_ended.load(Relaxed))
        .map_or(Reaped::NoneEnded, |child| Reaped::Child { id: child.id, status: child.status.load(Relaxed) })
}

/// What [`reap`] found.
pub(crate) enum Reaped {
    /// This one, with its status word.
    Child { id: u32, status: i32 },
    /// Children, all running.
    NoneEnded,
    /// No such child.
    NoChild,
}
