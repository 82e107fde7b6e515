//! What becomes of a barrier where the kernel forgets a hook: nothing. Each call
//! still reaches the CPU that must be reached, and the engine counts that it was
//! not told the truth.
//!
//! Each scene puts somebody of the caller's address space on the target's CPU, by
//! way of the hooks that a kernel might forget, and counts how many of the calls
//! interrupt that CPU. With no hook forgotten the same scenes must find the same,
//! and no mismatch: then they are part of what [`counted`](crate::counted) says.

use crate::counted::{CALLER, CALLS, TARGET, counts, issue, report, spin_on, wait_until};
use crate::threads;
use crate::{Arguments, sys};
use bonfire_abi::Command;
use bonfire_engine::{Design, Site};
use bonfire_testbed::{Hook, Variant, calls::Sysnum};
use core::ffi::CStr;
use core::sync::atomic::AtomicU32;
use core::sync::atomic::Ordering::Release;

/// The word by which a new image of this program goes on with its scene.
pub(crate) const IMAGE: &str = "forgotten-image";

/// Plays all scenes and reports, for the hook that is forgotten, if one is.
pub(crate) fn run(arguments: &Arguments) {
    let variant = arguments.value("design").and_then(Variant::from_name).unwrap_or_default();
    let forgotten = arguments.value("forget").and_then(Hook::from_name);
    sys::stay_on(CALLER);
    for online in [0, 1] {
        sys::call3(Sysnum::SetOnline, TARGET.into(), online, 0);
    }
    // Where no hook is listened to, a CPU that did not come online is found by its
    // own calls alone.
    let calls_first = variant.design == Design::Everywhere && forgotten == Some(Hook::Online);
    sys::in_a_process(|| threads_come_and_go("thread", calls_first));
    sys::in_a_process(|| become_an_image(calls_first));
    sys::in_a_process(a_kernel_thread_stays);
    sys::in_a_process(|| fork_and_call(forgotten == Some(Hook::Fork)));
    let (least, most) = mismatches(variant.design, forgotten);
    let counted = sys::call3(Sysnum::Mismatches, 0, 0, 0);
    report(format_args!("hooks/mismatches"), counted.unsigned_abs() as u64, least, most);
    sys::stay_anywhere();
}

/// A new image of this program, which the scene of that name became.
pub(crate) fn go_on(arguments: &Arguments) -> ! {
    threads_come_and_go("image", arguments.get(2) == "calls");
    sys::exit(0)
}

/// How many mismatches the engine counts without this hook, at the least and at
/// the most: the table of `docs/porting.md`.
fn mismatches(design: Design, forgotten: Option<Hook>) -> (u64, u64) {
    const NONE: (u64, u64) = (0, 0);
    const SOME: (u64, u64) = (1, u64::MAX);
    let is_told = design != Design::Everywhere;
    match forgotten {
        Some(Hook::Switch | Hook::Exec) if is_told => SOME,
        Some(Hook::Online) => SOME,
        // A mask keeps a CPU that goes on in the kernel on the same page tables; it
        // notices only that others are loaded.
        Some(Hook::Exit | Hook::ReturnSpace) if is_told && design != Design::Mask => SOME,
        Some(Hook::BorrowSpace) if is_told => SOME,
        _ => NONE,
    }
}

/// Threads come to the target's CPU and go; the last of them spins there.
fn threads_come_and_go(scene: &str, calls_first: bool) {
    sys::stay_on(CALLER);
    let words = [const { AtomicU32::new(0) }; 4];
    let [last, others @ ..] = &words;
    for word in others {
        drop(threads::start(word, visit, 0));
    }
    let body = if calls_first { call_and_spin } else { spin_on };
    let Some(_running) = threads::start(last, body, TARGET.into()) else { return };
    wait_until(&crate::counted::SPINNING, 1);
    issue(Command::RegisterPrivateExpedited);
    call(scene);
    // With its threads: the one that spins has no end.
    sys::exit(0);
}

extern "C" fn visit(_: u64) -> ! {
    sys::stay_on(TARGET);
    sys::exit_thread()
}

extern "C" fn call_and_spin(cpu: u64) -> ! {
    sys::stay_on(TARGET);
    issue(Command::Global);
    spin_on(cpu)
}

/// As above, in an image that the caller's process became.
fn become_an_image(calls_first: bool) {
    let how: &CStr = if calls_first { c"calls" } else { c"waits" };
    sys::exec(&[
        c"/init".as_ptr().cast(),
        c"forgotten-image".as_ptr().cast(),
        how.as_ptr().cast(),
        core::ptr::null(),
    ]);
}

/// A kernel thread uses the caller's address space on the target's CPU: the first
/// time is the one that is missed without the hook before it.
fn a_kernel_thread_stays() {
    static USES: AtomicU32 = AtomicU32::new(0);
    sys::stay_on(CALLER);
    issue(Command::RegisterPrivateExpedited);
    sys::call3(Sysnum::Stay, TARGET.into(), USES.as_ptr() as u64, 0);
    wait_until(&USES, 2);
    call("kernel-thread");
    // Release. PAIRS(scene): with the kernel's look at the word.
    USES.store(0, Release);
}

/// A child calls by its parent's registration.
fn fork_and_call(is_refused: bool) {
    issue(Command::RegisterPrivateExpedited);
    sys::in_a_process(|| {
        let answer = sys::call3(Sysnum::Membarrier, Command::PrivateExpedited as u64, 0, 0);
        let expected = is_refused.into();
        report(format_args!("hooks/fork/refused"), (answer < 0).into(), expected, expected);
    });
}

/// Calls, and counts how many calls interrupted the target's CPU.
fn call(scene: &str) {
    let interrupts = || counts(TARGET, Site::IpiMb).map_or(0, |[done, ..]| done);
    let before = interrupts();
    (0..CALLS).for_each(|_| issue(Command::PrivateExpedited));
    report(format_args!("hooks/{scene}/reached"), interrupts() - before, CALLS, CALLS);
}
