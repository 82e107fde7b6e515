//! The cases that need least of a kernel, on nothing but its system calls.
//!
//! [`world`] is this program as a subject of the cases, [`sys`] the calls that it
//! makes, `arch` what each architecture wants for them. There is no C library and no
//! runtime: the kernel starts the program at `_start`, threads are `clone`'s, and
//! nothing is allocated.

#![no_std]
#![no_main]
#![deny(unsafe_code)]

#[expect(unsafe_code, reason = "the first instruction, the call, the birth of a thread")]
mod arch;
#[expect(unsafe_code, reason = "names that the compiler takes for granted")]
#[path = "sys/runtime.rs"]
mod runtime;
#[expect(unsafe_code, reason = "the system's own face; each block is argued for")]
mod sys;
mod world;

use core::fmt::Write;

use bonfire_conformance::{Case, Group, Observer, Options, Outcome, Task, Verdict, run};

use sys::{Arguments, Console};
use world::Machine;

/// The groups that need neither a place on a CPU nor code to patch.
const GROUPS: [Group; 3] = [Group::Abi, Group::Lifetime, Group::Load];
/// A limit for what hangs; no case needs time to tell.
const BUDGET_NS: u64 = 60_000_000_000;

/// Where the program begins.
fn main(arguments: &Arguments) -> u8 {
    if let Some([file, task]) = arguments.resumed() {
        // A new image of this program, in the middle of a case.
        if let Some(machine) = Machine::inherited(file) {
            machine.enter(Task::from_number(task));
        }
        return 0;
    }
    let Some(machine) = Machine::new() else {
        let _ = writeln!(Console, "no memory to share (mmap)");
        return 2;
    };
    let options = Options { budget_ns: BUDGET_NS, seed: sys::now_ns() };
    let summary = run(&machine, &|case| GROUPS.contains(&case.group()), options, &mut Reporter);
    let [conform, do_not, cannot_tell, hidden] = Verdict::ALL.map(|verdict| summary.count(verdict));
    let _ = writeln!(
        Console,
        "{conform} conform, {do_not} do not, {cannot_tell} cannot tell, {hidden} not observable here"
    );
    match summary.verdict() {
        Verdict::Conforms => 0,
        Verdict::DoesNotConform => 1,
        Verdict::CannotTell | Verdict::NotObservable => 2,
    }
}

/// A line for each case that does not plainly conform.
struct Reporter;

impl Observer for Reporter {
    fn ended(&mut self, case: &Case, outcome: &Outcome) {
        if let Some(reason) = outcome.reason {
            let _ = writeln!(Console, "{}: {case}: {reason}", outcome.verdict);
        }
    }
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    let _ = writeln!(Console, "bonfire-runner: {info}");
    sys::exit_group(101)
}
