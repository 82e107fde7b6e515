//! The few things that no safe library does: births, mappings, the raw call.

#[cfg(not(any(target_arch = "powerpc64", target_arch = "s390x")))]
mod guarded;
mod rseq;

use std::ffi::CString;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, FromRawFd, OwnedFd, RawFd};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use bonfire_abi::{Error, SYSTEM_CALL, to_return};
use bonfire_conformance::{Arena, CodePage, Page};
use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
use rustix::mm::{MapFlags, ProtFlags, mmap, mmap_anonymous};
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, set_parent_process_death_signal, waitpid};

#[cfg(not(any(target_arch = "powerpc64", target_arch = "s390x")))]
pub(crate) use guarded::Guarded;
pub(crate) use rseq::rseq_area;

/// `membarrier` with these registers, and the raw value that it returned.
///
/// By the C library's function and not by an instruction of our own: kernels may
/// take away in a system call what the convention of an ordinary call takes away
/// as well (vector registers of riscv64, the SVE state of arm64), and only such a
/// call tells the compiler so.
pub(crate) fn membarrier([cmd, flags, cpu_id]: [u64; 3]) -> isize {
    let Some(number) = SYSTEM_CALL else { return to_return(Err(Error::NotSupported)) };
    // SAFETY: membarrier takes no pointers, and no value of its arguments does
    // anything to memory.
    let value = unsafe { libc::syscall(number as libc::c_long, cmd, flags, cpu_id) };
    match value {
        // The library moved the error elsewhere; a kernel's value has its sign turned.
        -1 => -(io::Error::last_os_error().raw_os_error().unwrap_or(1) as isize),
        value => value as isize,
    }
}

/// A file in memory of `size` zero bytes. A new program image inherits it. A kernel
/// that cannot set a length may still write as far as that.
pub(crate) fn memory_file(size: usize) -> io::Result<OwnedFd> {
    let file = memfd_create("bonfire", MemfdFlags::empty())?;
    if ftruncate(&file, size as u64).is_err() {
        File::from(file.try_clone()?).write_all(&vec![0; size])?;
    }
    Ok(file)
}

/// Takes a file that grows beyond the limit on sizes for an error, not for the end
/// of this process and of all that it starts.
pub(crate) fn survive_limits() {
    // SAFETY: no function of ours is installed; the signal is ignored.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
}

/// The file that an earlier image of this process left open under `number`.
pub(crate) fn inherited_file(number: u64) -> io::Result<OwnedFd> {
    let number = RawFd::try_from(number).map_err(io::Error::other)?;
    // SAFETY: nothing in this new image owns the number: its first act is to
    // come here. A number that is not open fails at the first use.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Maps the arena that `file` holds, for good; without a file, an arena that
/// children share, but no new image finds.
pub(crate) fn map_arena(file: Option<impl AsFd>) -> io::Result<&'static Arena> {
    let (access, size) = (ProtFlags::READ | ProtFlags::WRITE, size_of::<Arena>());
    let address = match file {
        // SAFETY: a new mapping at an address of the kernel's choice touches none
        // that exists.
        Some(file) => unsafe { mmap(ptr::null_mut(), size, access, MapFlags::SHARED, file, 0) }?,
        // SAFETY: as above.
        None => unsafe { mmap_anonymous(ptr::null_mut(), size, access, MapFlags::SHARED) }?,
    };
    // SAFETY: (1) the mapping is as large as an arena, aligned to a page and
    // never unmapped; (2) all its fields are atomic integers, so that every
    // content is valid and other processes may change it at any time. A file
    // too short, which no caller has, would end in SIGBUS.
    Ok(unsafe { &*address.cast::<Arena>() })
}

/// Memory that all processes share and that is filled only when it is used: more
/// than caches hold. Empty if there is none to be had.
pub(crate) fn cold_memory() -> &'static [Page] {
    const PAGES: usize = (32 << 20) / size_of::<Page>();
    let access = ProtFlags::READ | ProtFlags::WRITE;
    let flags = MapFlags::SHARED | MapFlags::NORESERVE;
    // SAFETY: a new mapping at an address of the kernel's choice touches none
    // that exists.
    let Ok(address) = (unsafe { mmap_anonymous(ptr::null_mut(), PAGES * size_of::<Page>(), access, flags) })
    else {
        return &[];
    };
    // SAFETY: mapped for ever, aligned to a page, zeros at first, and all atomic.
    unsafe { std::slice::from_raw_parts(address.cast::<Page>(), PAGES) }
}

