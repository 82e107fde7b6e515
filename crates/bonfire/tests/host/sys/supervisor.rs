//! A supervisor that plays another kernel: it is asked of every `membarrier`.

use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::mpsc;
use std::{mem, thread};

/// A call that the supervisor is asked of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    /// Who makes it.
    pub(crate) process: u32,
    pub(crate) command: i32,
    pub(crate) flags: u32,
}

/// How many calls were answered in the kernel's place.
pub(crate) static ANSWERED: AtomicU32 = AtomicU32::new(0);

/// Has `answer` asked of every `membarrier` of this thread and of its children from
/// now on: an error number, or `None` to let the kernel do it.
pub(crate) fn supervise(answer: impl FnMut(Asked) -> Option<i32> + Send + 'static) {
    let (tell, told) = mpsc::channel();
    // Begun before the filter, so it is not under it.
    thread::spawn(move || serve(told.recv().expect("a descriptor comes"), answer));
    tell.send(super::filter::notify_of_membarrier()).expect("the supervisor waits");
}

fn serve(listener: i32, mut answer: impl FnMut(Asked) -> Option<i32>) {
    // The system's numbers: _IOWR('!', 0, struct seccomp_notif) and
    // _IOWR('!', 1, struct seccomp_notif_resp).
    const RECEIVE: libc::c_ulong = 0xc050_2100;
    const SEND: libc::c_ulong = 0xc018_2101;
    const CONTINUE: u32 = 1;
    loop {
        // SAFETY: numbers only; the kernel wants zeros.
        let mut notice: libc::seccomp_notif = unsafe { mem::zeroed() };
        // SAFETY: the structure lives through the call.
        if unsafe { libc::ioctl(listener, RECEIVE, &raw mut notice) } != 0 {
            continue;
        }
        let [command, flags] = [notice.data.args[0] as i32, notice.data.args[1] as i32];
        let error = answer(Asked { process: notice.pid, command, flags: flags as u32 });
        ANSWERED.fetch_add(u32::from(error.is_some()), SeqCst);
        let flags = if error.is_some() { 0 } else { CONTINUE };
        let mut reply = libc::seccomp_notif_resp { id: notice.id, val: 0, error: -error.unwrap_or(0), flags };
        // SAFETY: the structure lives through the call. Whoever asked may be gone.
        let _ = unsafe { libc::ioctl(listener, SEND, &raw mut reply) };
    }
}
