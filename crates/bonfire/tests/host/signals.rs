//! The fallback that signals every thread.

use bonfire::{Barrier, Chosen, Policy, Refusal, Signal};

use crate::common::{assert_success, scenario};
use crate::sys::filter::{Then, install};

const ENOSYS: u32 = 38;

// That they order anything is judged by the conformance suite; see `filters`.
scenario!(without_the_call_signals_are_chosen, absent_signals, assert_success, || {
    install(&[], Then::Return(ENOSYS));
    let chosen = Policy::Signal(libc::SIGRTMIN() + 3).register().expect("the signal is free");
    assert!(matches!(chosen, Chosen::Signal(_)));
    chosen.heavy();
});

scenario!(a_thread_that_blocks_the_signal_is_refused, blocked, assert_success, || {
    let number = libc::SIGRTMIN() + 4;
    crate::sys::process::block(number);
    assert_eq!(Signal::install(number), Err(Refusal::SignalBlocked));
    assert_eq!(Signal::install(libc::SIGKILL), Err(Refusal::SignalTaken));
});

scenario!(
    a_thread_that_blocks_the_signal_late_ends_the_process,
    blocked_late,
    |output| {
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains("blocks the signal"), "{said}");
    },
    || {
        let number = libc::SIGRTMIN() + 4;
        let signal = Signal::install(number).expect("free and not blocked");
        let (blocked, tell) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            crate::sys::process::block(number);
            blocked.send(()).unwrap();
            loop {
                std::thread::park();
            }
        });
        tell.recv().unwrap();
        signal.heavy();
    }
);

scenario!(signals_reach_threads_that_come_and_go, churn, assert_success, || {
    let signal = Signal::install(libc::SIGRTMIN() + 5).expect("free and not blocked");
    std::thread::scope(|scope| {
        let churn = scope.spawn(|| {
            for _ in 0..200 {
                std::thread::scope(|inner| (0..4).for_each(|_| drop(inner.spawn(|| ()))));
            }
        });
        while !churn.is_finished() {
            signal.heavy();
        }
    });
});

// A caller that was refused a turn once ended another's, and both waited for ever.
scenario!(many_callers_share_rounds_and_none_is_left_waiting, callers, assert_success, || {
    let signal = Signal::install(libc::SIGRTMIN() + 6).expect("free and not blocked");
    std::thread::scope(|scope| {
        (0..8).for_each(|_| drop(scope.spawn(|| (0..200).for_each(|_| signal.heavy()))));
    });
});