/// A page with a function that can be rewritten, if the system lets memory be
/// both written and executed. A forked child gets a copy of its own.
pub(crate) fn code_page() -> Option<CodePage> {
    const PAGE: usize = 4096;
    let access = ProtFlags::READ | ProtFlags::WRITE | ProtFlags::EXEC;
    // SAFETY: a new mapping at an address of the kernel's choice touches none
    // that exists.
    let address = unsafe { mmap_anonymous(ptr::null_mut(), PAGE, access, MapFlags::PRIVATE) }.ok()?;
    // SAFETY: the mapping is a whole page, never unmapped, and nobody else's.
    unsafe { CodePage::new(NonNull::new(address)?.cast()) }
}

/// Forks a child that does `body` and exits.
///
/// The child has one thread, and the state in which this one's locks are. It
/// allocates and starts threads, which the C library allows a forked child;
/// it never touches the standard streams, whose locks a thread that does not
/// exist there may hold.
pub(crate) fn fork(body: impl FnOnce()) -> io::Result<Pid> {
    // SAFETY: fork itself has no conditions; what the child may do is said above.
    match unsafe { libc::fork() } {
        0 => in_child(body),
        -1 => Err(io::Error::last_os_error()),
        child => Ok(pid(child)),
    }
}

/// Starts a child in this address space, not in this thread group, for each
/// number below `count`, and returns how they ended when all have. With
/// `vfork`, each is waited for before the next.
///
/// QEMU's emulator of programs gives a child a copy of the address space, in which it
/// would miss barriers that nobody owes it: so the first does nothing but show whether
/// it has one, and then the others are not started, and each is an error.
pub(crate) fn clone_vm(
    vfork: bool,
    count: usize,
    body: &(dyn Fn(usize) + Sync),
) -> Vec<io::Result<WaitStatus>> {
    match start_in_here(vfork, 1, &|_| ()).pop() {
        Some(Ok(_)) => start_in_here(vfork, count, body),
        _ => (0..count).map(|_| Err(io::ErrorKind::Unsupported.into())).collect(),
    }
}

/// The same, where a child with a copy has done its `body`, and is an error after that.
fn start_in_here(vfork: bool, count: usize, body: &(dyn Fn(usize) + Sync)) -> Vec<io::Result<WaitStatus>> {
    const STACK: usize = 256 << 10;
    let mut stacks = vec![vec![0u8; STACK]; count];
    let birth = |index| Birth { body, index, is_seen: AtomicBool::new(false) };
    let births: Vec<Birth<'_>> = (0..count).map(birth).collect();
    let flags = libc::CLONE_VM | libc::SIGCHLD | if vfork { libc::CLONE_VFORK } else { 0 };
    let start = |(stack, birth): (&mut Vec<u8>, &Birth<'_>)| {
        let top = stack.as_mut_ptr_range().end.cast();
        let birth = ptr::from_ref(birth).cast_mut().cast();
        // SAFETY: (1) the stack is the child's alone, and `birth` is shared and
        // only read; (2) both live until the child has ended, for which this
        // function waits; (3) the child shares this thread's thread-local
        // storage, and this thread does nothing but start and wait.
        match unsafe { libc::clone(born, top, flags, birth) } {
            -1 => Err(io::Error::last_os_error()),
            child => Ok(pid(child)),
        }
    };
    let children: Vec<io::Result<Pid>> = stacks.iter_mut().zip(&births).map(start).collect();
    let ended = |(child, birth): (io::Result<Pid>, &Birth<'_>)| {
        let status = wait(child?)?;
        let shared = birth.is_seen.load(Relaxed).then_some(status);
        shared.ok_or_else(|| io::ErrorKind::Unsupported.into())
    };
    children.into_iter().zip(&births).map(ended).collect()
}

/// What a child of [`clone_vm`] is born for.
struct Birth<'a> {
    body: &'a (dyn Fn(usize) + Sync),
    index: usize,
    /// The child stores here; its end, which the parent waits for, orders that.
    is_seen: AtomicBool,
}

