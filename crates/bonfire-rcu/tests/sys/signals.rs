//! Sections in signal handlers, which interrupt sections, anywhere.
#![cfg(target_os = "linux")]

use std::mem;
use std::ptr;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::thread;

use bonfire_rcu::{Cell, Global};

const ALIVE: u64 = 0x00a1_1fe0;

struct Object(AtomicU64);

static BAD: AtomicUsize = AtomicUsize::new(0);
static HANDLED: AtomicUsize = AtomicUsize::new(0);
static CELL: OnceLock<Cell<Object>> = OnceLock::new();

impl Object {
    fn new() -> Arc<Self> {
        Arc::new(Self(AtomicU64::new(ALIVE)))
    }

    fn check(&self) {
        if self.0.load(SeqCst) != ALIVE {
            BAD.fetch_add(1, SeqCst);
        }
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        self.0.store(0xdead, SeqCst);
    }
}

/// Reads, with a section in a section.
extern "C" fn handler(_: libc::c_int) {
    if let Some(cell) = CELL.get() {
        let (outer, inner) = (Global::read(), Global::read());
        let seen = cell.see(&outer);
        drop(inner);
        seen.check();
        HANDLED.fetch_add(1, SeqCst);
    }
}

fn handle(signal: libc::c_int) {
    // SAFETY: an action is plain words, which may be 0.
    let mut action: libc::sigaction = unsafe { mem::zeroed() };
    action.sa_sigaction = handler as *const () as libc::sighandler_t;
    action.sa_flags = libc::SA_RESTART;
    // SAFETY: the handler allocates nothing and takes no lock: it enters sections of a thread
    // that has read before.
    assert_eq!(unsafe { libc::sigaction(signal, &raw const action, ptr::null_mut()) }, 0);
}

/// Sections in sections, the outer one left first: the inner protects what it saw.
fn read(cell: &Cell<Object>) {
    let outer = Global::read();
    let seen = cell.see(&outer);
    let inner = Global::read();
    seen.check();
    let later = cell.see(&inner);
    drop(outer);
    later.check();
    drop(inner);
    cell.load().check();
}

#[test]
fn a_handler_reads_wherever_it_interrupts() {
    handle(libc::SIGUSR1);
    let cell = CELL.get_or_init(|| Cell::new(Object::new()));
    let over = AtomicBool::new(false);
    let thread = AtomicU64::new(0);
    thread::scope(|scope| {
        scope.spawn(|| {
            // The first section of a thread takes its record, which a handler must not.
            drop(Global::read());
            // SAFETY: takes nothing and cannot fail.
            thread.store(unsafe { libc::pthread_self() }, SeqCst);
            while !over.load(SeqCst) {
                read(cell);
            }
        });
        while thread.load(SeqCst) == 0 {
            thread::yield_now();
        }
        while HANDLED.load(SeqCst) < 1000 {
            // SAFETY: the thread runs until `over`.
            unsafe { libc::pthread_kill(thread.load(SeqCst), libc::SIGUSR1) };
            cell.store(Object::new());
        }
        over.store(true, SeqCst);
    });
    assert_eq!(BAD.load(SeqCst), 0);
    // All sections have ended: nobody is waited for.
    Global.barrier();
    assert_eq!(Global.unreclaimed_bytes(), 0);
}
