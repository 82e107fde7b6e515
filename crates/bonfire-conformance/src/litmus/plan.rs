//! What a round is: said by the heavy thread before the meeting, so that all
//! threads know it after.

use super::queue::QUEUES;

/// A round's plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) kind: Kind,
    /// The place in [`QUEUES`] of the queue.
    pub(super) queue: usize,
    /// How long the light thread of two waits before its accesses, in turns.
    pub(super) light_delay: u32,
}

/// What stands between the heavy thread's accesses, and what it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    /// Nothing is done but to measure how long the light thread's accesses take.
    Rehearsal,
    /// The barrier that is judged.
    Barrier,
    /// The twin: an ordinary system call.
    Ordinary,
    /// The twin: `QUERY`, which is as close to a barrier that returns at once as
    /// a call can be.
    Query,
    /// Of the machine's measurement: a full fence and a wait of known length.
    Wait,
    /// Of the measurement: an ordinary call behind the caller's own queue; the
    /// light thread has a full fence.
    OwnCall,
    /// As above, with a wait in place of the call.
    OwnWait,
    /// Of the measurement: nothing.
    Nothing,
}

impl Kind {
    const ALL: [Self; 8] = [
        Self::Rehearsal,
        Self::Barrier,
        Self::Ordinary,
        Self::Query,
        Self::Wait,
        Self::OwnCall,
        Self::OwnWait,
        Self::Nothing,
    ];

    /// Whether the barrier is missing on purpose.
    pub(super) const fn is_twin(self) -> bool {
        matches!(self, Self::Ordinary | Self::Query)
    }

    /// Whether it is the heavy thread's own store that is to wait, and the light
    /// thread has a full fence.
    pub(super) const fn is_of_caller(self) -> bool {
        matches!(self, Self::OwnCall | Self::OwnWait)
    }
}

impl Plan {
    pub(super) const fn word(self) -> u64 {
        (self.light_delay as u64) << 32 | (self.queue as u64) << 8 | self.kind as u64
    }

    pub(super) fn from_word(word: u64) -> Self {
        Self {
            kind: Kind::ALL[word as u8 as usize % Kind::ALL.len()],
            queue: (word >> 8) as u8 as usize % QUEUES.len(),
            light_delay: (word >> 32) as u32,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_comes_back_as_it_was_announced() {
        for kind in Kind::ALL {
            for queue in 0..QUEUES.len() {
                let plan = Plan { kind, queue, light_delay: u32::MAX - 7 };
                assert_eq!(Plan::from_word(plan.word()), plan);
            }
        }
    }
}
