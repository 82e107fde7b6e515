//! Asking harms nobody, and what is refused once is not asked again.

use std::sync::atomic::{
    AtomicBool,
    Ordering::{Relaxed, SeqCst},
};
use std::thread;

use bonfire::{
    Command, Error, Filter, Memory, Policy, Refusal, SyncCore, process, register, register_allowed,
};
use bonfire_skip::{Cause, skip};

use crate::common::{assert_success, scenario};
use crate::filters::{EPERM, assert_died_with_a_message};
use crate::sys::filter::{
    Then, install, install_before, install_before_old_processes, install_before_processes,
};
use crate::sys::places::{
    allow_cores, core_limit, enter_pid_namespace, faults, has_children, name_an_old_release,
};
use crate::sys::process as os;
use crate::sys::supervisor::{ANSWERED, Asked, supervise};

const ENOSYS: u32 = libc::ENOSYS as u32;

fn filtered<T>(filter: Filter) -> Result<T, Refusal> {
    Err(Refusal::Filtered(filter))
}

/// A filter that forbids nothing, as most containers' for most calls.
fn allow_all() {
    install(&[], Then::Allow);
}

scenario!(the_release_that_a_kernel_names_decides_nothing, old_release, assert_success, || {
    name_an_old_release();
    assert!(Memory::register().is_ok());
    assert!(bonfire::registrations().is_ok());
});

scenario!(a_process_under_a_filter_that_allows_is_registered, allowed, assert_success, || {
    allow_all();
    let tokens = register().expect("nothing is forbidden");
    assert!(tokens.sync_core.is_ok() && tokens.rseq.is_ok());
    assert!(!has_children(), "the child of the trial is gone");
});

scenario!(a_child_that_is_killed_leaves_nothing_behind, leaves_nothing, assert_success, || {
    allow_cores();
    let before = core_limit();
    let folder = std::env::temp_dir().join(format!("bonfire-core-{}", std::process::id()));
    std::fs::create_dir(&folder).expect("a folder for a core that is not written");
    std::env::set_current_dir(&folder).expect("it was made just now");
    install(&[], Then::KillProcess);
    assert_eq!(Memory::register(), filtered(Filter::Kills));
    assert!(!has_children(), "the children are waited for");
    assert_eq!(core_limit(), before, "what the child sets is the child's");
    assert_eq!(std::fs::read_dir(&folder).expect("it is there").count(), 0, "a core was written");
    std::fs::remove_dir(&folder).expect("it is empty");
});

scenario!(nothing_is_copied_for_a_trial, large, assert_success, || {
    const PAGE: usize = 4096;
    let mut memory = vec![1_u8; 64 << 20];
    allow_all();
    let before = faults();
    Memory::register().expect("nothing is forbidden");
    memory.iter_mut().step_by(PAGE).for_each(|byte| *byte = 2);
    let copied = faults() - before;
    assert!(copied < 200, "{copied} pages of {} were copied", memory.len() / PAGE);
});

scenario!(a_program_that_may_make_no_process_is_not_killed, no_process, assert_success, || {
    install_before_processes(Then::KillProcess);
    assert_eq!(register(), filtered(Filter::NotAskable));
    assert!(matches!(Policy::Fences.register(), Ok(bonfire::Chosen::Fences(_))));
    process::heavy();
    // A caller who knows better says so, and then no process is made.
    assert!(register_allowed().expect("the call is allowed").sync_core.is_ok());
    assert!(process::is_registered());
});

scenario!(a_filter_that_forgot_clone3_is_survived, forgot, assert_success, || {
    install_before_old_processes(Then::KillProcess);
    assert!(register().is_ok());
});

scenario!(a_filter_that_refuses_processes_leaves_a_way, refused_process, assert_success, || {
    install_before_old_processes(Then::Return(EPERM));
    install_before(libc::SYS_clone3, Then::Return(EPERM));
    assert_eq!(Memory::register(), filtered(Filter::NotAskable));
    assert!(Memory::register_allowed().is_ok());
});

// Everything that once was called on the way to the answer, and more.
scenario!(a_caller_who_vouches_causes_no_call_but_membarrier, vouched, assert_success, || {
    let others = [
        libc::SYS_clone3,
        libc::SYS_clone,
        libc::SYS_wait4,
        libc::SYS_openat,
        libc::SYS_uname,
        libc::SYS_madvise,
        libc::SYS_prlimit64,
        libc::SYS_rt_sigprocmask,
        libc::SYS_getpid,
        libc::SYS_prctl,
    ];
    others.into_iter().for_each(|call| install_before(call, Then::KillProcess));
    let tokens = register_allowed();
    let heavy = tokens.as_ref().map(|tokens| tokens.memory.heavy());
    // Ends at once: the harness would make calls of these.
    let code = if heavy.is_ok() { 0 } else { 1 };
    os::leave(code);
});

