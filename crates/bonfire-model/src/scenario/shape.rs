//! Shapes: the two sides of an asymmetric barrier, and what it forbids.
//!
//! The caller has a barrier between two accesses; the fast side has a light
//! fence there, which is nothing at all in this machine. Each shape has four
//! outcomes, of which one is forbidden, and the other three must be seen or the
//! scenario shows nothing.

use std::collections::BTreeSet;

use crate::explorer::Outcome;
use crate::vocabulary::{Act, Var};

/// A litmus shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Shape {
    /// Store buffering: both write, then read what the other wrote.
    Sb,
    /// Message passing, to the caller.
    Mp,
    /// Message passing, from the caller.
    PassesOn,
    /// Load buffering: both read what the other then writes.
    Lb,
    /// The caller writes twice, the fast side writes and reads.
    R,
    /// The fast side writes twice, the caller writes and reads.
    RTurned,
    /// The fast side writes twice, the caller reads and writes.
    S,
    /// The caller writes twice, the fast side reads and writes.
    STurned,
    /// Both write twice.
    Writes,
}

/// The accesses of one side: before and after its fence.
pub type Side = [Act; 2];

impl Shape {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Sb,
        Self::Mp,
        Self::Lb,
        Self::PassesOn,
        Self::R,
        Self::RTurned,
        Self::S,
        Self::STurned,
        Self::Writes,
    ];

    /// The three that tell most.
    pub const MAIN: [Self; 3] = [Self::Sb, Self::Mp, Self::Lb];

    /// The usual name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sb => "SB",
            Self::Mp => "MP",
            Self::PassesOn => "MP'",
            Self::Lb => "LB",
            Self::R => "R",
            Self::RTurned => "R'",
            Self::S => "S",
            Self::STurned => "S'",
            Self::Writes => "2+2W",
        }
    }

    /// What the two sides do, in words.
    #[must_use]
    pub const fn about(self) -> &'static str {
        match self {
            Self::Sb => "each side stores a word, then loads the one that the other stores",
            Self::Mp => "the fast side stores two words, and the caller loads them in turn",
            Self::PassesOn => "the caller stores two words, and the fast side loads them in turn",
            Self::Lb => "each side loads a word, then stores the one that the other loads",
            Self::R => "the caller stores two words; the fast side stores the second, then loads the first",
            Self::RTurned => {
                "the fast side stores two words; the caller stores the second, then loads the first"
            }
            Self::S => "the fast side stores two words; the caller loads the second, then stores the first",
            Self::STurned => {
                "the caller stores two words; the fast side loads the second, then stores the first"
            }
            Self::Writes => "each side stores both words, in opposite orders",
        }
    }

    /// What the caller does, and what the fast side does. Registers are numbered
    /// from `first`.
    #[must_use]
    pub const fn sides(self, first: u8) -> (Side, Side) {
        use Act::{Read, Write};
        use Var::{X, Y};
        let second = first + 1;
        match self {
            Self::Sb => ([Write(X, 1), Read(Y, first)], [Write(Y, 1), Read(X, second)]),
            Self::Mp => ([Read(Y, first), Read(X, second)], [Write(X, 1), Write(Y, 1)]),
            Self::PassesOn => ([Write(X, 1), Write(Y, 1)], [Read(Y, first), Read(X, second)]),
            Self::Lb => ([Read(Y, first), Write(X, 1)], [Read(X, second), Write(Y, 1)]),
            Self::R => ([Write(X, 1), Write(Y, 1)], [Write(Y, 2), Read(X, first)]),
            Self::RTurned => ([Write(Y, 2), Read(X, first)], [Write(X, 1), Write(Y, 1)]),
            Self::S => ([Read(Y, first), Write(X, 1)], [Write(X, 2), Write(Y, 1)]),
            Self::STurned => ([Write(X, 2), Write(Y, 1)], [Read(Y, first), Write(X, 1)]),
            Self::Writes => ([Write(X, 1), Write(Y, 2)], [Write(Y, 1), Write(X, 2)]),
        }
    }

    /// How many registers it uses.
    #[must_use]
    pub const fn registers(self) -> usize {
        match self {
            Self::Sb | Self::Mp | Self::PassesOn | Self::Lb => 2,
            Self::R | Self::RTurned | Self::S | Self::STurned => 1,
            Self::Writes => 0,
        }
    }

    /// The words whose last values it shows.
    #[must_use]
    pub fn shown(self) -> Vec<Var> {
        match self {
            Self::Sb | Self::Mp | Self::PassesOn | Self::Lb => vec![],
            Self::R | Self::RTurned => vec![Var::Y],
            Self::S | Self::STurned => vec![Var::X],
            Self::Writes => vec![Var::X, Var::Y],
        }
    }

    /// The outcome that is forbidden.
    #[must_use]
    pub fn forbidden(self) -> Outcome {
        match self {
            Self::Sb => vec![0, 0],
            Self::Mp | Self::PassesOn => vec![1, 0],
            Self::Lb | Self::Writes => vec![1, 1],
            Self::R | Self::RTurned => vec![0, 2],
            Self::S | Self::STurned => vec![1, 2],
        }
    }

    /// The others.
    #[must_use]
    pub fn expected(self) -> BTreeSet<Outcome> {
        let (first, second): (&[u64], &[u64]) = match self {
            Self::Sb | Self::Mp | Self::PassesOn | Self::Lb => (&[0, 1], &[0, 1]),
            Self::R | Self::RTurned | Self::S | Self::STurned => (&[0, 1], &[1, 2]),
            Self::Writes => (&[1, 2], &[1, 2]),
        };
        let all = first.iter().flat_map(|&first| second.iter().map(move |&second| vec![first, second]));
        all.filter(|outcome| *outcome != self.forbidden()).collect()
    }
}
