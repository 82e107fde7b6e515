//! `bonfire` on a kernel that lacks some system calls.
//!
//! A filter says so to those that need not be there for a program to be started. The
//! others are let through while something starts, and denied when it runs: for that,
//! another thread is asked about each.

use std::collections::BTreeMap;
use std::io;
use std::process::{Command, Output};
use std::sync::OnceLock;

use rustix::thread::gettid;

use crate::notify::{Listener, Waiting, listen};
use crate::support::{bonfire, filter, run};

/// What a run of this test says which call to deny, and which bonfire to become.
const DENIED: &str = "BONFIRE_TEST_DENIED";

/// Runs `bonfire` to its end on a kernel that does not have this system call. What
/// goes to stdout has the words of a test runner before it.
///
/// A thread that denied itself `clone` could start nothing, so this program starts
/// itself, as the one test [`becomes_bonfire`], which installs the filter and goes on
/// as `bonfire`.
pub(crate) fn without(call: libc::c_long, arguments: &[&str]) -> Output {
    let mut test = Command::new(std::env::current_exe().expect("this program has a file"));
    test.args(["--exact", "denied::becomes_bonfire", "--nocapture", "--test-threads=1"]);
    test.env(DENIED, format!("{call} {}", arguments.join(" ")));
    test.output().expect("this program starts")
}

/// No test of its own: see [`without`].
#[test]
fn becomes_bonfire() {
    use std::os::unix::process::CommandExt;
    let Ok(what) = std::env::var(DENIED) else { return };
    let mut words = what.split(' ');
    let call = words.next().and_then(|call| call.parse().ok()).expect("a number comes first");
    let program = filter(BTreeMap::from([(call, vec![])]), libc::ENOSYS.cast_unsigned());
    let mut command = bonfire(&words.collect::<Vec<_>>());
    seccompiler::apply_filter(&program).expect("this kernel has seccomp filters");
    panic!("cannot become bonfire: {}", command.exec());
}

/// Which calls there are none of.
pub(crate) enum Absent<'a> {
    /// This one.
    Call(libc::c_long),
    /// All but these.
    AllBut(&'a [libc::c_long]),
}

/// Runs `bonfire` to its end on a kernel that loses these calls each time that a
/// program has come so far as to run Rust's runtime, whose first act is to call `poll`.
///
/// # Errors
/// This kernel does not let one thread answer the calls of another.
pub(crate) fn without_once_running(absent: &Absent<'_>, arguments: &[&str]) -> io::Result<Output> {
    let place = OnceLock::new();
    std::thread::scope(|scope| {
        let filtered = scope.spawn(|| {
            let thread = gettid().as_raw_nonzero().get();
            place.set((absent.listen(), thread)).ok().expect("it is set once");
            place.get().is_some_and(|(listener, _)| listener.is_ok()).then(|| run(arguments))
        });
        if let (Ok(listener), starter) = place.wait() {
            let mut guard = Guard::new(absent, *starter);
            while let Some(call) = listener.next() {
                if guard.lets_through(&call) { listener.allow(&call) } else { listener.deny(&call) }
            }
        }
        let output = filtered.join().expect("the run ended");
        output.ok_or_else(|| io::Error::other("no notifications of seccomp's"))
    })
}

/// The calls that tell how far a program has come.
const MARKS: [libc::c_long; 2] = [libc::SYS_execve, libc::SYS_poll];

impl Absent<'_> {
    fn listen(&self) -> io::Result<Listener> {
        match self {
            Self::Call(call) => listen(&[&MARKS[..], &[*call]].concat(), true),
            Self::AllBut(calls) => {
                let others = calls.iter().copied().filter(|call| !MARKS.contains(call));
                listen(&others.collect::<Vec<_>>(), false)
            }
        }
    }

    fn has(&self, call: libc::c_long) -> bool {
        match self {
            Self::Call(absent) => call == *absent,
            Self::AllBut(calls) => !calls.contains(&call),
        }
    }
}

/// Says which calls are let through.
struct Guard<'a> {
    absent: &'a Absent<'a>,
    /// The thread that starts `bonfire`.
    starter: i32,
    /// Whether `bonfire` runs.
    began: bool,
    /// Those that have become a new image which does not run yet.
    starting: Vec<u32>,
}

impl<'a> Guard<'a> {
    fn new(absent: &'a Absent<'a>, starter: i32) -> Self {
        // With room, so that nothing is allocated while somebody waits in `mmap`.
        Self { absent, starter, began: false, starting: Vec::with_capacity(1024) }
    }

    fn lets_through(&mut self, call: &Waiting) -> bool {
        if i64::from(call.thread) == i64::from(self.starter) {
            return true;
        }
        if call.number == libc::SYS_poll {
            self.began = true;
            self.starting.retain(|thread| *thread != call.thread);
        }
        let passes = !self.began || self.starting.contains(&call.thread) || !self.absent.has(call.number);
        if call.number == libc::SYS_execve && passes {
            self.starting.push(call.thread);
        }
        passes
    }
}
