//! What becomes of a registration: threads, fork, exec, signal handlers.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::thread;

use bonfire::{Flavour, Memory, Policy, Refusal, process, raw, register, registrations};
use bonfire_skip::{Cause, skip};

use crate::common::{assert_success, in_own_process, is_scenario, rounds, store_buffering};
use crate::sys::process as os;

/// Runs `body` in a process of its own, or does nothing: see
/// [`in_own_process`].
fn scenario(name: &str, body: impl FnOnce()) {
    if is_scenario(name) {
        body();
    } else {
        assert_success(&in_own_process(name));
    }
}

#[test]
fn a_program_starts_with_no_registrations_and_holds_what_it_asked_for() {
    scenario("host::lifetimes::a_program_starts_with_no_registrations_and_holds_what_it_asked_for", || {
        // This process was started by `execve`, whose caller may have had some.
        match registrations() {
            Ok(held) if cfg!(not(feature = "early")) => assert_eq!(held.mask(), 0),
            Ok(_) => {}
            Err(refusal) => skip!(Cause::Kernel(&refusal.to_string())),
        }
        let registration = register().expect("QUERY says that there is one");
        let held = registrations().expect("told before");
        assert!(held.contains(Flavour::Private));
        assert_eq!(held.contains(Flavour::SyncCore), registration.sync_core.is_ok());
        assert_eq!(held.contains(Flavour::Rseq), registration.rseq.is_ok());
        // Again, from many threads at once, and at once.
        thread::scope(|scope| (0..8).for_each(|_| drop(scope.spawn(|| assert!(register().is_ok())))));
    });
}

#[cfg(feature = "early")]
#[test]
fn an_early_program_is_registered_before_main() {
    scenario("host::lifetimes::an_early_program_is_registered_before_main", || {
        assert_eq!(process::is_registered(), raw::commands().is_ok());
    });
}

#[test]
fn a_forked_child_has_the_registration_and_the_token() {
    let Ok(memory) = Memory::register() else {
        skip!(Cause::Kernel("lets nobody register for membarrier here"))
    };
    let child = || {
        memory.heavy();
        process::heavy();
        bonfire::light();
        memory.try_heavy().is_ok() && process::is_registered()
    };
    assert!(os::fork(child));
}

#[test]
fn a_program_started_by_a_registered_one_has_to_register() {
    scenario("host::lifetimes::a_program_started_by_a_registered_one_has_to_register", || {
        let depth = std::env::var("BONFIRE_DEPTH").is_ok();
        if depth {
            let heavy = raw::membarrier(bonfire::Call::new(bonfire::Command::PrivateExpedited));
            assert!(cfg!(feature = "early") || heavy.is_err(), "the gate is shut");
            assert!(Memory::register().is_ok());
        } else if Memory::register().is_ok() {
            // SAFETY is not needed: one thread reads the environment here.
            let this = std::env::current_exe().unwrap();
            let again = std::process::Command::new(this)
                .args(std::env::args_os().skip(1))
                .env("BONFIRE_DEPTH", "1")
                .status();
            assert!(again.unwrap().success());
        }
    });
}

static HANDLED: AtomicU32 = AtomicU32::new(0);

extern "C" fn fences_in_a_handler(_number: i32) {
    bonfire::light();
    process::light();
    process::heavy();
    if let Ok(memory) = Memory::register() {
        // Registered before: returns at once, without a call.
        memory.heavy();
    }
    HANDLED.fetch_add(1, Relaxed);
}

#[test]
fn fences_work_in_a_signal_handler_that_interrupts_fences() {
    if Memory::register().is_err() {
        skip!(Cause::Kernel("lets nobody register for membarrier here"));
    }
    os::handle(libc::SIGUSR2, fences_in_a_handler);
    for round in 1..=100 {
        process::heavy();
        os::raise(libc::SIGUSR2);
        assert_eq!(HANDLED.load(Relaxed), round);
    }
}

#[test]
fn fences_of_a_process_order_before_during_and_after_registration() {
    scenario("host::lifetimes::fences_of_a_process_order_before_during_and_after_registration", || {
        assert!(cfg!(feature = "early") || !process::is_registered());
        let before = store_buffering(rounds(500), 1, &process::light, &process::heavy);
        let registering = process::register_in_background();
        let during = store_buffering(rounds(500), 1, &process::light, &process::heavy);
        let after = match registering.wait() {
            Ok(_) => {
                assert!(process::is_registered());
                store_buffering(rounds(500), 1, &process::light, &process::heavy)
            }
            Err(refusal) => skip!(Cause::Kernel(&refusal.to_string())),
        };
        assert_eq!([before.forbidden, during.forbidden, after.forbidden], [0; 3]);
    });
}

#[test]
fn the_kernels_fence_is_chosen_where_there_is_one() {
    let Ok(memory) = Memory::register() else {
        skip!(Cause::Kernel("lets nobody register for membarrier here"))
    };
    for policy in [Policy::Refuse, Policy::Fences] {
        assert_eq!(policy.register(), Ok(bonfire::Chosen::Memory(memory)));
    }
}

#[test]
fn a_fence_of_the_whole_system_is_had_or_refused_by_cause() {
    let has = raw::commands().is_ok_and(|commands| commands.contains(bonfire::Command::Global));
    assert_eq!(bonfire::shared::heavy_everywhere().is_ok(), has);
}

#[test]
fn every_refusal_says_what_to_do() {
    let refusals = [
        Refusal::NoSuchCall,
        Refusal::NoSuchCommand(bonfire::Command::Rseq),
        Refusal::NohzFull,
        Refusal::Filtered(bonfire::Filter::Kills),
        Refusal::Lying,
        Refusal::OutOfMemory,
        Refusal::NoThread,
    ];
    for refusal in refusals {
        let text = refusal.to_string();
        assert!(
            text.contains([';', ',']) && text.starts_with(char::is_lowercase) && !text.ends_with('.'),
            "{text}"
        );
    }
}

#[cfg(feature = "statistics")]
#[test]
fn heavy_fences_are_counted() {
    use bonfire::statistics::Statistics;
    let Ok(memory) = Memory::register() else {
        skip!(Cause::Kernel("lets nobody register for membarrier here"))
    };
    let before = Statistics::now();
    // One in 64 is timed.
    (0..64).for_each(|_| memory.heavy());
    let after = Statistics::now();
    assert!(after.heavy >= before.heavy + 64 && after.time_ns > before.time_ns, "{before:?}, {after:?}");
}
