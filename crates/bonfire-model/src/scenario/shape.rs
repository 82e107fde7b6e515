//! Litmus shapes in the words of a scenario. The shapes are those of
//! [`bonfire_conformance::shape`], which says what each forbids, and why.
//!
//! The caller has a barrier between two accesses; the fast side has a light
//! fence there, which is nothing at all in this machine. All outcomes but the
//! forbidden one must be seen, or the scenario shows nothing.

use std::collections::BTreeSet;

pub use bonfire_conformance::shape::Shape;
use bonfire_conformance::shape::{self, LB, MP, MP_P1, Op, R, R_P1, S, S_P1, SB, Seen, TWO_PLUS_TWO_W};

use crate::explorer::Outcome;
use crate::vocabulary::{Act, Var};

/// Those of two threads.
pub const PAIRS: [Shape; 9] = [SB, MP_P1, LB, MP, R, R_P1, S_P1, S, TWO_PLUS_TWO_W];

/// The three that tell most.
pub const MAIN: [Shape; 3] = [SB, MP_P1, LB];

/// The accesses of one side: before and after its fence.
pub type Side = [Act; 2];

/// A shape in the words of a scenario. Registers are numbered from the caller's first
/// load on, then as the other threads have them.
pub trait Told {
    /// What a thread does, `fence` where its barrier stands. Registers are numbered
    /// from `first`.
    fn acts(&self, thread: usize, first: u8, fence: Option<Act>) -> Vec<Act>;
    /// Of two threads: what the caller does, and what the fast side does.
    fn sides(&self, first: u8) -> (Side, Side);
    /// What the two sides do, in words.
    fn about(&self) -> String;
    /// Why the outcome is forbidden, of the caller and the fast side.
    fn why(&self) -> String;
    /// How many registers it uses.
    fn registers(&self) -> usize;
    /// The words whose last values it shows.
    fn shown(&self) -> Vec<Var>;
    /// The outcome that is forbidden.
    fn forbidden(&self) -> Outcome;
    /// The others.
    fn expected(&self) -> BTreeSet<Outcome>;
}

impl Told for Shape {
    fn acts(&self, thread: usize, first: u8, fence: Option<Act>) -> Vec<Act> {
        let mut register = first + loads(self).position(|(of, _)| of == thread).unwrap_or(0) as u8;
        let acts = self.threads[thread].iter().filter_map(|op| match *op {
            Op::Store(var, value) => Some(Act::Write(word(var), value)),
            Op::Load(var) => {
                register += 1;
                Some(Act::Read(word(var), register - 1))
            }
            Op::Fence => fence,
            Op::FullFence => Some(Act::Fence),
        });
        acts.collect()
    }

    fn sides(&self, first: u8) -> (Side, Side) {
        let side = |thread| self.acts(thread, first, None).try_into().expect("two accesses");
        (side(self.heavy), side(1 - self.heavy))
    }

    fn about(&self) -> String {
        let [caller, fast] = [self.heavy, 1 - self.heavy].map(|thread| spoken(self.threads[thread]));
        format!("the caller {caller}; the fast side {fast}")
    }

    fn why(&self) -> String {
        let named = self.why.replace(&format!("P{}", self.heavy), "the caller");
        let named = named.replace(&format!("P{}", 1 - self.heavy), "the fast side");
        named.split_inclusive(". ").map(capitalised).collect()
    }

    fn registers(&self) -> usize {
        loads(self).count()
    }

    fn shown(&self) -> Vec<Var> {
        let last = self.forbidden.iter().filter_map(|seen| match *seen {
            Seen::Last(var, _) => Some(word(var)),
            Seen::Read(..) => None,
        });
        last.collect()
    }

    fn forbidden(&self) -> Outcome {
        let read = loads(self).map(|(thread, nth)| {
            let seen = self.forbidden.iter().find_map(|seen| match *seen {
                Seen::Read(of, number, value) if (of, number) == (thread, nth) => Some(value),
                Seen::Read(..) | Seen::Last(..) => None,
            });
            seen.expect("an outcome says what every load reads")
        });
        let last = self.forbidden.iter().filter_map(|seen| match *seen {
            Seen::Last(_, value) => Some(value),
            Seen::Read(..) => None,
        });
        read.chain(last).collect()
    }