extern "C" fn born(birth: *mut libc::c_void) -> libc::c_int {
    // SAFETY: `clone_vm` passed this pointer to a `Birth` that outlives us.
    let birth = unsafe { &*birth.cast::<Birth<'_>>() };
    birth.is_seen.store(true, Relaxed);
    in_child(|| (birth.body)(birth.index))
}

/// Waits for the end of `child`.
pub(crate) fn wait(child: Pid) -> io::Result<WaitStatus> {
    let ended = waitpid(Some(child), WaitOptions::empty())?;
    ended.map(|(_, status)| status).ok_or_else(|| io::ErrorKind::NotFound.into())
}

/// What every child does: its task, and then nothing of what this program does
/// at its end. It dies with the parent.
fn in_child(body: impl FnOnce()) -> ! {
    let _ = set_parent_process_death_signal(Some(Signal::KILL));
    body();
    // SAFETY: `_exit` runs no handler and never returns.
    unsafe { libc::_exit(0) }
}

fn pid(number: libc::pid_t) -> Pid {
    Pid::from_raw(number).expect("a child has a positive number")
}

/// Asks for short turns on the CPU, which come sooner: threads that must meet on
/// busy CPUs wait for each other's turn. Needs no right; kernels before Linux
/// 6.12 take no notice.
pub(crate) fn take_short_turns(nice: i32) {
    const TURN_NS: u64 = 100_000;
    let attributes = libc::sched_attr {
        size: size_of::<libc::sched_attr>() as u32,
        sched_policy: libc::SCHED_OTHER.cast_unsigned(),
        sched_flags: 0,
        sched_nice: nice,
        sched_priority: 0,
        sched_runtime: TURN_NS,
        sched_deadline: 0,
        sched_period: 0,
    };
    // SAFETY: the attributes live until the call returns, and say how large they are.
    unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) };
}

/// Gives this thread the lowest real-time priority, if the system lets it.
pub(crate) fn prioritise() {
    let lowest = libc::sched_param { sched_priority: 1 };
    // SAFETY: the parameter lives until the call returns.
    unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &raw const lowest) };
}

/// Becomes this same program with these arguments. Returns if that fails.
pub(crate) fn exec(arguments: &[&str]) {
    let arguments: Vec<CString> = arguments.iter().filter_map(|&text| CString::new(text).ok()).collect();
    let mut pointers: Vec<*const libc::c_char> = arguments.iter().map(|text| text.as_ptr()).collect();
    pointers.push(ptr::null());
    let environment = [ptr::null()];
    // The second is for a kernel without /proc: what this image was started as.
    for program in [c"/proc/self/exe".as_ptr(), started_as()] {
        // SAFETY: the program's name is a string or null, which the kernel refuses;
        // both lists end with a null pointer and, like the strings that they point
        // to, live until the call returns.
        unsafe { libc::execve(program, pointers.as_ptr(), environment.as_ptr()) };
    }
}

/// The path that the kernel was given for this image, or null.
fn started_as() -> *const libc::c_char {
    // SAFETY: it reads a table that the kernel left in this process's memory.
    unsafe { libc::getauxval(libc::AT_EXECFN) as *const libc::c_char }
}

/// Waits `ns` nanoseconds off the CPU; where the kernel has no such wait, or ends
/// it early, only for others to have had a turn.
pub(crate) fn nap(ns: u64) {
    COUNTED_NS.fetch_add(ns, Relaxed);
    let time = libc::timespec {
        tv_sec: (ns / 1_000_000_000) as libc::time_t,
        tv_nsec: (ns % 1_000_000_000) as libc::c_long,
    };
    // SAFETY: the time lives until the call returns, and nothing is written.
    if unsafe { libc::nanosleep(&raw const time, ptr::null_mut()) } != 0 {
        std::thread::yield_now();
    }
}

/// What goes up where there is no clock: the time of naps, and a microsecond each time
/// that somebody asks.
static COUNTED_NS: AtomicU64 = AtomicU64::new(0);

/// A clock that never goes back, in nanoseconds; of a kernel that has none, the
/// time of day, or a count.
pub(crate) fn now_ns() -> u64 {
    clock_ns().unwrap_or_else(|| COUNTED_NS.fetch_add(1_000, Relaxed))
}

/// Whether the kernel has a clock.
pub(crate) fn has_clock() -> bool {
    clock_ns().is_some()
}

fn clock_ns() -> Option<u64> {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    let clocks = [libc::CLOCK_MONOTONIC, libc::CLOCK_REALTIME];
    // SAFETY: the time lives until the call returns, which writes it.
    clocks.into_iter().find(|&clock| unsafe { libc::clock_gettime(clock, &raw mut now) } == 0)?;
    Some(u64::try_from(now.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or(0))
}
