//! `futex(2)`: threads that wait for a word to change.

use super::{Answer, EAGAIN, EINTR, ENOSYS, ETIMEDOUT, time};
use crate::signals::ERESTART;
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
    /// What the word must be for a requeue.
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
    let event = |word: Address| space.physical(word.0).map(Event::Word);
    let here = event(wish.word)?;
    match wish.operation & !(PRIVATE | REALTIME) {
        WAIT => wait(thread, wish, here, time::deadline(space, wish.timeout)?),
        // One clock, and times that count from its start.
        WAIT_BITSET => wait(thread, wish, here, time::moment(space, wish.timeout)?),
        WAKE | WAKE_BITSET => Ok(wait::wake(here, wish.value as usize) as u64),
        CMP_REQUEUE if user::read::<u32>(space, wish.word.0)? != wish.third => Err(EAGAIN),
        operation @ (REQUEUE | CMP_REQUEUE) => {
            let woken = wait::wake(here, wish.value as usize);
            let moved = wait::requeue(here, event(wish.second)?, wish.timeout.0 as usize);
            Ok((woken + if operation == CMP_REQUEUE { moved } else { 0 }) as u64)
        }
        _ => Err(ENOSYS),
    }
}

fn wait(thread: &Thread, wish: &Wish, event: Event, deadline: Option<u64>) -> Answer {
    let space = thread.own_space();
    let is_unchanged = || user::read::<u32>(space, wish.word.0).is_ok_and(|now| now == wish.value);
    if !is_unchanged() {
        return Err(EAGAIN);
    }
    match wait::wait(thread, event, deadline, is_unchanged) {
        Woken::Happened => Ok(0),
        Woken::Late => Err(ETIMEDOUT),
        // The time that is left is not what the program said.
        Woken::Interrupted if deadline.is_some() => Err(EINTR),
        Woken::Interrupted => Err(ERESTART),
    }
}
