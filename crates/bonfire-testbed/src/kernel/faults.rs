//! Faults of programs: a page that is not there yet is given; anything else runs the
//! program's handler, if it has one, or ends it.

use crate::arch::TrapFrame;
use crate::process::{self, Process};
use crate::sched;
use crate::signals;
use crate::space::{Touch, Untouchable};
use crate::thread::Thread;

/// A page fault in user mode.
pub(crate) fn page(frame: &TrapFrame, address: u64, touch: Touch) {
    sched::with_current(|thread| match thread.own_space().touch(address, touch) {
        // Another CPU may have given the page, or allowed this, since this one looked.
        Ok(()) => crate::arch::flush(),
        Err(Untouchable::NotMapped) => end(thread, frame, process::SIGSEGV, address),
        Err(Untouchable::NoFrame) => out_of_memory(thread),
    });
}

/// Any other fault in user mode, of which Linux tells a program by that signal.
pub(crate) fn other(frame: &TrapFrame, signal: i32, address: u64) {
    sched::with_current(|thread| end(thread, frame, signal, address));
}

/// Ends the program, unless it handles this; the end of `bonfire-init` is the machine's.
fn end(thread: &Thread, frame: &TrapFrame, signal: i32, address: u64) {
    if signals::fault(thread, signal, address) {
        return;
    }
    let process = owner(thread);
    crate::say!(
        "process {}, thread {}: {} at {:#x}, address {address:#x}",
        process.id,
        thread.id(),
        frame.cause(),
        frame.pc()
    );
    if process.id == process::INIT && !crate::given::is_given() {
        crate::stop_machine(bonfire_testbed::Exit::UserFault);
    }
    process.kill(signal);
}

fn out_of_memory(thread: &Thread) {
    let process = owner(thread);
    crate::say!("process {}: out of memory: the machine has no page left; see --memory", process.id);
    process.kill(process::SIGKILL);
}

fn owner(thread: &Thread) -> &Process {
    thread.process.as_ref().expect("a program's thread")
}
