//! Situations in which a signal does not reach a thread, or its handler has no room.

use std::sync::atomic::AtomicBool;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// The number of this thread.
pub(crate) fn this_thread() -> i32 {
    // SAFETY: takes nothing and cannot fail.
    unsafe { libc::gettid() }
}

/// A thread that is in `situation`, once it has told its number.
pub(crate) fn thread_that(situation: impl FnOnce(&dyn Fn()) + Send + 'static) -> i32 {
    let (tell, told) = mpsc::channel();
    thread::spawn(move || situation(&|| tell.send(this_thread()).expect("somebody waits for it")));
    told.recv().expect("the thread tells its number")
}

/// Waits for every signal there is, and takes them.
pub(crate) fn wait_for_signals(ready: &dyn Fn()) {
    // SAFETY: an all-zero set is a set.
    let mut all: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: the set is ours.
    unsafe { libc::sigfillset(&raw mut all) };
    // SAFETY: the set lives through the call.
    unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const all, std::ptr::null_mut()) };
    ready();
    loop {
        // SAFETY: the set lives through the call, and nobody asks which it was.
        unsafe { libc::sigwaitinfo(&raw const all, std::ptr::null_mut()) };
    }
}

/// Is in `vfork` for `time`: the child sleeps as long, and leaves.
pub(crate) fn vfork_for(time: Duration) {
    let time = libc::timespec { tv_sec: time.as_secs() as _, tv_nsec: time.subsec_nanos().into() };
    // SAFETY: the child makes system calls only, in no frame but this one.
    #[expect(deprecated, reason = "nothing else makes this situation")]
    if unsafe { libc::vfork() } == 0 {
        // SAFETY: the time lives through the call.
        unsafe { libc::nanosleep(&raw const time, std::ptr::null_mut()) };
        // SAFETY: ends the child without running what the parent registered.
        unsafe { libc::_exit(0) };
    }
}

/// Has `thread` of this process held by a tracer while `then` runs; `false` if it
/// may not be.
pub(crate) fn traced(thread: i32, then: impl FnOnce()) -> bool {
    // SAFETY: lets any process trace this one, where there is such a rule.
    unsafe { libc::prctl(libc::PR_SET_PTRACER, -1_isize as usize) };
    let [ready, over] = [pipe(), pipe()];
    // SAFETY: the child makes system calls only, then leaves.
    let tracer = unsafe { libc::fork() };
    if tracer == 0 {
        // SAFETY: only the thread named is touched.
        let seized = unsafe { libc::ptrace(libc::PTRACE_SEIZE, thread, 0, 0) } == 0;
        // SAFETY: as above.
        let held = seized && unsafe { libc::ptrace(libc::PTRACE_INTERRUPT, thread, 0, 0) } == 0;
        // SAFETY: nobody asks for the status.
        let _ = held && unsafe { libc::waitpid(thread, std::ptr::null_mut(), libc::__WALL) } == thread;
        write(ready[1], u8::from(held));
        // The end of the parent's side ends the tracer, and the tracer's end lets go.
        close(over[1]);
        read(over[0]);
        // SAFETY: ends the child without running what the parent registered.
        unsafe { libc::_exit(0) };
    }
    close(over[0]);
    let is_held = read(ready[0]) == Some(1);
    if is_held {
        then();
    }
    close(over[1]);
    // SAFETY: nobody asks for the status.
    unsafe { libc::waitpid(tracer, std::ptr::null_mut(), 0) };
    is_held
}

fn pipe() -> [i32; 2] {
    let mut ends = [0; 2];
    // SAFETY: room for two descriptors.
    assert_eq!(unsafe { libc::pipe(ends.as_mut_ptr()) }, 0);
    ends
}

fn close(file: i32) {
    // SAFETY: a descriptor of `pipe`, closed once.
    unsafe { libc::close(file) };
}

fn write(file: i32, byte: u8) {
    // SAFETY: one byte that is ours.
    unsafe { libc::write(file, (&raw const byte).cast(), 1) };
}

fn read(file: i32) -> Option<u8> {
    let mut byte = 0_u8;
    // SAFETY: room for one byte.
    (unsafe { libc::read(file, (&raw mut byte).cast(), 1) } == 1).then_some(byte)
}

/// What a goroutine is: it runs on a stack too small for a signal's frame, and has
/// given its thread another one for signals. Says when it is `there`, and is so until `over`.
#[cfg(target_arch = "x86_64")]
pub(crate) fn run_on_a_small_stack(there: &AtomicBool, over: &AtomicBool, ready: &dyn Fn()) {
    const PAGE: usize = 4096;
    let signals = Vec::<u8>::with_capacity(64 << 10).leak();
    let alternative = libc::stack_t { ss_sp: signals.as_mut_ptr().cast(), ss_flags: 0, ss_size: 64 << 10 };
    // SAFETY: the stack is never freed.
    assert_eq!(unsafe { libc::sigaltstack(&raw const alternative, std::ptr::null_mut()) }, 0);
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: new memory, two pages that nothing may touch.
    let pages = unsafe { libc::mmap(std::ptr::null_mut(), 2 * PAGE, libc::PROT_NONE, flags, -1, 0) };
    // SAFETY: within the mapping. The second becomes a stack, below which a store is a fault.
    let stack = unsafe { pages.cast::<u8>().add(PAGE) };
    // SAFETY: a page of ours.
    assert_eq!(unsafe { libc::mprotect(stack.cast(), PAGE, libc::PROT_READ | libc::PROT_WRITE) }, 0);
    ready();
    // SAFETY: within the page. There is no room below.
    let top = unsafe { stack.add(256) };
    // SAFETY: nothing is pushed or called while the other stack is in use, and
    // the flags are live bytes.
    unsafe {
        std::arch::asm!(
            "xchg rsp, {stack}",
            "mov byte ptr [{there}], 1",
            "2:",
            "pause",
            "cmp byte ptr [{over}], 0",
            "je 2b",
            "mov rsp, {stack}",
            stack = inout(reg) top => _,
            there = in(reg) there.as_ptr(),
            over = in(reg) over.as_ptr(),
        );
    }
}

