//! What is due, earliest first. Of two things due at one time the one that was
//! put in first comes first, so that a seed reproduces a run exactly.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::hardware::Ps;

/// Something that becomes due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Due {
    /// The CPU goes on, if it is still suspended as it was when this was put in.
    Resume { cpu: usize, suspension: u64 },
    /// An interrupt of `from` arrives.
    Interrupt { cpu: usize, from: usize },
}

/// The queue.
#[derive(Default)]
pub(crate) struct Queue {
    heap: BinaryHeap<Reverse<(Ps, u64, Due)>>,
    put_in: u64,
}

impl Queue {
    pub(crate) fn put(&mut self, at: Ps, due: Due) {
        self.put_in += 1;
        self.heap.push(Reverse((at, self.put_in, due)));
    }

    pub(crate) fn take(&mut self) -> Option<(Ps, Due)> {
        self.heap.pop().map(|Reverse((at, _, due))| (at, due))
    }

    /// When the next is due.
    pub(crate) fn next(&self) -> Option<Ps> {
        self.heap.peek().map(|Reverse((at, _, _))| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_comes_first_and_then_the_one_that_was_put_in_first() {
        let mut queue = Queue::default();
        let resume = |cpu| Due::Resume { cpu, suspension: 0 };
        for (at, cpu) in [(5, 0), (3, 1), (5, 2), (3, 3)] {
            queue.put(at, resume(cpu));
        }
        assert_eq!(queue.next(), Some(3));
        let order = std::iter::from_fn(|| queue.take()).collect::<Vec<_>>();
        assert_eq!(order, [(3, resume(1)), (3, resume(3)), (5, resume(0)), (5, resume(2))]);
    }
}
