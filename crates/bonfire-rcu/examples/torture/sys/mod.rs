//! Forking, moving to a CPU, and evicting a line.
#![expect(unsafe_code, reason = "system calls and an instruction")]

use std::sync::atomic::AtomicU64;

#[cfg(target_os = "linux")]
use std::mem;

/// Evicts the line of `word` from every cache, where there is an instruction for that.
#[inline(always)]
pub(super) fn evict(word: &AtomicU64) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the line is there, and is written back first; every x86-64 has the instruction.
    unsafe {
        core::arch::x86_64::_mm_clflush(word.as_ptr().cast());
    };
    #[cfg(not(target_arch = "x86_64"))]
    let _ = word;
}

#[cfg(target_os = "linux")]
/// Runs `body` in a child of this process, which ends with it; whether it returned `true`.
pub(super) fn in_a_child(body: impl FnOnce() -> bool) -> Option<bool> {
    // SAFETY: the child reads words of this program and ends; it takes no lock that another
    // thread may hold, and does not allocate.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let status = i32::from(!body());
        // SAFETY: ends the child at once, without the destructors of this program.
        unsafe { libc::_exit(status) };
    }
    let mut status = 0;
    // SAFETY: waits for the child from above and writes its status.
    let ended = unsafe { libc::waitpid(child, &raw mut status, 0) };
    (child > 0 && ended == child).then_some(status == 0)
}

#[cfg(target_os = "linux")]
/// Moves the calling thread to the CPU of this number, if there is such a one.
pub(super) fn run_on(cpu: usize) {
    // SAFETY: a set of CPUs is plain bits, all of which may be 0.
    let mut set: libc::cpu_set_t = unsafe { mem::zeroed() };
    // SAFETY: the number is within the set.
    unsafe { libc::CPU_SET(cpu, &mut set) };
    // SAFETY: the set lives through the call. If it fails the thread stays where it is.
    unsafe { libc::sched_setaffinity(0, mem::size_of_val(&set), &raw const set) };
}
