//! `futex(2)`: threads that wait for a word to change.

use super::time::{self, Clock};
use super::{Answer, EAGAIN, EINVAL, ENOSYS, ETIMEDOUT};
use crate::restart::Restart;
use crate::signals::{ERESTART, ERESTART_BLOCK};
use crate::space::Space;
use crate::thread::Thread;
use crate::user;
use crate::wait::{self, Event, Woken};
use bonfire_testbed::calls::Address;

/// What `futex` is asked for.
pub(super) struct Wish {
    pub(super) word: Address,
    pub(super) operation: u32,
    pub(super) value: u32,
    /// A time, or for a requeue how many to move.
    pub(super) timeout: Address,
    pub(super) second: Address,
    /// What the word must be for a requeue; the bits that are meant.
    pub(super) third: u32,
}

const WAIT: u32 = 0;
const WAKE: u32 = 1;
const REQUEUE: u32 = 3;
const CMP_REQUEUE: u32 = 4;
const WAIT_BITSET: u32 = 9;
const WAKE_BITSET: u32 = 10;
const PRIVATE: u32 = 128;
const REALTIME: u32 = 256;

pub(super) fn futex(thread: &Thread, wish: &Wish) -> Answer {
    let space = thread.own_space();
    if !wish.word.0.is_multiple_of(4) {
        return Err(EINVAL);
    }
    let event = |word: Address| space.physical(word.0).map(Event::word);
    match wish.operation & !(PRIVATE | REALTIME) {
        WAIT => wait(thread, wish.word, wish.value, u32::MAX, time::deadline(space, wish.timeout)?),
        WAIT_BITSET => wait(thread, wish.word, wish.value, wish.third, wish.moment(space)?),
        WAKE => Ok(wait::wake(event(wish.word)?, wish.value as usize) as u64),
        WAKE_BITSET if wish.third == 0 => Err(EINVAL),
        WAKE_BITSET => {
            let meant = Event::Word(space.physical(wish.word.0)?, wish.third);
            Ok(wait::wake(meant, wish.value as usize) as u64)
        }
        CMP_REQUEUE if user::read::<u32>(space, wish.word.0)? != wish.third => Err(EAGAIN),
        operation @ (REQUEUE | CMP_REQUEUE) => {
            let woken = wait::wake(event(wish.word)?, wish.value as usize);
            let moved = wait::requeue(event(wish.word)?, event(wish.second)?, wish.timeout.0 as u32 as usize);
            Ok((woken + if operation == CMP_REQUEUE { moved } else { 0 }) as u64)
        }
        _ => Err(ENOSYS),
    }
}

impl Wish {
    /// The end of the wait, by the clock that was named.
    fn moment(&self, space: &Space) -> Result<Option<u64>, isize> {
        let clock = if self.operation & REALTIME != 0 { Clock::Real } else { Clock::Boot };
        time::moment(space, clock, self.timeout)
    }
}

/// Waits while the word has this value, for a wake-up that means one of these bits.
pub(super) fn wait(thread: &Thread, word: Address, value: u32, bits: u32, deadline: Option<u64>) -> Answer {
    if bits == 0 {
        return Err(EINVAL);
    }
    let space = thread.own_space();
    let event = Event::Word(space.physical(word.0)?, bits);
    let is_unchanged = || user::read::<u32>(space, word.0).is_ok_and(|now| now == value);
    if !is_unchanged() {
        return Err(EAGAIN);
    }
    match (wait::wait(thread, event, deadline, is_unchanged), deadline) {
        (Woken::Happened, _) => Ok(0),
        (Woken::Late, _) => Err(ETIMEDOUT),
        (Woken::Interrupted, None) => Err(ERESTART),
        (Woken::Interrupted, Some(deadline)) => {
            *thread.restart.lock() = Some(Restart::Word { word, value, bits, deadline });
            Err(ERESTART_BLOCK)
        }
    }
}
