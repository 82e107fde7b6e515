//! System calls that wait until another thread has said what becomes of them:
//! seccomp's notifications, as far as a test wants them.

use std::io;
use std::mem::zeroed;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// Where calls wait.
pub(crate) struct Listener(OwnedFd);

/// A call that waits.
pub(crate) struct Waiting {
    id: u64,
    /// The thread that made it.
    pub(crate) thread: u32,
    /// Which call it is.
    pub(crate) number: libc::c_long,
}

/// From here on every call among `calls` (or, where that is not `these`, among all
/// others), of this thread and of all that it starts, waits for an answer.
pub(crate) fn listen(calls: &[libc::c_long], these: bool) -> io::Result<Listener> {
    let mut program = filter(calls, these);
    let program = libc::sock_fprog {
        len: u16::try_from(program.len()).expect("a filter is short"),
        filter: program.as_mut_ptr(),
    };
    // SAFETY: numbers alone; this thread and its children gain no rights by exec.
    succeeded(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }.into())?;
    let (install, flags) = (libc::SECCOMP_SET_MODE_FILTER, libc::SECCOMP_FILTER_FLAG_NEW_LISTENER);
    // SAFETY: the program and what it points to live until the call returns.
    let file = succeeded(unsafe { libc::syscall(libc::SYS_seccomp, install, flags, &raw const program) })?;
    // SAFETY: the kernel has just made it for us.
    Ok(Listener(unsafe { OwnedFd::from_raw_fd(file as i32) }))
}

/// "If the number is one of these, ask, else let it through", or the other way round.
fn filter(calls: &[libc::c_long], these: bool) -> Vec<libc::sock_filter> {
    let statement = |code: u32, k, jf| libc::sock_filter { code: code as u16, jt: 0, jf, k };
    let verdict = |asks| if asks { libc::SECCOMP_RET_USER_NOTIF } else { libc::SECCOMP_RET_ALLOW };
    let mut program = vec![statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0)];
    for &call in calls {
        program.push(statement(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, call as u32, 1));
        program.push(statement(libc::BPF_RET | libc::BPF_K, verdict(these), 0));
    }
    program.push(statement(libc::BPF_RET | libc::BPF_K, verdict(!these), 0));
    program
}

impl Listener {
    /// The next call that waits; `None` once nobody is left who could make one.
    pub(crate) fn next(&self) -> Option<Waiting> {
        loop {
            let mut ready = libc::pollfd { fd: self.0.as_raw_fd(), events: libc::POLLIN, revents: 0 };
            // SAFETY: one entry, which lives until the call returns.
            unsafe { libc::poll(&raw mut ready, 1, -1) };
            if ready.revents & libc::POLLIN == 0 && ready.revents & libc::POLLHUP != 0 {
                return None;
            }
            // SAFETY: numbers alone, for which zeros are values; the kernel wants zeros.
            let mut call: libc::seccomp_notif = unsafe { zeroed() };
            // SAFETY: the kernel writes one of these, which lives until the call returns.
            let got =
                unsafe { libc::ioctl(self.0.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_RECV, &raw mut call) };
            // Otherwise the caller was killed meanwhile.
            if got == 0 {
                let number = call.data.nr.into();
                return Some(Waiting { id: call.id, thread: call.pid, number });
            }
        }
    }

    /// Lets `call` go on, as if nobody had asked.
    pub(crate) fn allow(&self, call: &Waiting) {
        self.answer(call, 0, libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32);
    }

    /// Has `call` end as on a kernel that does not have it.
    pub(crate) fn deny(&self, call: &Waiting) {
        self.answer(call, -libc::ENOSYS, 0);
    }

    fn answer(&self, call: &Waiting, error: i32, flags: u32) {
        let answer = libc::seccomp_notif_resp { id: call.id, val: 0, error, flags };
        // An error says that the caller was killed meanwhile.
        // SAFETY: the kernel reads one of these, which lives until the call returns.
        unsafe { libc::ioctl(self.0.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_SEND, &raw const answer) };
    }
}

fn succeeded(value: libc::c_long) -> io::Result<libc::c_long> {
    if value < 0 { Err(io::Error::last_os_error()) } else { Ok(value) }
}
