//! The fallback that signals every thread: what it meets, and who does not answer.
//!
//! That its fences order anything is judged by the conformance suite; see `filters`.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use bonfire::{Barrier, Chosen, Policy, Refusal, Signal, SignalFault, Silence};
use bonfire_skip::{Cause, skip};

use crate::common::{assert_success, in_own_process, is_scenario, scenario};
use crate::sys::filter::{Then, install, install_before};
use crate::sys::library::Plugin;
use crate::sys::{process as os, situations};

const ENOSYS: u32 = 38;
const EPERM: u32 = 1;

/// Long for a thread that answers, short for a test.
const MOMENT: Duration = Duration::from_secs(1);

/// A signal that is free in a process of one test.
fn free() -> i32 {
    libc::SIGRTMIN() + 3
}

fn installed() -> Signal {
    Signal::install(free()).expect("free, and blocked by nobody")
}

fn silent(thread: i32, silence: Silence) -> SignalFault {
    SignalFault::Silent { thread, silence }
}

scenario!(without_the_call_signals_are_chosen, absent_signals, assert_success, || {
    install(&[], Then::Return(ENOSYS));
    let chosen = Policy::Signal(free()).register().expect("the signal is free");
    assert!(matches!(chosen, Chosen::Signal(_)));
    chosen.heavy();
});

scenario!(a_signal_that_will_not_do_is_refused, refused, assert_success, || {
    let refused = |number| Signal::install(number).map_err(|refusal| refusal.to_string());
    // What is not queued could be lost.
    for number in [0, -1, libc::SIGKILL, libc::SIGUSR1, libc::SIGRTMAX() + 1] {
        assert_eq!(refused(number), Err(SignalFault::NotRealTime.to_string()), "{number}");
    }
    extern "C" fn stranger(_number: i32) {}
    os::handle(free(), stranger);
    assert_eq!(Signal::install(free()), Err(Refusal::Signal(SignalFault::Taken)));
    let token = Signal::install(free() + 1);
    assert!(token.is_ok());
    assert_eq!(Signal::install(free() + 1), token, "again, at once");
    assert_eq!(Signal::install(free() + 2), Err(Refusal::Signal(SignalFault::Taken)), "one a process");
});

// One published the signal before its handler stood, and the other believed it.
scenario!(whoever_comes_second_finds_the_handler_standing, second, assert_success, || {
    let check = || {
        let token = Signal::install(free());
        assert!(situations::has_handler(free()), "a token without a handler");
        token.expect("free, and blocked by nobody").heavy();
    };
    situations::held_in_sigaction(check, check);
});

/// Many processes, in each of which two threads install at once.
///
/// ```sh
/// BONFIRE_RACES=100000 cargo test -p bonfire --release --features signal --test host \
///     two_threads_race -- --nocapture
/// ```
#[test]
fn two_threads_race_to_install_and_both_find_the_handler() {
    assert_success(&in_own_process("host::signals::race"));
}

#[test]
fn race() {
    if !is_scenario("host::signals::race") {
        return;
    }
    let races = std::env::var("BONFIRE_RACES").ok().and_then(|text| text.parse().ok()).unwrap_or(200);
    for race in 0..races {
        let install = || {
            let token = Signal::install(free());
            let stands = situations::has_handler(free());
            token.is_ok_and(|signal| stands && signal.heavy_within(Duration::from_secs(20)).is_ok())
        };
        let both = || thread::scope(|scope| scope.spawn(install).join().unwrap_or(false) & install());
        assert!(os::fork(both), "race {race} of {races}");
    }
}

scenario!(a_thread_that_waits_for_signals_is_named_and_refused, waits, assert_success, || {
    let thread = situations::thread_that(situations::wait_for_signals);
    assert_eq!(Signal::install(free()), Err(Refusal::Signal(silent(thread, Silence::Blocks))));
    // The handler stays: the signal may be on its way to others.
    assert!(situations::has_handler(free()));
});

scenario!(
    a_thread_that_blocks_the_signal_late_ends_the_process,
    blocked_late,
    |output| {
        let said = String::from_utf8_lossy(&output.stderr);
        let thread = said.split_once("blocks as ").and_then(|(_, rest)| rest.lines().next());
        let named = format!("thread {} does not answer: it blocks the signal", thread.unwrap_or("?"));
        assert!(!output.status.success() && said.contains(&named), "{said}");
    },
    || {
        let signal = installed();
        let thread = situations::thread_that(|ready| {
            os::block(free());
            ready();
            loop {
                thread::park();
            }
        });
        eprintln!("blocks as {thread}");
        let once = signal.heavy_within(Duration::from_secs(1));
        assert_eq!(once, Err(silent(thread, Silence::Blocks)), "told, and survived");
        signal.heavy();
    }
);

scenario!(a_thread_in_vfork_is_waited_for, vforks, assert_success, || {
    static OVER: AtomicBool = AtomicBool::new(false);
    let signal = installed();
    let thread = situations::thread_that(|ready| {
        ready();
        situations::vfork_for(Duration::from_secs(4));
        OVER.store(true, Relaxed);
        loop {
            thread::park();
        }
    });
    // Not at once: on a busy machine it may not have come to it yet.
    let named = Err(silent(thread, Silence::Uninterruptible));
    let is_named = std::iter::repeat_with(|| signal.heavy_within(MOMENT) == named);
    if !is_named.take_while(|_| !OVER.load(Relaxed)).any(|named| named) {
        skip!(Cause::Busy("to look while the thread was in vfork"));
    }
    signal.heavy();
    assert!(OVER.load(Relaxed), "it was waited for");
});