/// The rest of this process, in a child that is alone in a PID namespace of its own
/// and sees the `/proc` of the outer one; what it says, or `None` if that may not be.
pub(crate) fn in_an_inner_namespace(child: impl FnOnce() -> bool) -> Option<bool> {
    // SAFETY: concerns children to come.
    let may = unsafe { libc::unshare(libc::CLONE_NEWPID) } == 0;
    may.then(|| super::process::fork(child))
}

/// Makes an empty folder the root; `false` if that may not be.
pub(crate) fn leave_proc_behind() -> bool {
    let folder = std::env::temp_dir().join(format!("bonfire-empty-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("the temporary folder is writable");
    let path = std::ffi::CString::new(folder.to_str().expect("a plain name")).expect("no zero byte");
    // SAFETY: the path is a C string.
    let may = unsafe { libc::chroot(path.as_ptr()) } == 0;
    let _ = std::fs::remove_dir(folder);
    may
}

/// Leaves this process no room for `resource`.
pub(crate) fn allow_no(resource: libc::__rlimit_resource_t) {
    let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the structure lives through the call.
    assert_eq!(unsafe { libc::setrlimit(resource, &raw const none) }, 0);
}

/// Whether signal `number` has a handler.
pub(crate) fn has_handler(number: i32) -> bool {
    // SAFETY: an all-zero action is one.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: only asks, into a structure that is ours.
    assert_eq!(unsafe { libc::sigaction(number, std::ptr::null(), &raw mut action) }, 0);
    action.sa_sigaction != libc::SIG_DFL
}

/// Holds a thread that does `held` where it sets a handler, while another does
/// `meanwhile`, for as long as that takes or a while.
///
/// By a filter of the first thread, which asks this one.
pub(crate) fn held_in_sigaction(held: impl FnOnce() + Send, meanwhile: impl FnOnce() + Send) {
    let (tell, told) = mpsc::channel();
    let (end, ended) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(move || {
            tell.send(listen_before_sigaction()).expect("somebody waits for it");
            held();
        });
        let listener = told.recv().expect("a filter can be installed");
        // SAFETY: all zeros is a notification yet to come.
        let mut call: libc::seccomp_notif = unsafe { std::mem::zeroed() };
        // SAFETY: the structure is ours, the descriptor the filter's.
        let came = unsafe { libc::ioctl(listener, libc::SECCOMP_IOCTL_NOTIF_RECV, &raw mut call) };
        assert_eq!(came, 0, "{}", std::io::Error::last_os_error());
        scope.spawn(move || {
            meanwhile();
            // Nobody waits any more if it took long.
            let _ = end.send(());
        });
        let _ = ended.recv_timeout(Duration::from_millis(300));
        let flags = libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32;
        let go_on = libc::seccomp_notif_resp { id: call.id, val: 0, error: 0, flags };
        // SAFETY: the structure lives through the call.
        unsafe { libc::ioctl(listener, libc::SECCOMP_IOCTL_NOTIF_SEND, &raw const go_on) };
    });
}

/// Has each later `rt_sigaction` of this thread that sets an action wait for an
/// answer from whoever listens at the descriptor that is returned.
fn listen_before_sigaction() -> i32 {
    let step = |code, jt, jf, k| libc::sock_filter { code, jt, jf, k };
    let load = |offset| step((libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16, 0, 0, offset);
    let equal = |value, yes, no| step((libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16, yes, no, value);
    let end = |value| step((libc::BPF_RET | libc::BPF_K) as u16, 0, 0, value);
    let second_argument = if cfg!(target_endian = "big") { 28 } else { 24 };
    let program = [
        load(0),
        equal(libc::SYS_rt_sigaction as u32, 0, 3),
        load(second_argument),
        equal(0, 1, 0),
        end(libc::SECCOMP_RET_USER_NOTIF),
        end(libc::SECCOMP_RET_ALLOW),
    ];
    let filter = libc::sock_fprog { len: program.len() as u16, filter: program.as_ptr().cast_mut() };
    // SAFETY: numbers only.
    assert_eq!(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }, 0);
    let (mode, flags) = (libc::SECCOMP_SET_MODE_FILTER, libc::SECCOMP_FILTER_FLAG_NEW_LISTENER);
    // SAFETY: the program lives through the call, which copies it.
    let listener = unsafe { libc::syscall(libc::SYS_seccomp, mode, flags, &raw const filter) };
    assert!(listener >= 0, "{}", std::io::Error::last_os_error());
    listener as i32
}
