//! Robust locks: what becomes of a lock whose holder ends.
//!
//! A thread keeps a list of the locks it holds in its own memory (`set_robust_list`).
//! When it ends, each of them is marked, and one of its waiters woken, which then finds
//! out that the holder has gone.

use crate::space::Space;
use crate::thread::Thread;
use crate::user::{self, Fault};
use crate::wait::{self, Event};
use core::sync::atomic::Ordering::Relaxed;

/// The bytes of the list's head: the first entry, how far from an entry its lock is, the
/// entry that was being put in or taken out.
pub(crate) const HEAD: u64 = 24;

/// Of a lock's word: somebody waits, its holder has gone, who holds it.
const WAITERS: u32 = 0x8000_0000;
const HOLDER_GONE: u32 = 0x4000_0000;
const HOLDER: u32 = 0x3fff_ffff;

/// Marks what the thread holds. A list that cannot be read is the program's loss.
pub(crate) fn release(thread: &Thread) {
    let head = thread.robust_list.swap(0, Relaxed);
    if head != 0 {
        let _ = release_list(thread, head);
    }
}

fn release_list(thread: &Thread, head: u64) -> Result<(), Fault> {
    /// A list that bites its tail ends somewhere, too.
    const MOST: usize = 2048;
    let space = thread.own_space();
    let [first, offset, pending]: [u64; 3] = user::read(space, head)?;
    let mut entry = first;
    for _ in 0..MOST {
        if is_end(entry, head) {
            break;
        }
        // Read before the lock is let go of: then it may be anybody's memory.
        let next = user::read(space, address(entry));
        if entry != pending {
            release_lock(space, thread.id(), entry, offset, false)?;
        }
        entry = next?;
    }
    if is_end(pending, head) { Ok(()) } else { release_lock(space, thread.id(), pending, offset, true) }
}

fn is_end(entry: u64, head: u64) -> bool {
    address(entry) == head || address(entry) == 0
}

/// The lowest bit marks a lock that lends its holder's priority.
fn address(entry: u64) -> u64 {
    entry & !1
}

fn release_lock(space: &Space, holder: u32, entry: u64, offset: u64, is_pending: bool) -> Result<(), Fault> {
    let word = address(entry).wrapping_add(offset);
    loop {
        let value: u32 = user::read(space, word)?;
        // Let go of just now, perhaps before a waiter was woken.
        if is_pending && value == 0 {
            return wake_one(space, word);
        }
        if value & HOLDER != holder {
            return Ok(());
        }
        if user::exchange(space, word, value, value & WAITERS | HOLDER_GONE)? {
            return if value & WAITERS == 0 { Ok(()) } else { wake_one(space, word) };
        }
    }
}

fn wake_one(space: &Space, word: u64) -> Result<(), Fault> {
    wait::wake(Event::word(space.physical(word)?), 1);
    Ok(())
}
