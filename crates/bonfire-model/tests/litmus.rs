//! The machine itself is tested: the classic litmus tests, bare and with each
//! fence, against a fixed table of what a multi-copy-atomic weak machine, a TSO
//! machine and a sequentially consistent one allow.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;

use bonfire_conformance::shape::{Op, SHAPES, Seen, Shape, Var};
use bonfire_model::explorer::{
    Barrier, Body, Memory, Outcome, Plan, Pokes, Rules, Shared, Test, Verdict, explore, fence, name_word,
    observe_memory,
};

/// An access or a fence of a litmus test.
#[derive(Clone, Copy)]
enum Do {
    /// Write this to this word.
    W(usize, u64),
    /// Read this word into this register.
    R(usize, u8),
    F(Barrier),
}
use Barrier::{Acquire, Full, Release, Write};
use Do::{F, R, W};

const X: usize = 0;

struct Litmus {
    name: &'static str,
    threads: Vec<Vec<Do>>,
    registers: usize,
    /// The final memory counts, too.
    memory: bool,
    /// The outcome in question: registers, then x, y, z.
    weak: Outcome,
}

fn run(litmus: &Litmus, (rules, plan): (Rules, Plan)) -> BTreeSet<Outcome> {
    let words = Rc::new([Shared::new(0), Shared::new(0), Shared::new(0)]);
    let bodies = litmus.threads.iter().map(|thread| {
        let (words, thread) = (Rc::clone(&words), thread.clone());
        Box::new(move || {
            for &step in &thread {
                match step {
                    W(word, value) => words[word].store(value, Relaxed),
                    R(word, register) => words[word].observe(register),
                    F(barrier) => fence(barrier, ""),
                }
            }
        }) as Body
    });
    let (shown, memory) = (Rc::clone(&words), litmus.memory);
    let test = Test {
        set_up: Box::new(move || {
            for (word, name) in shown.iter().zip(["x", "y", "z"]) {
                name_word(word, name);
                if memory {
                    observe_memory(word);
                }
            }
        }),
        bodies: bodies.collect(),
        handler: Rc::new(|_, _| ()),
        registers: litmus.registers,
        pokes: Pokes::Any,
        is_flaw: Box::new(|_| false),
    };
    let found = explore(test, rules, plan);
    assert!(matches!(found.verdict, Verdict::Holds), "{}: {:?}", litmus.name, found.verdict);
    found.outcomes
}

fn on(memory: Memory, reduce: bool) -> (Rules, Plan) {
    (Rules { memory, ..Rules::WEAK }, Plan { reduce, ..Plan::within(1 << 30) })
}

/// The shape with a fence where each thread has one, or none; or a test of coherence.
fn shape(name: &'static str, fences: &[Option<Barrier>]) -> Litmus {
    let coherence = |threads: &[&[Do]], registers, memory, weak: &[u64]| Litmus {
        name,
        threads: threads.iter().map(|thread| thread.to_vec()).collect(),
        registers,
        memory,
        weak: weak.to_vec(),
    };
    match name {
        "CoRR" => coherence(&[&[W(X, 1)], &[R(X, 0), R(X, 1)]], 2, false, &[1, 0]),
        "CoWR" => coherence(&[&[W(X, 1), R(X, 0)], &[W(X, 2)]], 1, true, &[0, 1, 0, 0]),
        "CoRW" => coherence(&[&[R(X, 0), W(X, 1)]], 1, false, &[1]),
        "CoWW" => coherence(&[&[W(X, 1), W(X, 2)]], 0, true, &[1, 0, 0]),
        _ => of_table(SHAPES.iter().find(|shape| shape.name == name).expect("a shape"), fences),
    }
}

/// A shape of the table, with these fences in the threads that have one.
fn of_table(shape: &Shape, fences: &[Option<Barrier>]) -> Litmus {
    let mut fences = fences.iter().copied().chain(std::iter::repeat(None));
    let mut registers = 0;
    let mut thread = |ops: &&[Op]| {
        let step = |op: &Op| match *op {
            Op::Store(var, value) => Some(W(var as usize, value)),
            Op::Load(var) => {
                registers += 1;
                Some(R(var as usize, registers - 1))
            }
            Op::Fence | Op::FullFence => fences.next().flatten().map(F),
        };
        ops.iter().filter_map(step).collect::<Vec<_>>()
    };
    let threads: Vec<Vec<Do>> = shape.threads.iter().map(&mut thread).collect();
    let reads = shape.forbidden.iter().filter_map(|seen| match *seen {
        Seen::Read(.., value) => Some(value),
        Seen::Last(..) => None,
    });
    let memory = shape.forbidden.iter().any(|seen| matches!(seen, Seen::Last(..)));
    let last = [Var::X, Var::Y, Var::Z].map(|var| ends(shape, var));
    let weak = reads.chain(last.into_iter().filter(|_| memory)).collect();
    Litmus { name: shape.name, threads, registers: registers.into(), memory, weak }
}

