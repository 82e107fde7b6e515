//! The system calls of Linux, without a C library.
//!
//! The testbed's kernel has the same numbers and conventions, so this program
//! runs on either, and what one of them does not have it answers with `ENOSYS`.

use crate::arch;
use bonfire_testbed::calls::Sysnum;
use core::sync::atomic::AtomicU32;

/// Any call that every architecture has.
pub(crate) fn call(call: Sysnum, arguments: [u64; 6]) -> isize {
    arch::call(call.number().expect("every architecture has it"), arguments)
}

/// A call with up to three arguments.
pub(crate) fn call3(number: Sysnum, a: u64, b: u64, c: u64) -> isize {
    call(number, [a, b, c, 0, 0, 0])
}

/// Writes to the console, in one piece.
pub(crate) fn write(bytes: &[u8]) {
    call3(Sysnum::Write, 1, bytes.as_ptr() as u64, bytes.len() as u64);
}

const READ_WRITE_EXECUTE: u64 = 7;
/// Of all pages at once: none faults in the middle of a race.
const POPULATE: u64 = 0x8000;
const SHARED: u64 = 1 | POPULATE;
const PRIVATE_ANONYMOUS: u64 = 0x22 | POPULATE;

/// Fresh memory of this process, zeros.
pub(crate) fn memory(length: usize) -> Option<*mut u8> {
    pointer(call(Sysnum::Mmap, [0, length as u64, READ_WRITE_EXECUTE, PRIVATE_ANONYMOUS, u64::MAX, 0]))
}

/// Memory that is shared through a file.
pub(crate) fn shared_memory(file: u64, length: usize) -> Option<*mut u8> {
    pointer(call(Sysnum::Mmap, [0, length as u64, READ_WRITE_EXECUTE, SHARED, file, 0]))
}

fn pointer(result: isize) -> Option<*mut u8> {
    (result > 0).then_some(result as *mut u8)
}

/// A memory file of zeros, which stays open in new program images.
pub(crate) fn memory_file(length: usize) -> Option<u64> {
    let file = u64::try_from(call3(Sysnum::MemfdCreate, c"arena".as_ptr() as u64, 0, 0)).ok()?;
    (call3(Sysnum::Ftruncate, file, length as u64, 0) == 0).then_some(file)
}

/// Ends this thread.
pub(crate) fn exit_thread() -> ! {
    loop {
        call3(Sysnum::Exit, 0, 0, 0);
    }
}

/// Ends this process.
pub(crate) fn exit(status: u64) -> ! {
    loop {
        call3(Sysnum::ExitGroup, status, 0, 0);
    }
}

/// Ends the machine, as the first process of one.
pub(crate) fn power_off() {
    call3(Sysnum::Reboot, 0xfee1_dead, 0x2812_1969, 0x4321_fedc);
}

/// A copy of this process: 0 in the copy.
pub(crate) fn fork() -> isize {
    arch::clone_here(SIGCHLD)
}

/// How to share with what [`clone`] makes.
pub(crate) const THREAD: u64 = 0x100 | 0x200 | 0x400 | 0x800 | 0x10000 | 0x20_0000;
/// A process in the same memory.
pub(crate) const SAME_MEMORY: u64 = 0x100 | SIGCHLD;
/// As above, and wait until it leaves.
pub(crate) const VFORK: u64 = SAME_MEMORY | 0x4000;
const SIGCHLD: u64 = 17;

/// Makes a thread or process that calls `body(argument)`, which must not return,
/// on a stack that ends at `stack`. A thread clears `word` at its end, and wakes
/// whoever waits for that.
///
/// # Safety
/// The stack is nobody else's, 16-aligned, and stays until the end.
pub(crate) unsafe fn clone(
    flags: u64,
    stack: *mut u64,
    word: &AtomicU32,
    body: extern "C" fn(u64) -> !,
    argument: u64,
) -> isize {
    let top = stack.wrapping_sub(2);
    // SAFETY: the last two words of the caller's stack.
    unsafe { top.cast::<[u64; 2]>().write([body as *const () as u64, argument]) };
    // SAFETY: what the new thread calls is on its stack, which is its own.
    unsafe { arch::clone(flags, top, word.as_ptr()) }
}

/// Becomes a new image of this program. Returns only if that fails.
pub(crate) fn exec(arguments: &[*const u8]) {
    let nothing: *const u8 = core::ptr::null();
    call3(Sysnum::Execve, c"/init".as_ptr() as u64, arguments.as_ptr() as u64, (&raw const nothing) as u64);
}

/// Calls `f` in a fresh process and waits for its end.
pub(crate) fn in_a_process(f: impl FnOnce()) {
    let child = fork();
    if child == 0 {
        f();
        exit(0);
    }
    wait(child, false);
}

/// Waits for a child, or any with -1, and returns its number and status; with
/// `now`, does not wait.
pub(crate) fn wait(child: isize, now: bool) -> (isize, i32) {
    let mut status = 0;
    let ended = call(Sysnum::Wait4, [child as u64, (&raw mut status) as u64, now.into(), 0, 0, 0]);
    (ended, status)
}

/// Kills a process, or a group by its negative number.
pub(crate) fn kill(process: isize) {
    call3(Sysnum::Kill, process as u64, 9, 0);
}

/// Makes this process the first of a group.
pub(crate) fn lead_group() {
    call3(Sysnum::Setpgid, 0, 0, 0);
}

/// Sleeps while `word` is `value`, or until `limit_ns` have passed.
pub(crate) fn sleep_while(word: &AtomicU32, value: u32, limit_ns: Option<u64>) {
    let time = limit_ns.map(timespec);
    let time = time.as_ref().map_or(0, |time| (&raw const *time) as u64);
    call(Sysnum::Futex, [word.as_ptr() as u64, 0, value.into(), time, 0, 0]);
}

/// Sleeps.
pub(crate) fn sleep_ns(ns: u64) {
    let time = timespec(ns);
    call3(Sysnum::Nanosleep, (&raw const time) as u64, 0, 0);
}

fn timespec(ns: u64) -> [u64; 2] {
    [ns / 1_000_000_000, ns % 1_000_000_000]
}

/// The monotonic clock.
pub(crate) fn now_ns() -> u64 {
    let mut time = [0u64; 2];
    call3(Sysnum::ClockGettime, 1, (&raw mut time) as u64, 0);
    time[0] * 1_000_000_000 + time[1]
}

/// The CPU's own clock.
pub(crate) fn ticks() -> u64 {
    arch::ticks()
}

/// Keeps this thread on one CPU; whether that is possible.
pub(crate) fn stay_on(cpu: u32) -> bool {
    let set = 1u64.checked_shl(cpu).unwrap_or(0);
    call3(Sysnum::SchedSetaffinity, 0, 8, (&raw const set) as u64) == 0
}

/// Lets this thread run on any CPU again.
pub(crate) fn stay_anywhere() {
    let set = u64::MAX;
    call3(Sysnum::SchedSetaffinity, 0, 8, (&raw const set) as u64);
}

/// Lets another thread run on this CPU.
pub(crate) fn yield_now() {
    call3(Sysnum::SchedYield, 0, 0, 0);
}

/// The CPUs that this thread may run on, one bit each.
pub(crate) fn affinity() -> u64 {
    let mut set = 0u64;
    call3(Sysnum::SchedGetaffinity, 0, 8, (&raw mut set) as u64);
    set
}
