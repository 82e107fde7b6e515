//! Linux's system calls, without a C library.

use core::ffi::{CStr, c_char};
use core::fmt;
use core::mem::MaybeUninit;
use core::ptr::{null, null_mut};
use core::sync::atomic::Ordering::Relaxed;
use core::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64};

use bonfire_abi::SYSTEM_CALL;
use bonfire_conformance::{Arena, Ending};

use crate::arch;

/// The name under which this program was started.
static PROGRAM: AtomicPtr<c_char> = AtomicPtr::new(null_mut());

/// Where `_start` goes.
pub(crate) extern "C" fn begin(stack: *const u64) -> ! {
    // SAFETY: the count of arguments, by the platform's convention.
    let count = unsafe { stack.read() } as usize;
    let arguments = Arguments { list: stack.wrapping_add(1).cast(), count };
    PROGRAM.store(arguments.raw(0).cast_mut(), Relaxed);
    let status = crate::main(&arguments);
    if call(arch::GETPID, [0; 6]) == 1 {
        call(arch::REBOOT, [0xfee1_dead, 0x2812_1969, 0x4321_fedc, 0, 0, 0]);
    }
    exit_group(status)
}

/// The words that the program was started with.
pub(crate) struct Arguments {
    list: *const *const c_char,
    count: usize,
}

impl Arguments {
    /// The file and the task with which a new image goes on.
    pub(crate) fn resumed(&self) -> Option<[u64; 2]> {
        let number = |index| self.get(index)?.to_str().ok()?.parse().ok();
        (self.get(1)? == RESUME).then_some([number(2)?, number(3)?])
    }

    fn get(&self, index: usize) -> Option<&CStr> {
        let text = self.raw(index);
        // SAFETY: null, or one of the strings that the kernel laid out.
        (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) })
    }

    fn raw(&self, index: usize) -> *const c_char {
        if index >= self.count {
            return null();
        }
        // SAFETY: one of `count` pointers that the kernel laid out.
        unsafe { self.list.wrapping_add(index).read() }
    }
}

const RESUME: &CStr = c"resume";

/// A call whose arguments point to nothing that is not the caller's.
fn call(number: u64, arguments: [u64; 6]) -> isize {
    // SAFETY: what is said above; all callers are in this file.
    unsafe { arch::call(number, arguments) }
}

/// `membarrier` with these registers.
pub(crate) fn membarrier([command, flags, cpu]: [u64; 3]) -> isize {
    SYSTEM_CALL.map_or(-38, |number| call(number as u64, [command, flags, cpu, 0, 0, 0]))
}

/// Standard output, unbuffered.
pub(crate) struct Console;

impl fmt::Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        call(arch::WRITE, [1, text.as_ptr() as u64, text.len() as u64, 0, 0, 0]);
        Ok(())
    }
}

const SHARED: u64 = 1;
const PRIVATE: u64 = 2;
const ANONYMOUS: u64 = 0x20;

/// Fresh zeros, of a file or of none, for good.
fn map(length: usize, how: u64, file: u64) -> Option<*mut u8> {
    const READ_WRITE: u64 = 3;
    let arguments = [0, length as u64, READ_WRITE, how, file, 0];
    let address = match arch::MMAP_READS_MEMORY {
        true => call(arch::MMAP, [arguments.as_ptr() as u64, 0, 0, 0, 0, 0]),
        false => call(arch::MMAP, arguments),
    };
    (!(-4095..=0).contains(&address)).then_some(address as *mut u8)
}

/// Memory for an arena that new images find by this number.
pub(crate) fn memory_file(length: usize) -> Option<u64> {
    let file = call(arch::MEMFD_CREATE, [c"bonfire".as_ptr() as u64, 0, 0, 0, 0, 0]);
    let file = u64::try_from(file).ok()?;
    (call(arch::FTRUNCATE, [file, length as u64, 0, 0, 0, 0]) == 0).then_some(file)
}

/// The arena in that memory, or in memory that only children share.
pub(crate) fn arena(file: Option<u64>) -> Option<&'static Arena> {
    let how = if file.is_some() { SHARED } else { SHARED | ANONYMOUS };
    let memory = map(size_of::<Arena>(), how, file.unwrap_or(u64::MAX))?;
    // SAFETY: zeros at first or an arena; mapped for ever, a page aligned, all atomic.
    Some(unsafe { &*memory.cast::<Arena>() })
}

/// Puts `value` where it stays.
pub(crate) fn keep<T>(value: T) -> Option<&'static T> {
    let place = map(size_of::<T>(), PRIVATE | ANONYMOUS, u64::MAX)?.cast::<MaybeUninit<T>>();
    // SAFETY: fresh memory, a page aligned, that nobody else knows and nobody unmaps.
    let place = unsafe { &mut *place };
    Some(place.write(value))
}

/// How a process comes to be.
#[derive(Clone, Copy)]
pub(crate) enum Birth {
    Fork,
    SameMemory,
    Vfork,
}

/// A process, by number.
#[derive(Clone, Copy)]
pub(crate) struct Child(u64);

const SIGCHLD: u64 = 17;
const VM: u64 = 0x100;
const VFORK: u64 = 0x4000;
/// Memory, working folder, files, handlers, group, and undo lists of semaphores.
const THREAD: u64 = VM | 0x200 | 0x400 | 0x800 | 0x1_0000 | 0x4_0000;

