//! Processes that are killed at any moment: what a kernel must survive.

use crate::{sys, threads};
use bonfire_abi::Command;
use bonfire_testbed::calls::Sysnum;
use core::sync::atomic::AtomicU32;

const FAMILIES: u64 = 200;

/// Starts one family after the other, and kills each after a while.
pub(crate) fn run() {
    for family in 0..FAMILIES {
        let child = sys::fork();
        if child == 0 {
            sys::lead_group();
            live();
        }
        sys::sleep_ns(family * 7919 % 20_000_000);
        sys::kill(-child);
        sys::kill(child);
        while sys::wait(-1, false).0 > 0 {}
    }
}

/// Threads and children that call, sleep, yield and die until they are killed.
fn live() -> ! {
    Command::ALL.into_iter().filter(|command| command.registers().is_some()).for_each(issue);
    let words = [const { AtomicU32::new(0) }; 3];
    let _threads = words.each_ref().map(|word| threads::start(word, caller, 0));
    loop {
        // The child lives until it is killed, or its parent is: one that escapes
        // the kill by being born just then is waited for in vain.
        let child = sys::fork();
        if child == 0 {
            caller(0);
        }
        let word = AtomicU32::new(0);
        drop(threads::start(&word, call_until_killed, 0));
        sys::kill(child);
        sys::wait(child, false);
    }
}

extern "C" fn caller(_: u64) -> ! {
    loop {
        issue(Command::PrivateExpedited);
        issue(Command::SyncCore);
        issue(Command::Rseq);
        sys::yield_now();
        sys::sleep_ns(10_000);
    }
}

extern "C" fn call_until_killed(_: u64) -> ! {
    issue(Command::GlobalExpedited);
    sys::exit_thread()
}

fn issue(command: Command) {
    sys::call3(Sysnum::Membarrier, command as u64, 0, 0);
}