/// What a variable holds at the end of the outcome in question: what the table says,
/// or the only value that is stored to it.
fn ends(shape: &Shape, var: Var) -> u64 {
    let told = shape.forbidden.iter().find_map(|seen| match *seen {
        Seen::Last(of, value) if of == var => Some(value),
        Seen::Last(..) | Seen::Read(..) => None,
    });
    let ops = shape.threads.iter().copied().flatten();
    let stored = ops.filter_map(|op| match *op {
        Op::Store(to, value) if to == var => Some(value),
        _ => None,
    });
    told.or(stored.max()).unwrap_or(0)
}

type Row = (&'static str, Vec<Option<Barrier>>, [bool; 4]);

/// Each row: a shape, its fences, and whether Weak, no-LB, TSO and SC machines
/// allow the outcome in question.
fn table() -> Vec<Row> {
    let none: Vec<Option<Barrier>> = Vec::new();
    let all = |barrier: Barrier| vec![Some(barrier); 3];
    let on = |barriers: &[Barrier]| barriers.iter().map(|&barrier| Some(barrier)).collect::<Vec<_>>();
    const YES: [bool; 4] = [true, true, true, false];
    const WEAK: [bool; 4] = [true, true, false, false];
    const LB: [bool; 4] = [true, false, false, false];
    const NO: [bool; 4] = [false; 4];
    vec![
        ("SB", none.clone(), YES),
        ("SB", all(Full), NO),
        ("SB", all(Write), YES),
        ("SB", all(Acquire), YES),
        ("SB", all(Release), YES),
        ("SB", vec![Some(Full), None], YES),
        ("MP", none.clone(), WEAK),
        ("MP", all(Full), NO),
        ("MP", on(&[Write, Acquire]), NO),
        ("MP", on(&[Release, Acquire]), NO),
        ("MP", on(&[Acquire, Acquire]), WEAK),
        ("MP", on(&[Write, Write]), WEAK),
        ("MP", on(&[Full, Release]), WEAK),
        ("MP", vec![Some(Full), None], WEAK),
        ("MP", vec![None, Some(Full)], WEAK),
        ("LB", none.clone(), LB),
        ("LB", all(Full), NO),
        ("LB", all(Acquire), NO),
        ("LB", all(Release), NO),
        ("LB", all(Write), LB),
        ("LB", vec![Some(Full), None], LB),
        ("S", none.clone(), WEAK),
        ("S", all(Full), NO),
        ("S", on(&[Write, Acquire]), NO),
        ("S", on(&[Release, Release]), NO),
        ("S", on(&[Write, Write]), LB),
        ("R", none.clone(), YES),
        ("R", all(Full), NO),
        ("R", on(&[Write, Acquire]), YES),
        ("R", on(&[Write, Full]), NO),
        ("R", on(&[Acquire, Full]), WEAK),
        ("2+2W", none.clone(), WEAK),
        ("2+2W", all(Full), NO),
        ("2+2W", all(Write), NO),
        ("2+2W", all(Release), NO),
        ("2+2W", all(Acquire), WEAK),
        ("IRIW", none.clone(), WEAK),
        ("IRIW", all(Full), NO),
        ("IRIW", all(Acquire), NO),
        ("IRIW", all(Write), WEAK),
        ("WRC", none.clone(), WEAK),
        ("WRC", all(Full), NO),
        ("WRC", on(&[Release, Acquire]), NO),
        ("WRC", on(&[Write, Acquire]), LB),
        ("ISA2", none.clone(), WEAK),
        ("ISA2", all(Full), NO),
        ("ISA2", on(&[Release, Release, Acquire]), NO),
        ("ISA2", on(&[Acquire, Release, Acquire]), WEAK),
        ("CoRR", none.clone(), NO),
        ("CoWR", none.clone(), NO),
        ("CoRW", none.clone(), NO),
        ("CoWW", none, NO),
    ]
}

#[test]
fn every_machine_allows_what_the_table_says_and_nothing_else() {
    for (name, fences, allowed) in table() {
        let litmus = shape(name, &fences);
        let machines = [Memory::Weak, Memory::NoLoadBuffering, Memory::Tso, Memory::Sc];
        for (memory, allowed) in machines.into_iter().zip(allowed) {
            let outcomes = run(&litmus, on(memory, true));
            let weak = litmus.weak.clone();
            assert_eq!(outcomes.contains(&weak), allowed, "{name} {fences:?} on {memory:?}: {outcomes:?}");
        }
    }
}

#[test]
fn reduction_loses_no_outcome() {
    for (name, fences, _) in table() {
        let litmus = shape(name, &fences);
        for memory in [Memory::Weak, Memory::NoLoadBuffering, Memory::Tso, Memory::Sc] {
            let reduced = run(&litmus, on(memory, true));
            let whole = run(&litmus, on(memory, false));
            assert_eq!(reduced, whole, "{name} {fences:?} on {memory:?}");
        }
    }
}

#[test]
fn weaker_machines_reach_more() {
    for (name, fences, _) in table() {
        let litmus = shape(name, &fences);
        let machines = [Memory::Sc, Memory::Tso, Memory::NoLoadBuffering, Memory::Weak];
        let outcomes = machines.map(|memory| run(&litmus, on(memory, true)));
        for pair in outcomes.windows(2) {
            assert!(pair[0].is_subset(&pair[1]), "{name} {fences:?}: {pair:?}");
        }
    }
}
