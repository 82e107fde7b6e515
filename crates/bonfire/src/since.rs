//! Heavy fences that need not be issued, because somebody else's did.
//!
//! A heavy fence fences everybody. Whoever has retired something, and comes to
//! free it later, needs *one that began after it was retired*, of whomever. So
//! fences are numbered when they begin, and the largest number that has ended is
//! kept:
//!
//! | edge | one side | other side |
//! |------|----------|------------|
//! | since | [`Counts::ticket`], after a full fence | [`Counts::begin`], before the call, which begins with one |
//! | until | [`Counts::end`], after the call | [`Counts::cover`], before what was retired is freed |
//!
//! *Why that is enough.* Say thread W stores `a`, fences (f), and reads the number
//! t of the last fence that has begun: its ticket. Thread H begins fence number
//! n > t: its read-modify-write of that number comes after W's read of it. Then it
//! makes the call, which begins with a full fence (g), so every thread has a
//! handler h between g and H's end. *f is before g*: f is followed by a read of the
//! number that H's write, followed by g, has not changed yet. So f is before h, and
//! a thread that loads `a` after its h sees W's store. And what a thread stored
//! before its h is before H's end, whose number W then reads, so W sees it. That is
//! what W's own heavy fence would have done.
//!
//! A ticket that is taken before the store proves nothing: `tests/loom.rs` has
//! that twin.

use crate::sys::atomic::{
    AtomicUsize,
    Ordering::{AcqRel, Acquire, Relaxed, SeqCst},
};
use crate::{Memory, sys};

/// A moment, before which something was retired: see [`Memory::ticket`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket(usize);

/// How many numbered fences have begun, and the latest begun of those that ended.
///
/// # Invariants
/// `ended` never exceeds `begun`, and only moves forward. (Both may wrap; a
/// ticket would have to wait for as many fences as half of all numbers to be
/// taken for a later one, and then it needs one fence more than it should.)
struct Counts {
    begun: AtomicUsize,
    ended: AtomicUsize,
}

#[cfg(not(any(loom, feature = "loom")))]
static COUNTS: Counts = Counts { begun: AtomicUsize::new(0), ended: AtomicUsize::new(0) };
#[cfg(any(loom, feature = "loom"))]
loom::lazy_static! {
    static ref COUNTS: Counts = Counts { begun: AtomicUsize::new(0), ended: AtomicUsize::new(0) };
}

impl Counts {
    fn ticket(&self) -> Ticket {
        // PAIRS(since): with the fence that follows `begin`, of a larger number.
        sys::fence(SeqCst);
        Ticket(self.begun.load(Relaxed))
    }

    fn begin(&self) -> usize {
        // PAIRS(since): the call that follows begins with a full fence, which pairs
        // with the one in `ticket`, of a smaller number.
        self.begun.fetch_add(1, Relaxed).wrapping_add(1)
    }

    fn end(&self, number: usize) {
        let later = |ended: usize| is_after(number, ended).then_some(number);
        // Release. PAIRS(until): with the load in `cover`, of whoever then needs no call.
        // Acquire: whoever reads ours has also synchronised with those before.
        let _ = self.ended.fetch_update(AcqRel, Relaxed, later);
    }

    fn cover(&self, ticket: Ticket) -> bool {
        // Acquire. PAIRS(until): with `end`, of a fence that began after the ticket.
        is_after(self.ended.load(Acquire), ticket.0)
    }
}

/// Whether `number` was given out after `other`.
fn is_after(number: usize, other: usize) -> bool {
    number.wrapping_sub(other) as isize > 0
}

/// A ticket, for whoever has no token yet.
pub(crate) fn ticket() -> Ticket {
    COUNTS.ticket()
}

impl Memory {
    /// A ticket for [`heavy_since`](Self::heavy_since): what this thread stored
    /// before, it stands for. Costs a `fence(SeqCst)` and a load.
    ///
    /// Keep one beside what was retired, or one for a whole batch.
    #[must_use]
    pub fn ticket(self) -> Ticket {
        COUNTS.ticket()
    }

    /// Whether a heavy fence that began after the ticket was taken has ended:
    /// whether [`heavy_since`](Self::heavy_since) would return without a call.
    ///
    /// If so, that fence orders as one of this thread would have, made here. It
    /// is one load: a reclaimer that may issue so many heavy fences in a second
    /// and no more asks this of its oldest batches first, frees those that are
    /// covered, and lets the others wait.
    #[must_use]
    pub fn is_covered(self, ticket: Ticket) -> bool {
        COUNTS.cover(ticket)
    }

    /// A heavy fence, unless one that *began after the ticket was taken* has ended
    /// already; whether the call was made.
    ///
    /// Only fences of this function count, of whatever thread of this program:
    /// [`heavy`](Self::heavy) itself is not numbered, since that would make it
    /// dearer. Fences that are under way are not waited for.
    ///
    /// A thread that retires often takes a ticket for each batch and issues
    /// *one* fence when several batches are full; then all of them, and those of
    /// other threads, are covered.
    ///
    /// ```
    /// # fn main() -> Result<(), bonfire::Refusal> {
    /// use bonfire::Memory;
    /// let memory = Memory::register()?;
    ///
    /// let (mine, others) = (memory.ticket(), memory.ticket()); // two batches, retired before
    /// assert!(memory.heavy_since(mine), "a call");
    /// assert!(memory.is_covered(others) && !memory.heavy_since(others), "which did for both");
    /// assert!(!memory.is_covered(memory.ticket()), "and not for what is retired later");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Costs and late failure are else as for [`heavy`](Self::heavy).
    pub fn heavy_since(self, ticket: Ticket) -> bool {
        let must = !COUNTS.cover(ticket);
        if must {
            let number = COUNTS.begin();
            // PAIRS(heavy): with `light`, of any thread of this process.
            self.heavy();
            COUNTS.end(number);
        }
        must
    }
}

#[cfg(all(test, not(any(loom, feature = "loom"))))]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_covered_by_a_fence_that_began_after_it_and_ended() {
        let counts =
            Counts { begun: AtomicUsize::new(usize::MAX - 2), ended: AtomicUsize::new(usize::MAX - 2) };
        let before = counts.begin();
        let ticket = counts.ticket();
        let after = counts.begin();
        counts.end(before);
        assert!(!counts.cover(ticket), "it began before");
        // Past the largest number, and out of turn.
        let last = [after, counts.begin(), counts.begin()][2];
        assert!(last < after && !counts.cover(ticket), "none of these has ended");
        counts.end(last);
        assert!(counts.cover(ticket));
        counts.end(after);
        assert_eq!(counts.ended.load(Relaxed), last, "one that ends late takes nothing back");
    }
}
