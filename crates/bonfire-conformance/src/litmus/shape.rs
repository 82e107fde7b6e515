//! The shapes: programs of a few accesses, and the outcome that each forbids.
//!
//! The names are the field's. A shape's fences stand for the barrier in the
//! heavy thread and for nothing but the compiler's in the light ones; that the
//! outcome is forbidden all the same is what the call promises: during it,
//! every other thread passes a full barrier at *some* point of its program.
//!
//! At some point, and not all at the same time: with one call, at most one
//! thread of a shape may lean on the barrier that it passes meanwhile. (As with
//! RCU, where a cycle needs as many grace periods as it has readers.) `ISA2`
//! with two light threads is allowed where memory is weak; `bonfire explore
//! --cpus 3 --scenario ISA2` shows how. So its third thread has a fence of its
//! own.

use core::fmt;

use bonfire_abi::Command;

use crate::MemoryOrder;
use crate::rule::Needs;

/// A litmus test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shape {
    /// The field's name.
    pub name: &'static str,
    /// What each thread does.
    pub threads: &'static [&'static [Op]],
    /// The thread whose fence is the call.
    pub heavy: usize,
    /// The outcome: all of these at once.
    pub forbidden: &'static [Seen],
    /// Why it is forbidden. `P0` is the first thread.
    pub why: &'static str,
}

/// A shared variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Var {
    /// The first.
    X,
    /// The second.
    Y,
    /// The third.
    Z,
}

/// What a thread does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// Of this value.
    Store(Var, u64),
    /// Into the thread's next register.
    Load(Var),
    /// The barrier, the call that is judged, or nothing but the compiler's.
    Fence,
    /// A full fence of the thread's own.
    FullFence,
}

/// A part of an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Seen {
    /// This thread's register of this number has this value.
    Read(usize, usize, u64),
    /// This variable has this value when all is done.
    Last(Var, u64),
}

use Op::{Fence, FullFence, Load, Store};
use Seen::{Last, Read};
use Var::{X, Y, Z};

/// The most threads of a shape.
pub const THREADS: usize = 4;
/// The most loads of one thread.
pub const LOADS: usize = 2;

const MP_THREADS: &[&[Op]] = &[&[Store(X, 1), Fence, Store(Y, 1)], &[Load(Y), Fence, Load(X)]];
const MP_SEEN: &[Seen] = &[Read(1, 0, 1), Read(1, 1, 0)];
const S_THREADS: &[&[Op]] = &[&[Store(X, 2), Fence, Store(Y, 1)], &[Load(Y), Fence, Store(X, 1)]];
const S_SEEN: &[Seen] = &[Read(1, 0, 1), Last(X, 2)];
const R_THREADS: &[&[Op]] = &[&[Store(X, 1), Fence, Store(Y, 1)], &[Store(Y, 2), Fence, Load(X)]];
const R_SEEN: &[Seen] = &[Last(Y, 2), Read(1, 0, 0)];

/// Every shape.
pub const SHAPES: &[Shape] = &[SB, MP, MP_P1, LB, S, S_P1, R, R_P1, TWO_PLUS_TWO_W, WRC, ISA2, IRIW];

