//! The user program: runs the conformance suite in user mode, counts barriers,
//! times calls.
//!
//! A static program for Linux's system calls; the kernel that it is meant for
//! has the ones that it needs. What it does is its first argument:
//!
//! | argument | what it does |
//! |---|---|
//! | `suite [filter=TEXT] [hunt] [budget=MS] [seed=N]` | the cases, each reported on the serial line |
//! | `counted` | counts barriers and interrupts per CPU, and compares with what was owed |
//! | `forgotten [forget=HOOK]` | the part of it that is about hooks that the kernel forgets |
//! | `bench` | times the call, here or on Linux |
//! | `churn` | starts processes and kills them at any moment |
//! | `fault`, `loop`, `exhaust` | misbehaves, so that the host's watchdog has something to see |

#![no_std]
#![no_main]

mod arch;
mod bench;
mod churn;
mod counted;
mod forgotten;
mod rseq;
#[path = "../runtime/mod.rs"]
mod runtime;
mod suite;
mod sys;
mod threads;
mod world;

use bonfire_conformance::Task;
use bonfire_testbed::Line;
use bonfire_testbed::wire::Event;
use core::ffi::{CStr, c_char};
use core::fmt::Write;
use world::Machine;

/// Where the program starts: the stack holds the arguments.
extern "C" fn main(stack: *const u64) -> ! {
    // SAFETY: the count of arguments, by the platform's convention.
    let count = unsafe { stack.read() } as usize;
    let arguments = Arguments { list: stack.wrapping_add(1).cast(), count };
    match arguments.get(1) {
        world::RESUME => resume(&arguments),
        "suite" => {
            suite::run(&arguments);
            if arguments.has("counted") {
                counted::run(&arguments);
            }
            if arguments.has("forgotten") {
                forgotten::run(&arguments);
            }
        }
        "counted" => counted::run(&arguments),
        "forgotten" => forgotten::run(&arguments),
        forgotten::IMAGE => forgotten::go_on(&arguments),
        "bench" => bench::run(),
        "churn" => churn::run(),
        "fault" => fault(),
        "loop" => loop {
            core::hint::spin_loop();
        },
        "exhaust" => while sys::fork() >= 0 {},
        _ => sys::exit(2),
    }
    say(Event::Finished);
    sys::power_off();
    sys::exit(0)
}

/// This program became a new image of itself in the middle of a case.
fn resume(arguments: &Arguments) -> ! {
    let number = |index: usize| arguments.get(index).parse::<u64>().ok();
    if let (Some(machine), Some(task)) = (number(2).and_then(Machine::with_arena), number(3)) {
        world::share(&machine, |machine| machine.enter(Task::from_number(task)));
    }
    sys::exit(0)
}

fn fault() {
    // SAFETY: not safe: the fault that this mode is for.
    unsafe { core::ptr::dangling_mut::<u8>().write_volatile(1) };
}

/// Reports, in one line and one piece.
pub(crate) fn say(event: Event) {
    let mut line = Line::new();
    let _ = writeln!(line, "{event}");
    sys::write(line.bytes());
}

/// The words that the program was started with.
pub(crate) struct Arguments {
    list: *const *const c_char,
    count: usize,
}

impl Arguments {
    /// One of them; empty if there are fewer.
    pub(crate) fn get(&self, index: usize) -> &'static str {
        if index >= self.count {
            return "";
        }
        // SAFETY: one of `count` pointers to C strings that the kernel laid out.
        let text = unsafe { self.list.wrapping_add(index).read() };
        // SAFETY: as above.
        let text = unsafe { CStr::from_ptr(text) };
        text.to_str().unwrap_or("")
    }

    /// What follows `key=`, if there is such a word.
    pub(crate) fn value(&self, key: &str) -> Option<&'static str> {
        (2..self.count).find_map(|index| self.get(index).strip_prefix(key)?.strip_prefix('='))
    }

    /// Whether there is such a word.
    pub(crate) fn has(&self, word: &str) -> bool {
        (2..self.count).any(|index| self.get(index) == word)
    }
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! {
    let mut line = Line::new();
    let _ = writeln!(line, "init: {info}");
    sys::write(line.bytes());
    sys::exit(101)
}
