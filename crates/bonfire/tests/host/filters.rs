//! A filter stands before the call: absent, killing, lying, or late.
//!
//! What is told here is what the crate says and chooses. Whether its fences then
//! order anything is judged by the conformance suite, in each of the three modes
//! of a kernel (`bonfire check --subject fences`, and the command's own tests).

use std::process::Output;

use bonfire::{
    Barrier, Chosen, Command, Error, Filter, Memory, NotNow, Policy, Refusal, Rseq, SyncCore, Verdict,
    process, register, verify,
};
use bonfire_skip::{Cause, skip};

use crate::common::{assert_success, scenario};
use crate::sys::filter::{Then, install, install_before};

pub(crate) const ENOSYS: u32 = 38;
pub(crate) const EPERM: u32 = 1;
const ENOMEM: u32 = 12;

scenario!(a_filter_before_the_fence_of_the_system_is_named, no_global, assert_success, || {
    if bonfire::shared::heavy_everywhere().is_err() {
        skip!(Cause::Kernel("has no GLOBAL"));
    }
    install(&[Command::Global], Then::Return(EPERM));
    assert_eq!(bonfire::shared::heavy_everywhere(), Err(refused(Error::NotRegistered)));
});

fn refused(error: Error) -> Refusal {
    Refusal::Filtered(Filter::Refuses(error))
}

scenario!(a_filter_that_hides_the_call_is_named, hidden, assert_success, || {
    install(&[], Then::Return(ENOSYS));
    assert_eq!(register(), Err(refused(Error::NotSupported)));
    assert_eq!(bonfire::registrations(), Err(refused(Error::NotSupported)));
});

scenario!(a_filter_that_forbids_the_call_is_named, forbidden, assert_success, || {
    install(&[], Then::Return(EPERM));
    assert_eq!(register(), Err(refused(Error::NotRegistered)));
});

scenario!(a_filter_that_kills_the_process_is_survived, kills_process, assert_success, || {
    install(&[], Then::KillProcess);
    assert_eq!(register(), Err(Refusal::Filtered(Filter::Kills)));
    assert!(matches!(Policy::Fences.register(), Ok(Chosen::Fences(_))));
});

scenario!(a_filter_that_kills_the_thread_is_survived, kills_thread, assert_success, || {
    install(&[], Then::KillThread);
    assert_eq!(Memory::register(), Err(Refusal::Filtered(Filter::Kills)));
});

scenario!(a_filter_that_kills_for_one_flavour_is_survived, kills_flavour, assert_success, || {
    install(&[Command::SyncCore, Command::RegisterSyncCore], Then::KillProcess);
    assert_eq!(SyncCore::register(), Err(Refusal::Filtered(Filter::Kills)));
});

scenario!(a_process_that_may_register_but_not_fence_is_refused, trial, assert_success, || {
    install(&[Command::PrivateExpedited], Then::Return(EPERM));
    assert_eq!(Memory::register(), Err(refused(Error::NotRegistered)));
    assert!(!process::is_registered());
});

scenario!(core_serialisation_is_refused_not_replaced, no_core, assert_success, || {
    install(&[Command::SyncCore], Then::Return(EPERM));
    let registration = register().expect("memory fences pass the filter");
    assert_eq!(registration.sync_core, Err(refused(Error::NotRegistered)));
});

scenario!(without_the_call_a_policy_is_followed, absent_fences, assert_success, || {
    install(&[], Then::Return(ENOSYS));
    assert_eq!(Policy::Refuse.register(), Err(refused(Error::NotSupported)));
    let chosen = Policy::Fences.register().expect("needs nothing of the kernel");
    assert!(matches!(chosen, Chosen::Fences(_)));
    chosen.heavy();
    // Full fences on both sides remain to those who hold no token.
    process::heavy();
    assert!(!process::is_registered());
});

scenario!(a_lying_kernel_is_found_out, lying, assert_success, || {
    let barriers = [Command::PrivateExpedited, Command::SyncCore, Command::Rseq, Command::GlobalExpedited];
    install(&barriers, Then::Return(0));
    let memory = Memory::register().expect("the lie is believed at first");
    // Others may have the CPUs for most of a minute.
    let tries = std::iter::repeat_with(|| verify(memory)).take(10);
    match tries.into_iter().find(|verdict| !matches!(verdict, Verdict::CannotTell(_))) {
        Some(verdict @ Verdict::Lies(_)) => assert_eq!(verdict.trust(), Err(Refusal::Lying)),
        Some(verdict) => panic!("believed a liar: {verdict:?}"),
        None => skip!(Cause::Busy("to run two threads at once, or its processor shows no late store")),
    }
});

scenario!(a_filter_that_kills_for_placing_threads_is_survived, kills_settling, assert_success, || {
    let Ok(memory) = Memory::register() else {
        skip!(Cause::Kernel("lets nobody register for membarrier here"))
    };
    install_before(libc::SYS_sched_setaffinity, Then::KillProcess);
    let verdict = verify(memory);
    assert!(!matches!(verdict, Verdict::Lies(_)), "{verdict:?}");
});

#[test]
fn a_real_kernel_is_not_taken_for_a_liar() {
    let Ok(memory) = Memory::register() else {
        skip!(Cause::Kernel("lets nobody register for membarrier here"))
    };
    for _ in 0..3 {
        let verdict = verify(memory);
        assert!(!matches!(verdict, Verdict::Lies(_)), "{verdict:?}");
    }
}

/// Died by `abort`, after saying why; or noted that it is skipped.
pub(crate) fn assert_died_with_a_message(output: &Output) {
    use std::os::unix::process::ExitStatusExt;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() && said.contains(": skipped because") {
        return;
    }
    assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{}: {said}", output.status);
    assert!(said.contains("registering again did not help"), "{said}");
}

scenario!(a_late_filter_ends_the_process_at_heavy, late_heavy, assert_died_with_a_message, || {
    let memory = Memory::register().expect("no filter yet");
    memory.heavy();
    install(&[], Then::Return(EPERM));
    memory.heavy();
});

scenario!(a_late_filter_ends_the_process_at_try_heavy, late_try, assert_died_with_a_message, || {
    let memory = Memory::register().expect("no filter yet");
    install(&[], Then::Return(ENOSYS));
    let _ = memory.try_heavy();
});

scenario!(a_late_filter_ends_the_process_without_a_token, late_process, assert_died_with_a_message, || {
    register().expect("no filter yet");
    install(&[], Then::Return(ENOSYS));
    process::heavy();
});

scenario!(a_late_filter_ends_the_process_at_sync_core, late_core, assert_died_with_a_message, || {
    let Ok(core) = SyncCore::register() else { skip!(Cause::Kernel("registers nobody for SYNC_CORE")) };
    install(&[Command::SyncCore], Then::Return(EPERM));
    core.serialise();
});

scenario!(a_late_filter_ends_the_process_at_rseq_fence, late_rseq, assert_died_with_a_message, || {
    let Ok(rseq) = Rseq::register() else { skip!(Cause::Kernel("registers nobody for RSEQ")) };
    install(&[Command::Rseq], Then::Return(EPERM));
    rseq.restart_on(bonfire::Cpu(0));
});

scenario!(a_lasting_want_of_memory_ends_the_process, no_memory, assert_died_with_a_message, || {
    let memory = Memory::register().expect("no filter yet");
    install(&[Command::PrivateExpedited], Then::Return(ENOMEM));
    assert_eq!(memory.try_heavy(), Err(NotNow::OutOfMemory), "who need not wait is told");
    memory.heavy();
});
