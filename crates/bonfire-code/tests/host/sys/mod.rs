//! What needs unsafe code: to vouch for bytes, filters, and children.

use bonfire_code::{Arena, Draft, Fault, Memory, Patchable, Published, Publisher};

use crate::Number;

/// Places code that was compiled here.
pub(crate) fn place<M: Memory>(arena: &Arena<M>, code: &[u8]) -> Result<Draft<Number, M>, Fault> {
    // SAFETY: made by `machine`: functions of this type that touch no memory. (What is not, is
    // only dropped.)
    unsafe { arena.place(code) }
}

/// Replaces an instruction of a function that was made by `machine::switched`.
pub(crate) fn patch<M: Patchable>(
    publisher: Publisher,
    function: &Published<Number, M>,
    offset: usize,
    new: &[u8],
) -> Result<(), Fault> {
    // SAFETY: the first instruction is as long as the one that is put in, and either makes a
    // function of it. What is otherwise is refused. No thread here blocks SIGTRAP.
    unsafe { publisher.patch(function, offset, new) }
}

/// The drop-in for caches, over an arena.
pub(crate) fn clear_cache<M: Memory>(arena: &Arena<M>) -> Result<(), Fault> {
    let addresses = arena.addresses();
    let first = std::ptr::with_exposed_provenance(addresses.start);
    // SAFETY: mapped while the arena is there, and readable.
    unsafe { bonfire_code::coherence::clear_cache(first, addresses.len()) }
}

/// Has `call` fail with `errno`, for this thread and those that it starts; if `third` is
/// given, where the third argument has one of those bits.
#[cfg(target_os = "linux")]
pub(crate) fn refuse(call: libc::c_long, third: Option<u32>, errno: i32) {
    use libc::{BPF_ABS, BPF_JEQ, BPF_JMP, BPF_JSET, BPF_K, BPF_LD, BPF_RET, BPF_W};
    let load =
        |offset| libc::sock_filter { code: (BPF_LD | BPF_W | BPF_ABS) as u16, jt: 0, jf: 0, k: offset };
    let jump = |kind, k, jt, jf| libc::sock_filter { code: (BPF_JMP | kind | BPF_K) as u16, jt, jf, k };
    let answer = |k| libc::sock_filter { code: (BPF_RET | BPF_K) as u16, jt: 0, jf: 0, k };
    // The lower half of the third argument.
    let third_at = 32 + if cfg!(target_endian = "big") { 4 } else { 0 };
    let program = [
        load(0),
        jump(BPF_JEQ, call as u32, 0, 3),
        load(third_at),
        jump(
            if third.is_some() { BPF_JSET } else { BPF_JEQ },
            third.unwrap_or(0),
            0,
            u8::from(third.is_some()),
        ),
        answer(libc::SECCOMP_RET_ERRNO | errno as u32),
        answer(libc::SECCOMP_RET_ALLOW),
    ];
    // Without a third argument to look at, both ways of the last jump lead to the refusal.
    let filter = libc::sock_fprog { len: program.len() as u16, filter: program.as_ptr().cast_mut() };
    // SAFETY: numbers.
    assert_eq!(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }, 0, "no new privileges");
    // SAFETY: the program lives through the call, which copies it.
    let installed = unsafe { libc::syscall(libc::SYS_seccomp, 1, 0, &raw const filter) };
    assert_eq!(installed, 0, "a filter can be installed: {}", std::io::Error::last_os_error());
}

/// Runs `body` in a forked child; its answer.
#[cfg(target_os = "linux")]
pub(crate) fn in_child(body: impl FnOnce() -> bool) -> bool {
    // SAFETY: this process has other threads, so the child does only what a handler may, but
    // for `body`, whose callers see to that.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let status = i32::from(!body());
        // SAFETY: ends the child.
        unsafe { libc::_exit(status) };
    }
    let mut status = 0;
    // SAFETY: a child of this process, and a place for its status.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child, "the child is reaped");
    libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0
}