/// Store buffering: each thread stores, then loads what the other stores.
pub const SB: Shape = Shape {
    name: "SB",
    threads: &[&[Store(X, 1), Fence, Load(Y)], &[Store(Y, 1), Fence, Load(X)]],
    heavy: 0,
    forbidden: &[Read(0, 0, 0), Read(1, 0, 0)],
    why: "P1 passes a full barrier during P0's call. If that is before P1's load, the load sees x, which P0 stored before the \
          call; if it is after, P1's store is visible by the end of the call, and P0 sees y.",
};
/// Message passing, from the caller.
pub const MP: Shape = Shape {
    name: "MP",
    threads: MP_THREADS,
    heavy: 0,
    forbidden: MP_SEEN,
    why: "P1 sees y, which P0 stored after the call; so P1 passed its barrier before, and loads x after it.",
};
/// Message passing, to the caller.
pub const MP_P1: Shape = Shape {
    name: "MP",
    threads: MP_THREADS,
    heavy: 1,
    forbidden: MP_SEEN,
    why: "P1 saw y before the call, so both of P0's stores come before the barrier that P0 passes during the call.",
};
/// Load buffering: each thread loads, then stores what the other loads.
pub const LB: Shape = Shape {
    name: "LB",
    threads: &[&[Load(X), Fence, Store(Y, 1)], &[Load(Y), Fence, Store(X, 1)]],
    heavy: 0,
    forbidden: &[Read(0, 0, 1), Read(1, 0, 1)],
    why: "P0 saw x before the call, so P1's load of y comes before the barrier that P1 passes during the call, and y is stored after.",
};
/// The caller stores twice, and the other loads and stores.
pub const S: Shape = Shape {
    name: "S",
    threads: S_THREADS,
    heavy: 0,
    forbidden: S_SEEN,
    why: "P1 sees y, which P0 stored after the call; so P1 passed its barrier before, and its store of x is the later one.",
};
/// The other stores twice, and the caller loads and stores.
pub const S_P1: Shape = Shape {
    name: "S",
    threads: S_THREADS,
    heavy: 1,
    forbidden: S_SEEN,
    why: "P1 saw y before the call, so P0's store of x is visible by the end of the call, and P1's is the later one.",
};
/// The caller stores twice, and the other stores and loads.
pub const R: Shape = Shape {
    name: "R",
    threads: R_THREADS,
    heavy: 0,
    forbidden: R_SEEN,
    why: "If P1 passes its barrier before its load, the load sees x; if after, P1's store of y comes before P0's.",
};
/// The other stores twice, and the caller stores and loads.
pub const R_P1: Shape = Shape {
    name: "R",
    threads: R_THREADS,
    heavy: 1,
    forbidden: R_SEEN,
    why: "P0's y comes before P1's, so both of P0's stores come before the barrier that P0 passes during the call, and P1 sees x.",
};
/// Each thread stores twice.
pub const TWO_PLUS_TWO_W: Shape = Shape {
    name: "2+2W",
    threads: &[&[Store(X, 1), Fence, Store(Y, 2)], &[Store(Y, 1), Fence, Store(X, 2)]],
    heavy: 0,
    forbidden: &[Last(X, 1), Last(Y, 1)],
    why: "P1's x comes before P0's, so both of P1's stores come before the barrier that P1 passes during the call; P0's y is later.",
};
/// A write, passed on by who saw it, and read by a third.
pub const WRC: Shape = Shape {
    name: "WRC",
    threads: &[&[Store(X, 1)], &[Load(X), Fence, Store(Y, 1)], &[Load(Y), Fence, Load(X)]],
    heavy: 1,
    forbidden: &[Read(1, 0, 1), Read(2, 0, 1), Read(2, 1, 0)],
    why: "P1 saw x before the call, so x is visible to all by its end; P2 sees y, stored later, and loads x after its own barrier.",
};
/// A chain of three.
pub const ISA2: Shape = Shape {
    name: "ISA2",
    threads: &[
        &[Store(X, 1), Fence, Store(Y, 1)],
        &[Load(Y), Fence, Store(Z, 1)],
        &[Load(Z), FullFence, Load(X)],
    ],
    heavy: 1,
    forbidden: &[Read(1, 0, 1), Read(2, 0, 1), Read(2, 1, 0)],
    why: "P1 saw y before the call, so P0's x is visible to all by its end; P2 sees z, stored later, and loads x behind a fence of its own.",
};
/// Independent reads of independent writes.
pub const IRIW: Shape = Shape {
    name: "IRIW",
    threads: &[&[Store(X, 1)], &[Store(Y, 1)], &[Load(X), Fence, Load(Y)], &[Load(Y), Fence, Load(X)]],
    heavy: 2,
    forbidden: &[Read(2, 0, 1), Read(2, 1, 0), Read(3, 0, 1), Read(3, 1, 0)],
    why: "P2 saw x before the call, so x is visible to all by its end. If P3 passes its barrier before its second load, that sees x; \
          if after, y is visible to all by the end of the call, and P2 sees it.",
};

/// The two shapes that all others are made of: a store overtaken by a load,
/// and two accesses of the light side seen in the wrong order.
pub(crate) fn basic() -> impl Iterator<Item = &'static Shape> {
    SHAPES.iter().filter(|shape| matches!((shape.name, shape.heavy), ("SB", 0) | ("MP", 1)))
}

impl Shape {
    /// What must be possible for the outcome to show if the barrier did nothing.
    ///
    /// Where a thread stores first and loads then, its load may overtake its store
    /// on any machine that is worth the trouble; a light thread's better than the
    /// caller's, between whose accesses there is a call. Where stores are buffered
    /// and nothing else happens, this is the only way.
    pub(crate) fn needs(&self, order: MemoryOrder) -> Needs {
        let overtakes = |ops: &[Op]| matches!(ops, [Store(..), Fence, Load(_)]);
        let mut light = self.threads.iter().enumerate().filter(|&(thread, _)| thread != self.heavy);
        match order {
            _ if light.any(|(_, ops)| overtakes(ops)) => Needs::Light,
            MemoryOrder::StoreBuffer if overtakes(self.threads[self.heavy]) => Needs::Caller,
            _ => Needs::Others,
        }
    }

    /// Whether only the caller could show it where stores are buffered.
    pub(crate) fn is_the_callers(&self) -> bool {
        self.needs(MemoryOrder::StoreBuffer) == Needs::Caller
    }

    /// Whether this is the forbidden outcome: what each thread read, and what
    /// the variables hold in the end.
    #[must_use]
    pub fn forbids(&self, reads: &[[u64; LOADS]; THREADS], last: impl Fn(Var) -> u64) -> bool {
        self.forbidden.iter().all(|seen| match *seen {
            Read(thread, register, value) => reads[thread][register] == value,
            Last(var, value) => last(var) == value,
        })
    }

