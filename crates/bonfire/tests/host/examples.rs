//! The worked examples of the soundness argument, on this machine, each with
//! the twins that must be seen to fail.
//!
//! - *Without the heavy fence*: a full fence in its place. The reader's store
//!   is still in its buffer.
//! - *Without the light fence*: it has no instruction, so what is missing is the
//!   order that it imposes on the compiler. The twin makes the load first, as
//!   a compiler would then be free to. (`tests/loom.rs` removes it literally.)

use std::sync::atomic::{
    Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst},
    fence,
};

use crate::common::{Counts, Length, Side, TWIN, is_seen, play, rounds, store_buffering};
use crate::race::Line;
use bonfire::{Barrier, Fences, Memory};
use bonfire_skip::{Cause, skip};

/// How the reader's two accesses stand to the light fence.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reader {
    Fenced,
    /// The load first, which nothing forbids without the fence.
    Swapped,
}

/// A reader that announces itself in `announced`, looks at `looked_at`, and may
/// go on if that is still 0; the announcement must be seen by who changes it.
fn may_go_on<B: Barrier>(barrier: B, reader: Reader, announced: &Line, looked_at: &Line) -> bool {
    if reader == Reader::Swapped {
        let may = looked_at.0.load(Acquire) == 0;
        // A compiler may move a load past as much work as it likes.
        (0..1000).for_each(|_| std::hint::spin_loop());
        announced.0.store(1, Relaxed);
        return may;
    }
    announced.0.store(1, Relaxed);
    barrier.light();
    looked_at.0.load(Acquire) == 0
}

/// The slow half of each example: `barrier.heavy()`, or the twin's full fence.
type Heavy = fn();

fn full() {
    fence(SeqCst);
}

/// Both are in.
fn dekker<B: Barrier>(most: Length, barrier: B, reader: Reader, heavy: Option<Heavy>) -> Counts {
    let owner: Side = &|[owner_in, visitor_in, _]| may_go_on(barrier, reader, owner_in, visitor_in);
    let visitor: Side = &|[owner_in, visitor_in, _]| {
        visitor_in.0.store(1, Relaxed);
        heavy.map_or_else(|| barrier.heavy(), |twin| twin());
        owner_in.0.load(Acquire) == 0
    };
    play(most, 1, owner, visitor)
}

/// An object is used while or after it is freed: object 0 is retired by making
/// object 1 current, and freed if no hazard (index + 1) says that it is in use.
fn hazard_pointer<B: Barrier>(most: Length, barrier: B, reader: Reader, heavy: Option<Heavy>) -> Counts {
    let user: Side = &|[hazard, current, _]| {
        let uses = may_go_on(barrier, reader, hazard, current);
        hazard.0.store(if uses { 1 } else { 0 }, Release);
        uses
    };
    let retirer: Side = &|[hazard, current, _]| {
        current.0.swap(1, AcqRel);
        heavy.map_or_else(|| barrier.heavy(), |twin| twin());
        hazard.0.load(Acquire) == 0
    };
    play(most, 1, user, retirer)
}

/// A grace period ends while a reader holds what was replaced before it began.
fn rcu<B: Barrier>(most: Length, barrier: B, reader: Reader, heavy: Option<Heavy>) -> Counts {
    let reads: Side = &|[reading, current, freed]| {
        let holds_old = may_go_on(barrier, reader, reading, current);
        // Looks again and again at what it holds, to be caught with it.
        let caught = holds_old && (0..64).any(|_| freed.0.load(Relaxed) == 1);
        reading.0.store(2, Release);
        caught
    };
    let replaces: Side = &|[reading, current, freed]| {
        current.0.store(1, Release);
        heavy.map_or_else(|| barrier.heavy(), |twin| twin());
        // 0: not in; 2: out again.
        while reading.0.load(Acquire) == 1 {
            std::hint::spin_loop();
        }
        freed.0.store(1, Relaxed);
        true
    };
    play(most, 1, reads, replaces)
}

/// The example holds with the pair, and each twin is seen to fail, or the test says
/// that it was not.
fn check(name: &str, example: impl Fn(Length, Option<Memory>, Reader, Option<Heavy>) -> Counts) {
    let Ok(memory) = Memory::register() else {
        skip!(Cause::Kernel("lets nobody register for membarrier here"))
    };
    let holds =
        |most| assert_eq!(example(rounds(most), Some(memory), Reader::Fenced, None).forbidden, 0, "{name}");
    holds(500);
    let full_fences = example(rounds(500), None, Reader::Fenced, None);
    assert_eq!(full_fences.forbidden, 0, "{name}, full fences on both sides");
    let twins =
        [("no heavy fence", Reader::Fenced, Some(full as Heavy)), ("no light fence", Reader::Swapped, None)];
    for (twin, reader, heavy) in twins {
        let failed = example(TWIN, Some(memory), reader, heavy);
        if is_seen(&format!("{name} with {twin}"), failed) {
            // As many rounds again as the twin needed, and then some.
            holds((failed.rounds * 20).clamp(500, 5_000));
        }
    }
}

#[test]
fn dekker_holds_and_its_twins_do_not() {
    check("dekker", |most, memory, reader, heavy| match memory {
        Some(memory) => dekker(most, memory, reader, heavy),
        None => dekker(most, Fences, reader, heavy),
    });
}

#[test]
fn a_hazard_pointer_holds_and_its_twins_do_not() {
    check("hazard pointer", |most, memory, reader, heavy| match memory {
        Some(memory) => hazard_pointer(most, memory, reader, heavy),
        None => hazard_pointer(most, Fences, reader, heavy),
    });
}

#[test]
fn rcu_holds_and_its_twins_do_not() {
    check("rcu", |most, memory, reader, heavy| match memory {
        Some(memory) => rcu(most, memory, reader, heavy),
        None => rcu(most, Fences, reader, heavy),
    });
}

#[test]
fn two_light_fences_order_nothing() {
    let Ok(_memory) = Memory::register() else {
        skip!(Cause::Kernel("lets nobody register for membarrier here"))
    };
    // What must be seen, for that is all there is to say of such pairs.
    let pairs: [(&str, Heavy); 2] =
        [("a pair of light fences", bonfire::light), ("a light fence with a full one", full)];
    for (pair, other) in pairs {
        is_seen(pair, store_buffering(TWIN, 1, &bonfire::light, &other));
    }
}