scenario!(a_filter_that_kills_for_one_flavour_costs_no_other, one_flavour, assert_success, || {
    install(&[Command::SyncCore, Command::RegisterSyncCore], Then::KillProcess);
    let tokens = register().expect("memory fences are allowed");
    assert_eq!(tokens.sync_core, filtered(Filter::Kills));
    assert!(tokens.rseq.is_ok());
});

scenario!(a_filter_that_kills_for_waiting_is_survived, no_wait, assert_success, || {
    install_before(libc::SYS_wait4, Then::KillProcess);
    assert!(register().is_ok());
});

scenario!(a_trial_is_not_the_first_process_of_a_namespace, namespace, assert_success, || {
    if !enter_pid_namespace() {
        skip!(Cause::Kernel("lets this process make no PID namespace"));
    }
    allow_all();
    assert_eq!(Memory::register(), filtered(Filter::NotAskable));
    // The first child is the first of the namespace, and the program's own.
    assert!(os::fork(|| os::fork(|| true)), "the program's forks work");
    assert!(Memory::register_allowed().is_ok());
});

scenario!(without_a_filter_a_new_namespace_is_no_obstacle, free_namespace, assert_success, || {
    if !enter_pid_namespace() {
        skip!(Cause::Kernel("lets this process make no PID namespace"));
    }
    assert!(Memory::register().is_ok());
    assert!(os::fork(|| os::fork(|| true)));
});

scenario!(what_was_answered_is_not_asked_again, remembered, assert_success, || {
    install(&[Command::PrivateExpedited], Then::KillProcess);
    install(&[Command::SyncCore], Then::Return(EPERM));
    let first = register();
    assert_eq!(first, filtered(Filter::Kills));
    let core = SyncCore::register();
    assert_eq!(core, filtered(Filter::Refuses(Error::NotRegistered)));
    // Another child, or another call, would be the end.
    install_before(libc::SYS_clone3, Then::KillProcess);
    install_before(libc::SYS_prctl, Then::KillProcess);
    install(&[], Then::KillProcess);
    for _ in 0..100 {
        assert_eq!(register(), first);
        assert_eq!(SyncCore::register(), core);
        assert!(matches!(Policy::Fences.register(), Ok(bonfire::Chosen::Fences(_))));
    }
});

scenario!(an_unregistered_heavy_fence_makes_no_call, unregistered, assert_success, || {
    install(&[], Then::KillProcess);
    process::heavy();
    assert!(register().is_err());
    process::heavy();
    thread::spawn(process::heavy).join().expect("no thread is killed");
});

/// A kernel that registers an address space by its process: a child is not.
fn hands_nothing_on(parent: u32) -> impl FnMut(Asked) -> Option<i32> {
    let mut registered = false;
    move |asked| {
        let is_child = asked.process != parent && asked.flags == 0;
        registered |= is_child && asked.command == Command::RegisterPrivateExpedited.number();
        (is_child && !registered).then_some(libc::EPERM)
    }
}

scenario!(a_forked_child_that_inherits_nothing_registers_again, forked, assert_success, || {
    let memory = Memory::register().expect("no filter yet");
    supervise(hands_nothing_on(std::process::id()));
    assert!(os::fork(|| {
        memory.heavy();
        process::heavy();
        memory.try_heavy().is_ok() && Memory::register().is_ok()
    }));
    assert!(ANSWERED.load(SeqCst) > 0, "the supervisor was asked");
});

scenario!(
    a_child_that_cannot_register_says_what_may_be_the_matter,
    orphaned,
    |output| {
        assert_died_with_a_message(output);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(["filter", "forked", "restored"].iter().all(|cause| said.contains(cause)), "{said}");
        assert!(!said.contains("issue its"), "one story: {said}");
    },
    || {
        let memory = Memory::register().expect("no filter yet");
        supervise(|_| Some(libc::EPERM));
        memory.heavy();
    }
);

scenario!(a_child_of_the_same_number_waits_for_nobodys_turn, turns, assert_success, || {
    if !enter_pid_namespace() {
        skip!(Cause::Kernel("lets this process make no PID namespace"));
    }
    // The first process of a namespace, and its child, which is one as well: both have
    // the number 1. It is forked while another thread is in `try_heavy` all the time.
    assert!(os::fork(|| {
        let memory = Memory::register().expect("no filter");
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(Relaxed) {
                    let _ = memory.try_heavy();
                }
            });
            let is_free = enter_pid_namespace() && os::fork(|| memory.try_heavy().is_ok());
            over.store(true, Relaxed);
            is_free
        })
    }));
});

scenario!(a_filter_that_hides_the_call_from_a_trial_is_named, hidden, assert_success, || {
    install(&[], Then::Return(ENOSYS));
    assert_eq!(Memory::register(), filtered(Filter::Refuses(Error::NotSupported)));
});
