//! Threads that meet the trap of an instruction that is being replaced wait for it: a handler
//! of `SIGTRAP` on x86-64.
//!
//! | edge | one side | other side |
//! |------|----------|------------|
//! | begun | [`Watch::over`], before the trap is written | the handler of a thread that met it |
//! | done | the end of a [`Watch`], behind the new instruction | the same |

use std::io;
use std::mem::MaybeUninit;
use std::sync::OnceLock;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicUsize, fence};

use super::addresses::Addresses;
use crate::Fault;
use crate::arch::TRAP;

/// The address of the instruction that is being replaced, or 0.
static WATCHED: AtomicUsize = AtomicUsize::new(0);

/// How many replacements have begun.
static BEGUN: AtomicUsize = AtomicUsize::new(0);

/// Every address that was ever watched: a thread that trapped there may come to its handler
/// when all is done, and long after.
static PATCHED: Addresses = Addresses::new();

/// What was done about `SIGTRAP` before.
static BEFORE: OnceLock<libc::sigaction> = OnceLock::new();

/// Whether the handler is installed.
static INSTALLED: AtomicBool = AtomicBool::new(false);

/// That threads which trap at an address wait there.
pub(crate) struct Watch(());

impl Watch {
    /// Watches `address`, with a handler of `SIGTRAP` that stays. One at a time.
    pub(crate) fn over(address: usize) -> Result<Self, Fault> {
        install().map_err(|because| Fault::Memory { doing: "install a handler of SIGTRAP", because })?;
        PATCHED.add(address);
        WATCHED.store(address, Relaxed);
        // Release. PAIRS(begun): with the first load of `stays_a_trap`, which sees by this
        // number what is watched.
        BEGUN.store(BEGUN.load(Relaxed).wrapping_add(1), Release);
        // Release. PAIRS(begun): with the fences of the handler. Whoever met the trap, which
        // is written behind this, sees all of the above.
        fence(Release);
        Ok(Self(()))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // Release. PAIRS(done): with `stays_a_trap`. Who sees that nothing is watched sees
        // the new instruction.
        WATCHED.store(0, Release);
    }
}

/// Installs the handler, once. One at a time patches, so nobody else is here.
fn install() -> io::Result<()> {
    if INSTALLED.load(Relaxed) {
        return Ok(());
    }
    let mut before = MaybeUninit::uninit();
    // SAFETY: all zeros is an action: the default one, with no flags.
    let mut action: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
    action.sa_sigaction = handle as *const () as usize;
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESTART;
    // SAFETY: asks what is done now; nothing is changed.
    let answer = unsafe { libc::sigaction(libc::SIGTRAP, std::ptr::null(), before.as_mut_ptr()) };
    if answer != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: written by the call above.
    let before = unsafe { before.assume_init() };
    // Before the handler is there, which looks at it.
    BEFORE.get_or_init(|| before);
    // SAFETY: the handler does nothing that a handler may not do, and passes on what is not
    // its own.
    let answer = unsafe { libc::sigaction(libc::SIGTRAP, &action, std::ptr::null_mut()) };
    INSTALLED.store(answer == 0, Relaxed);
    (answer == 0).then_some(()).ok_or_else(io::Error::last_os_error)
}