    /// Draws the threads as columns, and below them the outcome.
    pub(crate) fn draw(&self, barrier: Command, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = self.threads.iter().map(|ops| ops.len()).max().unwrap_or(0);
        for line in 0..=lines {
            let mut blank = 0;
            for (thread, ops) in self.threads.iter().enumerate() {
                write!(f, "{:blank$}", "")?;
                let written = match line.checked_sub(1) {
                    Some(line) => self.draw_op(thread, ops, line, barrier, f)?,
                    None => write!(f, "P{thread}").map(|()| 2)?,
                };
                blank = COLUMN - written;
            }
            writeln!(f)?;
        }
        f.write_str("forbidden: ")?;
        for (index, seen) in self.forbidden.iter().enumerate() {
            f.write_str(if index > 0 { " and " } else { "" })?;
            match seen {
                Read(thread, register, value) => write!(f, "P{thread}:r{register}={value}")?,
                Last(var, value) => write!(f, "{var}={value} at the end")?,
            }
        }
        Ok(())
    }

    /// Draws what a thread does in this line, and returns the width.
    fn draw_op(
        &self,
        thread: usize,
        ops: &[Op],
        line: usize,
        barrier: Command,
        f: &mut fmt::Formatter<'_>,
    ) -> Result<usize, fmt::Error> {
        let register = ops.iter().take(line).filter(|op| matches!(op, Load(_))).count();
        match ops.get(line) {
            Some(Store(var, value)) => write!(f, "{var} = {value}").map(|()| 5),
            Some(Load(var)) => write!(f, "r{register} = {var}").map(|()| 6),
            Some(Fence) if thread == self.heavy => write!(f, "{barrier}").map(|()| barrier.name().len()),
            Some(Fence) => f.write_str("light").map(|()| 5),
            Some(FullFence) => f.write_str("full fence").map(|()| 10),
            None => Ok(0),
        }
    }
}

/// The width of a thread's column in a drawing: more than any command's name.
const COLUMN: usize = 24;

impl fmt::Display for Shape {
    /// The name, and the thread that calls where that is not the first.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        if self.heavy > 0 { write!(f, "+P{}", self.heavy) } else { Ok(()) }
    }
}

impl fmt::Display for Var {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            X => "x",
            Y => "y",
            Z => "z",
        })
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::ToString;
    use std::vec::Vec;

    #[test]
    fn only_a_load_can_overtake_where_stores_are_buffered() {
        let named = |order, needs| {
            let shapes = SHAPES.iter().filter(|shape| shape.needs(order) == needs);
            shapes.map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(named(MemoryOrder::StoreBuffer, Needs::Light), ["SB", "R"]);
        assert_eq!(named(MemoryOrder::StoreBuffer, Needs::Caller), ["R+P1"]);
        assert_eq!(named(MemoryOrder::Weak, Needs::Light), ["SB", "R"]);
        assert_eq!(named(MemoryOrder::Weak, Needs::Others).len(), SHAPES.len() - 2);
    }

    /// Runs the threads of each shape one access at a time in every order:
    /// without reordering, nobody sees what is forbidden; and if any one of its
    /// fenced threads does its two accesses in the other order, somebody does.
    #[test]
    fn an_outcome_is_forbidden_by_the_order_of_each_thread() {
        let start = || ([0; THREADS], [[0; LOADS]; THREADS], [0; 3]);
        for shape in SHAPES {
            let (at, reads, memory) = start();
            assert!(!reaches(shape, None, at, reads, memory), "{shape} in order");
            for thread in (0..shape.threads.len()).filter(|&thread| shape.threads[thread].len() > 1) {
                let (at, reads, memory) = start();
                assert!(reaches(shape, Some(thread), at, reads, memory), "{shape} with P{thread} reordered");
            }
        }
    }

    /// Whether some interleaving from here ends in the forbidden outcome, with
    /// the accesses of one thread the other way round.
    fn reaches(
        shape: &Shape,
        reordered: Option<usize>,
        at: [usize; THREADS],
        reads: [[u64; LOADS]; THREADS],
        memory: [u64; 3],
    ) -> bool {
        let ended = shape.threads.iter().zip(at).all(|(ops, at)| at == ops.len());
        if ended {
            return shape.forbids(&reads, |var| memory[var as usize]);
        }
        (0..shape.threads.len()).any(|thread| {
            let ops = shape.threads[thread];
            let (mut at, mut reads, mut memory) = (at, reads, memory);
            let index = if reordered == Some(thread) {
                ops.len().checked_sub(1 + at[thread])
            } else {
                Some(at[thread])
            };
            let Some(op) = index.and_then(|index| ops.get(index)) else { return false };
            match *op {
                Store(var, value) => memory[var as usize] = value,
                Load(var) => {
                    let earlier =
                        ops.iter().take(index.unwrap_or(0)).filter(|op| matches!(op, Load(_))).count();
                    reads[thread][earlier] = memory[var as usize];
                }
                Fence | FullFence => {}
            }
            at[thread] += 1;
            reaches(shape, reordered, at, reads, memory)
        })
    }
}
