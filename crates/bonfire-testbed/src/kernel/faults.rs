//! Faults of programs: a page that is not there yet is given; anything else runs the
//! program's handler, if it has one, or ends it.

use crate::arch::TrapFrame;
use crate::process::{self, Process};
use crate::sched;
use crate::signals;
use crate::space::{Touch, Untouchable};
use crate::thread::Thread;

/// A page fault in ring 3.
pub(crate) fn page(frame: &TrapFrame, address: u64, touch: Touch) {
    sched::with_current(|thread| match thread.own_space().touch(address, touch) {
        // Another CPU may have given the page, or allowed this, since this one looked.
        Ok(()) => crate::arch::flush(),
        Err(Untouchable::NotMapped) => end(thread, frame, 14, address),
        Err(Untouchable::NoFrame) => out_of_memory(thread),
    });
}

/// Any other fault in ring 3.
pub(crate) fn other(frame: &TrapFrame, fault: u64, address: u64) {
    sched::with_current(|thread| end(thread, frame, fault, address));
}

/// Ends the program, unless it handles this; the end of `bonfire-init` is the machine's.
fn end(thread: &Thread, frame: &TrapFrame, fault: u64, address: u64) {
    if signals::fault(thread, signal_of(fault), address) {
        return;
    }
    let process = owner(thread);
    crate::say!(
        "process {}, thread {}: fault {fault} at {:#x}, address {address:#x}, error {:#x}",
        process.id,
        thread.id(),
        frame.rip,
        frame.error
    );
    if process.id == process::INIT && !crate::given::is_given() {
        crate::stop_machine(bonfire_testbed::Exit::UserFault);
    }
    process.kill(signal_of(fault));
}

fn out_of_memory(thread: &Thread) {
    let process = owner(thread);
    crate::say!("process {}: out of memory: the machine has no page left; see --memory", process.id);
    process.kill(process::SIGKILL);
}

fn owner(thread: &Thread) -> &Process {
    thread.process.as_ref().expect("a program's thread")
}

/// What Linux sends a program for a fault of that vector.
fn signal_of(fault: u64) -> i32 {
    const SIGILL: i32 = 4;
    const SIGTRAP: i32 = 5;
    const SIGFPE: i32 = 8;
    match fault {
        0 | 16 | 19 => SIGFPE,
        1 | 3 => SIGTRAP,
        6 => SIGILL,
        _ => process::SIGSEGV,
    }
}
