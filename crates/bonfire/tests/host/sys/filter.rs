//! Seccomp filters.

use bonfire::Command;

/// What a filter does with the calls that it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// Fails them with this error number; 0 is a lie.
    Return(u32),
    /// Kills the thread.
    KillThread,
    /// Kills the process.
    KillProcess,
    /// Sends `SIGSYS`.
    Trap,
    /// Asks a tracer, of whom there is none.
    Trace,
    /// Lets them through.
    Allow,
    /// Asks a supervisor.
    Notify,
}

impl Then {
    fn action(self) -> u32 {
        match self {
            Self::Return(errno) => libc::SECCOMP_RET_ERRNO | errno,
            Self::KillThread => libc::SECCOMP_RET_KILL_THREAD,
            Self::KillProcess => libc::SECCOMP_RET_KILL_PROCESS,
            Self::Trap => libc::SECCOMP_RET_TRAP,
            Self::Trace => libc::SECCOMP_RET_TRACE,
            Self::Allow => libc::SECCOMP_RET_ALLOW,
            Self::Notify => libc::SECCOMP_RET_USER_NOTIF,
        }
    }
}

/// Installs a filter for this thread and those it starts: `membarrier` with one of
/// `commands` (all, if empty) meets `then`.
pub(crate) fn install(commands: &[Command], then: Then) {
    let commands: Vec<u32> = commands.iter().map(|command| command.number() as u32).collect();
    install_program(&before(libc::SYS_membarrier, First::OneOf(&commands), then));
}

/// The same for another system call, whatever its arguments.
pub(crate) fn install_before(call: libc::c_long, then: Then) {
    install_program(&before(call, First::OneOf(&[]), then));
}

/// The same for every call that makes a process, and for none that starts a thread;
/// `clone3`, whose flags no filter sees, fails as if there were no such call.
pub(crate) fn install_before_processes(then: Then) {
    install_before_old_processes(then);
    if then != Then::Allow {
        install_before(libc::SYS_clone3, Then::Return(libc::ENOSYS as u32));
    }
}

/// The same by a filter that does not know `clone3`.
pub(crate) fn install_before_old_processes(then: Then) {
    #[cfg(target_arch = "x86_64")]
    for call in [libc::SYS_fork, libc::SYS_vfork] {
        install_before(call, then);
    }
    install_program(&before(libc::SYS_clone, First::Lacks(libc::CLONE_THREAD as u32), then));
}

/// Which calls a filter is for, by their first argument.
enum First<'a> {
    /// Any, if empty.
    OneOf(&'a [u32]),
    Lacks(u32),
}

fn install_program(program: &[libc::sock_filter]) {
    let filter = libc::sock_fprog { len: program.len() as u16, filter: program.as_ptr().cast_mut() };
    no_new_privileges();
    // SAFETY: the program lives through the call, which copies it.
    let installed = unsafe { libc::syscall(libc::SYS_seccomp, SET_MODE_FILTER, 0, &raw const filter) };
    assert_eq!(installed, 0, "a filter can be installed: {}", std::io::Error::last_os_error());
}

const SET_MODE_FILTER: libc::c_long = 1;

/// What a filter needs of a process without rights. A filter before `prctl` may stand
/// already, so it is asked for once.
fn no_new_privileges() {
    use std::sync::Once;
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: numbers only.
        assert_eq!(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }, 0);
    });
}

/// Has a supervisor asked of every `membarrier` of this thread and its children; the
/// descriptor on which it is.
pub(crate) fn notify_of_membarrier() -> i32 {
    const NEW_LISTENER: libc::c_ulong = 1 << 3;
    let program = before(libc::SYS_membarrier, First::OneOf(&[]), Then::Notify);
    let filter = libc::sock_fprog { len: program.len() as u16, filter: program.as_ptr().cast_mut() };
    no_new_privileges();
    // SAFETY: the program lives through the call, which copies it.
    let listener =
        unsafe { libc::syscall(libc::SYS_seccomp, SET_MODE_FILTER, NEW_LISTENER, &raw const filter) };
    i32::try_from(listener).expect("a descriptor")
}

/// Loads the number, compares; loads the first argument, compares; the action; to
/// let through.
fn before(call: libc::c_long, first: First, then: Then) -> Vec<libc::sock_filter> {
    let load = |offset| statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, offset);
    let jump = |test, value, yes, no| statement(libc::BPF_JMP | test | libc::BPF_K, yes, no, value);
    let end = |value| statement(libc::BPF_RET | libc::BPF_K, 0, 0, value);
    let first_argument = load(if cfg!(target_endian = "big") { 20 } else { 16 });
    let mut tests = Vec::new();
    match first {
        First::OneOf(&[]) => {}
        First::OneOf(values) => {
            tests.push(first_argument);
            for (at, value) in (1_u8..).zip(values) {
                let to_action = values.len() as u8 - at;
                tests.push(jump(libc::BPF_JEQ, *value, to_action, u8::from(to_action == 0)));
            }
        }
        First::Lacks(bit) => tests.extend([first_argument, jump(libc::BPF_JSET, bit, 1, 0)]),
    }
    // To the last statement, past the tests and the action.
    let past = tests.len() as u8 + 1;
    let mut program = vec![load(0), jump(libc::BPF_JEQ, call as u32, 0, past)];
    program.extend(tests);
    program.extend([end(then.action()), end(libc::SECCOMP_RET_ALLOW)]);
    program
}

fn statement(code: u32, jt: u8, jf: u8, k: u32) -> libc::sock_filter {
    libc::sock_filter { code: code as u16, jt, jf, k }
}
