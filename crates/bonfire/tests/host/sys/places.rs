//! Places that a program may find itself in.

/// Has this process be told an old release: what `setarch --uname-2.6` does.
pub(crate) fn name_an_old_release() {
    const UNAME26: libc::c_ulong = 0x2_0000;
    // SAFETY: numbers only.
    assert!(unsafe { libc::personality(UNAME26) } >= 0);
    // SAFETY: all zeros is a name.
    let mut names: libc::utsname = unsafe { std::mem::zeroed() };
    // SAFETY: the structure lives through the call.
    assert_eq!(unsafe { libc::uname(&raw mut names) }, 0);
    assert_eq!(names.release[..3].iter().map(|&byte| byte as u8).collect::<Vec<_>>(), b"2.6");
}

/// Has the next child be the first of a new PID namespace; `false` if this process
/// may not.
pub(crate) fn enter_pid_namespace() -> bool {
    // SAFETY: numbers only.
    if unsafe { libc::unshare(libc::CLONE_NEWPID) } == 0 {
        return true;
    }
    // SAFETY: numbers only.
    unsafe { libc::unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWPID) == 0 }
}

/// How large a core of this process may be.
pub(crate) fn core_limit() -> (u64, u64) {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the structure lives through the call.
    assert_eq!(unsafe { libc::getrlimit(libc::RLIMIT_CORE, &raw mut limit) }, 0);
    (limit.rlim_cur, limit.rlim_max)
}

/// Has a core of this process be as large as may be.
pub(crate) fn allow_cores() {
    let (_, most) = core_limit();
    let limit = libc::rlimit { rlim_cur: most, rlim_max: most };
    // SAFETY: the structure lives through the call.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const limit) }, 0);
}

/// Pages of this process that had to be copied or made so far.
pub(crate) fn faults() -> i64 {
    // SAFETY: all zeros is a usage.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the structure lives through the call.
    assert_eq!(unsafe { libc::getrusage(libc::RUSAGE_SELF, &raw mut usage) }, 0);
    usage.ru_minflt
}

/// Whether this process has a child of any kind that was not waited for.
pub(crate) fn has_children() -> bool {
    // SAFETY: no status is asked for.
    let waited = unsafe { libc::waitpid(-1, std::ptr::null_mut(), libc::__WALL | libc::WNOHANG) };
    waited >= 0 || std::io::Error::last_os_error().raw_os_error() != Some(libc::ECHILD)
}

/// Keeps this thread and those it starts on one CPU.
pub(crate) fn run_on_one_cpu() {
    // SAFETY: an all-zero set is a set.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: takes nothing and cannot fail.
    let cpu = usize::try_from(unsafe { libc::sched_getcpu() }).expect("this thread runs somewhere");
    // SAFETY: the set is ours and has room for every CPU of the system's.
    unsafe { libc::CPU_SET(cpu, &mut set) };
    // SAFETY: the set lives through the call and is as long as said.
    assert_eq!(unsafe { libc::sched_setaffinity(0, size_of_val(&set), &raw const set) }, 0);
}

/// Leaves this process `more` bytes of addresses than it has.
pub(crate) fn limit_memory(more: u64) {
    let status = std::fs::read_to_string("/proc/self/statm").expect("a process has a size");
    let pages: u64 = status.split(' ').next().and_then(|pages| pages.parse().ok()).expect("a number");
    let limit = pages * 4096 + more;
    let limit = libc::rlimit { rlim_cur: limit, rlim_max: limit };
    // SAFETY: the structure lives through the call.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) }, 0);
}