/// Has the thread execute the instruction again, when it is no trap any more.
extern "C" fn handle(signal: i32, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the kernel passes the state of the thread, which is this handler's to change.
    let registers = unsafe { &mut (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs };
    let next = &mut registers[libc::REG_RIP as usize];
    let address = (*next as usize).wrapping_sub(1);
    // Acquire. PAIRS(begun): with the fence in `over`.
    fence(Acquire);
    if !is_a_trap_instruction(info) || !PATCHED.has(address) || stays_a_trap(address) {
        return pass_on(signal, info, context);
    }
    *next -= 1;
}

/// Whether the signal comes from the one-byte trap, and not from a debugger's hand.
fn is_a_trap_instruction(info: *mut libc::siginfo_t) -> bool {
    const SI_KERNEL: i32 = 0x80;
    // SAFETY: the kernel passes it.
    let code = unsafe { (*info).si_code };
    code == SI_KERNEL
}

/// The byte that a thread executed.
fn byte_at(address: usize) -> u8 {
    // SAFETY: executed just now, so mapped, and readable as all code is here. It is written
    // meanwhile: volatile, one byte.
    unsafe { std::ptr::with_exposed_provenance::<u8>(address).read_volatile() }
}

/// Waits until the instruction at `address` is no trap of ours; whether it is one then, which
/// somebody else put in its place.
fn stays_a_trap(address: usize) -> bool {
    loop {
        // Acquire. PAIRS(begun): with the store in `over`.
        let begun = BEGUN.load(Acquire);
        // Acquire. PAIRS(done): with the end of a watch.
        let is_watched = WATCHED.load(Acquire) == address;
        if byte_at(address) != TRAP {
            return false;
        }
        // Acquire. PAIRS(begun): with the fence in `over`. A trap that was written since the
        // first look is seen with its number.
        fence(Acquire);
        if !is_watched && BEGUN.load(Relaxed) == begun {
            return true;
        }
        std::hint::spin_loop();
        // SAFETY: lets others run; allowed in a handler.
        unsafe { libc::sched_yield() };
    }
}

/// Does what was done about the signal before.
fn pass_on(signal: i32, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    let Some(before) = BEFORE.get() else { return };
    match before.sa_sigaction {
        libc::SIG_IGN => {}
        libc::SIG_DFL => {
            // SAFETY: gives the signal its default action, and sends it again: it ends the
            // process when this handler returns, as it would have.
            unsafe { libc::signal(signal, libc::SIG_DFL) };
            // SAFETY: as above.
            unsafe { libc::raise(signal) };
        }
        handler if before.sa_flags & libc::SA_SIGINFO != 0 => {
            type Handler = extern "C" fn(i32, *mut libc::siginfo_t, *mut libc::c_void);
            // SAFETY: it was installed as a handler of this form.
            let handler = unsafe { std::mem::transmute::<usize, Handler>(handler) };
            handler(signal, info, context);
        }
        handler => {
            // SAFETY: it was installed as a handler of this form.
            let handler = unsafe { std::mem::transmute::<usize, extern "C" fn(i32)>(handler) };
            handler(signal);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU8;
    use std::thread;

    /// What the handler does when it comes late: the trap that it sees may be that of the
    /// next replacement.
    #[test]
    fn a_trap_of_ours_is_waited_for_and_one_of_somebody_else_s_is_told() {
        const NOP: u8 = 0x90;
        /// One that looks at the byte behind the end of a watch failed in 4 to 322 of these.
        const REPLACEMENTS: usize = 1_000_000;
        static CODE: AtomicU8 = AtomicU8::new(NOP);
        static IS_OVER: AtomicBool = AtomicBool::new(false);
        let address = CODE.as_ptr().expose_provenance();
        let replace = || {
            let watch = Watch::over(address).expect("a handler can be installed");
            CODE.store(TRAP, Relaxed);
            CODE.store(NOP, Release);
            drop(watch);
        };
        thread::scope(|scope| {
            let looks = std::iter::from_fn(|| (!IS_OVER.load(Relaxed)).then(|| stays_a_trap(address)));
            let late = scope.spawn(|| looks.filter(|&stays| stays).count());
            (0..REPLACEMENTS).for_each(|_| replace());
            IS_OVER.store(true, Relaxed);
            assert_eq!(late.join().unwrap(), 0, "a trap of ours was taken for somebody else's");
        });
        assert!(PATCHED.has(address));
        CODE.store(TRAP, Relaxed);
        assert!(stays_a_trap(address), "nothing is watched, and a trap is there");
    }
}