scenario!(a_thread_that_is_traced_is_named, traced, assert_success, || {
    let signal = installed();
    let thread = situations::thread_that(|ready| {
        ready();
        loop {
            thread::park();
        }
    });
    let is_traced = situations::traced(thread, || {
        assert_eq!(signal.heavy_within(MOMENT), Err(silent(thread, Silence::Traced)));
    });
    if !is_traced {
        skip!(Cause::Kernel("lets no child trace its parent (kernel.yama.ptrace_scope)"));
    }
    signal.heavy();
});

#[cfg(target_arch = "x86_64")]
scenario!(a_thread_on_a_small_stack_answers_on_its_other, small_stack, assert_success, || {
    static THERE: AtomicBool = AtomicBool::new(false);
    static OVER: AtomicBool = AtomicBool::new(false);
    let signal = installed();
    situations::thread_that(|ready| situations::run_on_a_small_stack(&THERE, &OVER, ready));
    while !THERE.load(Relaxed) {
        thread::yield_now();
    }
    assert_eq!(signal.heavy_within(Duration::from_secs(20)), Ok(()));
    assert_eq!(Signal::install(free()), Ok(signal));
    OVER.store(true, Relaxed);
});

scenario!(the_proc_of_another_namespace_is_refused, namespace, assert_success, || {
    let refused = SignalFault::OtherNamespace;
    let a_token_is_refused = || {
        let signal = installed();
        situations::in_an_inner_namespace(|| signal.heavy_within(MOMENT) == Err(refused)) != Some(false)
    };
    assert!(os::fork(a_token_is_refused));
    // From here on every child is in the namespace of the first, and ends with it.
    let is_refused = || Signal::install(free()) == Err(Refusal::Signal(refused));
    match situations::in_an_inner_namespace(is_refused) {
        None => skip!(Cause::Kernel("lets this user make no PID namespace")),
        Some(is_refused) => assert!(is_refused),
    }
});

scenario!(neither_a_new_root_nor_a_want_of_descriptors_is_in_the_way, chroot, assert_success, || {
    let signal = installed();
    situations::thread_that(|ready| {
        ready();
        loop {
            thread::park();
        }
    });
    if !situations::leave_proc_behind() {
        skip!(Cause::Kernel("lets this user take no new root"));
    }
    situations::allow_no(libc::RLIMIT_NOFILE);
    assert_eq!(signal.heavy_within(Duration::from_secs(20)), Ok(()));
});

scenario!(a_process_without_proc_is_refused, no_proc, assert_success, || {
    situations::allow_no(libc::RLIMIT_NOFILE);
    let refusal = Signal::install(free());
    assert!(matches!(refusal, Err(Refusal::Signal(SignalFault::Hidden(_)))), "{refusal:?}");
});

scenario!(a_filter_before_the_signal_is_named, not_sent, assert_success, || {
    let signal = installed();
    situations::thread_that(|ready| {
        ready();
        loop {
            thread::park();
        }
    });
    install_before(libc::SYS_rt_tgsigqueueinfo, Then::Return(EPERM));
    let fault = signal.heavy_within(MOMENT);
    assert!(matches!(fault, Err(SignalFault::NotSent(_))), "{fault:?}");
});

scenario!(a_full_queue_is_named, full_queue, assert_success, || {
    let signal = installed();
    situations::thread_that(|ready| {
        ready();
        loop {
            thread::park();
        }
    });
    situations::allow_no(libc::RLIMIT_SIGPENDING);
    assert_eq!(signal.heavy_within(MOMENT), Err(SignalFault::QueueFull));
});

scenario!(a_library_that_installed_is_not_unloaded, unloaded, assert_success, || {
    let installed = Plugin::load().and_then(|plugin| Some((plugin.install_signal(free())?, plugin)));
    let Some((is_installed, plugin)) = installed else { skip!(Cause::Program { build: Plugin::BUILD }) };
    assert!(is_installed);
    plugin.close();
    os::raise(free());
});

scenario!(signals_reach_threads_that_come_and_go, churn, assert_success, || {
    let signal = installed();
    thread::scope(|scope| {
        let churn = scope.spawn(|| {
            for _ in 0..200 {
                thread::scope(|inner| (0..4).for_each(|_| drop(inner.spawn(|| ()))));
            }
        });
        while !churn.is_finished() {
            signal.heavy();
        }
    });
});

// A caller that was refused a turn once ended another's, and both waited for ever.
scenario!(many_callers_share_rounds_and_none_is_left_waiting, callers, assert_success, || {
    let signal = installed();
    thread::scope(|scope| {
        (0..8).for_each(|_| drop(scope.spawn(|| (0..200).for_each(|_| signal.heavy()))));
    });
});

#[test]
fn every_fault_says_what_to_do() {
    let error = bonfire::Error::NotRegistered;
    let faults = [
        SignalFault::Unsupported,
        SignalFault::NotRealTime,
        SignalFault::Taken,
        SignalFault::Hidden(error),
        SignalFault::OtherNamespace,
        SignalFault::QueueFull,
        SignalFault::NotSent(error),
        SignalFault::Busy,
    ];
    let silences = [
        Silence::Blocks,
        Silence::Stopped,
        Silence::Traced,
        Silence::Uninterruptible,
        Silence::NotRun,
        Silence::Unknown,
    ];
    let silent = silences.map(|silence| silent(7, silence));
    for text in faults.into_iter().chain(silent).map(|fault| Refusal::Signal(fault).to_string()) {
        assert!(text.contains([';', ',']) && !text.ends_with('.'), "{text}");
    }
}