/// Starts a process that does `body` and ends.
pub(crate) fn start(how: Birth, body: impl FnOnce() + 'static) -> Option<Child> {
    let child = match how {
        Birth::Fork => {
            let child = call(arch::CLONE, arch::forked(SIGCHLD));
            if child == 0 {
                body();
                exit_group(0);
            }
            child
        }
        Birth::SameMemory => clone(VM | SIGCHLD, run_process(&body), body)?,
        Birth::Vfork => clone(VM | VFORK | SIGCHLD, run_process(&body), body)?,
    };
    (child > 0).then_some(Child(child as u64))
}

/// Starts a thread that does `body` and ends, for as long as `running` is not 0.
pub(crate) fn start_thread(running: &AtomicU32, body: impl FnOnce() + 'static) -> bool {
    running.store(1, Relaxed);
    let word = running.as_ptr().cast_const();
    let thread = Thread { body, word };
    let started = clone(THREAD, run_thread(&thread), thread).is_some_and(|thread| thread > 0);
    running.store(u32::from(started) * running.load(Relaxed), Relaxed);
    started
}

struct Thread<F> {
    body: F,
    word: *const u32,
}

type Entry = extern "C" fn(*mut u8) -> !;

/// A stack with `data` at its top, and a birth that begins with `entry`.
fn clone<T>(flags: u64, entry: Entry, data: T) -> Option<isize> {
    const STACK: usize = 128 << 10;
    let stack = map(STACK, PRIVATE | ANONYMOUS, u64::MAX)?;
    let place = (stack as usize + STACK - size_of::<T>()) & !63;
    let place = stack.with_addr(place);
    // SAFETY: fresh memory, aligned to 64, with room for the value above it.
    unsafe { place.cast::<T>().write(data) };
    // SAFETY: the stack below is nobody else's, aligned, and never unmapped.
    Some(unsafe { arch::clone(flags, place, entry, place) })
}

/// The entry of a process with a `body` of this type.
fn run_process<F: FnOnce()>(_: &F) -> Entry {
    extern "C" fn run<F: FnOnce()>(data: *mut u8) -> ! {
        // SAFETY: `clone` put it there for this process alone.
        let body = unsafe { data.cast::<F>().read() };
        body();
        exit_group(0)
    }
    run::<F>
}

/// The entry of a thread.
fn run_thread<F: FnOnce()>(_: &Thread<F>) -> Entry {
    extern "C" fn run<F: FnOnce()>(data: *mut u8) -> ! {
        // SAFETY: `clone` put it there for this thread alone.
        let Thread { body, word } = unsafe { data.cast::<Thread<F>>().read() };
        body();
        // SAFETY: who started this thread keeps the word until it is 0.
        unsafe { arch::leave(word) }
    }
    run::<F>
}

/// Waits for the end of `child`.
pub(crate) fn wait(child: Child) -> Ending {
    ended(child, 0).unwrap_or(Ending::Missing)
}

/// How `child` ended, if it has.
pub(crate) fn poll(child: Child) -> Option<Ending> {
    const NO_HANG: u64 = 1;
    ended(child, NO_HANG)
}

fn ended(Child(number): Child, how: u64) -> Option<Ending> {
    let mut status = 0i32;
    match call(arch::WAIT4, [number, &raw mut status as u64, how, 0, 0, 0]) {
        0 => None,
        ended if ended as u64 != number => Some(Ending::Missing),
        _ => Some(match (status & 0x7f, status >> 8) {
            (0, 0) => Ending::Ended,
            (0, _) => Ending::Missing,
            (signal, _) => Ending::Killed(signal),
        }),
    }
}

/// Kills `child` and waits for its end, if the kernel can.
pub(crate) fn kill(child: Child) {
    const SIGKILL: u64 = 9;
    if call(arch::KILL, [child.0, SIGKILL, 0, 0, 0, 0]) == 0 {
        wait(child);
    }
}

/// Becomes a new image of this program that goes on with `task`. Returns if it cannot.
pub(crate) fn exec(file: u64, task: u64) {
    let numbers = [file, task].map(decimal);
    let [file, task] = [0, 1].map(|index: usize| numbers[index].as_ptr().cast());
    let arguments = [c"bonfire-runner".as_ptr(), RESUME.as_ptr(), file, task, null()];
    let nothing: *const c_char = null();
    for program in [c"/proc/self/exe".as_ptr(), PROGRAM.load(Relaxed)] {
        let lists = [program as u64, arguments.as_ptr() as u64, &raw const nothing as u64, 0, 0, 0];
        call(arch::EXECVE, lists);
    }
}

/// A number in digits, with a zero byte behind it.
fn decimal(mut number: u64) -> [u8; 24] {
    let mut text = [b'0'; 24];
    text[23] = 0;
    for digit in text[..23].iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
    text
}

/// A clock, or where there is none, how often it was asked for, as microseconds.
pub(crate) fn now_ns() -> u64 {
    static ASKED: AtomicU64 = AtomicU64::new(0);
    const MONOTONIC: u64 = 1;
    let mut now = [0u64; 2];
    match call(arch::CLOCK_GETTIME, [MONOTONIC, &raw mut now as u64, 0, 0, 0, 0]) {
        0 => now[0] * 1_000_000_000 + now[1],
        _ => ASKED.fetch_add(1, Relaxed) * 1_000,
    }
}

/// Lets others have the CPU.
pub(crate) fn yield_now() {
    if call(arch::SCHED_YIELD, [0; 6]) != 0 {
        core::hint::spin_loop();
    }
}

/// Ends this process; on a kernel that cannot, this thread, which is by then the last.
pub(crate) fn exit_group(status: u8) -> ! {
    loop {
        call(arch::EXIT_GROUP, [status.into(), 0, 0, 0, 0, 0]);
        call(arch::EXIT, [status.into(), 0, 0, 0, 0, 0]);
    }
}