    fn expected(&self) -> BTreeSet<Outcome> {
        let read =
            loads(self).map(|(thread, nth)| [vec![0], stored(self, loaded(self, thread, nth))].concat());
        let last = self.forbidden.iter().filter_map(|seen| match *seen {
            Seen::Last(var, _) => Some(stored(self, var)),
            Seen::Read(..) => None,
        });
        let mut all = BTreeSet::from([Vec::new()]);
        for values in read.chain(last) {
            let longer = all.iter().flat_map(|outcome: &Outcome| {
                values.iter().map(move |&value| [outcome.as_slice(), &[value]].concat())
            });
            all = longer.collect();
        }
        all.remove(&self.forbidden());
        all
    }
}

/// Every load, by its thread and which of the thread's it is: the caller's first.
fn loads(shape: &Shape) -> impl Iterator<Item = (usize, usize)> + use<> {
    let heavy = shape.heavy;
    let others = (0..shape.threads.len()).filter(move |&thread| thread != heavy);
    let threads = shape.threads;
    let of = move |thread: usize| threads[thread].iter().filter(|op| matches!(op, Op::Load(_))).count();
    [heavy].into_iter().chain(others).flat_map(move |thread| (0..of(thread)).map(move |nth| (thread, nth)))
}

/// The variable of a load.
fn loaded(shape: &Shape, thread: usize, nth: usize) -> shape::Var {
    let mut vars = shape.threads[thread].iter().filter_map(|op| match *op {
        Op::Load(var) => Some(var),
        Op::Store(..) | Op::Fence | Op::FullFence => None,
    });
    vars.nth(nth).expect("a load of the shape")
}

/// What is stored to a variable.
fn stored(shape: &Shape, var: shape::Var) -> Vec<u64> {
    let ops = shape.threads.iter().copied().flatten();
    let values = ops.filter_map(|op| match *op {
        Op::Store(to, value) if to == var => Some(value),
        Op::Store(..) | Op::Load(_) | Op::Fence | Op::FullFence => None,
    });
    values.collect()
}

fn spoken(ops: &[Op]) -> String {
    let verb = |op: &Op| match *op {
        Op::Store(var, _) => Some(("stores", var)),
        Op::Load(var) => Some(("loads", var)),
        Op::Fence | Op::FullFence => None,
    };
    match ops.iter().filter_map(verb).collect::<Vec<_>>()[..] {
        [(verb, var)] => format!("{verb} {var}"),
        [(first, one), (second, other)] if first == second => format!("{first} {one}, then {other}"),
        [(first, one), (second, other)] => format!("{first} {one}, then {second} {other}"),
        _ => unreachable!("a thread of a shape has one access or two"),
    }
}

fn capitalised(sentence: &str) -> String {
    let mut letters = sentence.chars();
    letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect()
}

const fn word(var: shape::Var) -> Var {
    match var {
        shape::Var::X => Var::X,
        shape::Var::Y => Var::Y,
        shape::Var::Z => Var::Z,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_is_told_as_its_table_says() {
        use Act::{Read, Write};
        use Var::{X, Y};
        assert_eq!(MP_P1.sides(0), ([Read(Y, 0), Read(X, 1)], [Write(X, 1), Write(Y, 1)]));
        assert_eq!(MP_P1.forbidden(), [1, 0]);
        assert_eq!(MP_P1.about(), "the caller loads y, then x; the fast side stores x, then y");
        assert_eq!(R.sides(2), ([Write(X, 1), Write(Y, 1)], [Write(Y, 2), Read(X, 2)]));
        assert_eq!((R.forbidden(), R.shown()), (vec![0, 2], vec![Y]));
        assert_eq!(R.expected().into_iter().collect::<Vec<_>>(), [[0, 1], [1, 1], [1, 2]]);
        assert!(SB.why().starts_with("The fast side passes a full barrier during the caller\'s call."));
    }

    /// What is not forbidden is possible, and those of a shape are told apart.
    #[test]
    fn each_pair_has_one_outcome_that_is_forbidden() {
        for shape in PAIRS {
            assert_eq!(shape.expected().len(), 3, "{shape}");
        }
    }
}
