//! Faults of Linux in this code, restated as programs of a few lines.

use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;

use super::stale_mark::STALE_MARK;
use super::{Planted, of_two};
use crate::explorer::{Barrier, Body, Pokes, Shared, Test, fence, name_word, poke, without_interrupts};

/// The faults that are no site of the engine's: a barrier that is there, but too
/// late, and a cached bit that is stale.
pub(super) fn faults() -> Vec<Planted> {
    vec![
        Planted {
            name: "T1: concurrency id",
            about: "the barrier of a switch comes after the load that it should come before",
            cites: "sched: Add missing memory barrier in switch_mm_cid (2024)",
            test: |cured| late_barrier(["rq->curr", "cid"], cured),
        },
        Planted {
            name: "T2: TLB generation",
            about: "the barrier between publishing the address space and reading its generation is missing",
            cites: "x86/mm: switch_mm_irqs_off, 83b0177a (2025)",
            test: |cured| late_barrier(["loaded_mm", "tlb_gen"], cured),
        },
        Planted {
            name: "GX1: exit",
            about: "an exit clears the run queue's copy, and a sibling enters without a refresh",
            cites: "GLOBAL_EXPEDITED in Linux 6.12 to 7.3, membarrier_update_current_mm",
            test: |cured| cached_bit(Before::Exit, cured),
        },
        Planted {
            name: "GX2: lazy registration",
            about: "a CPU that borrows the address space while it registers is not told",
            cites: "GLOBAL_EXPEDITED in Linux 5.4 to 7.3, sync_runqueues_membarrier_state",
            test: |cured| cached_bit(Before::Lazy, cured),
        },
        STALE_MARK,
    ]
}

/// One side publishes who runs, and reads a word in the middle of the switch;
/// the other changes the word, and looks who runs.
fn late_barrier([who, what]: [&'static str; 2], cured: bool) -> Test {
    let words = Rc::new([Shared::new(0), Shared::new(0)]);
    let (named, switches, looks) = (Rc::clone(&words), Rc::clone(&words), words);
    let switch = move || {
        switches[0].store(1, Relaxed);
        if cured {
            fence(Barrier::Full, "smp_mb");
        }
        switches[1].observe(0);
        fence(Barrier::Full, "switch_mm");
    };
    let look = move || {
        looks[1].store(1, Relaxed);
        fence(Barrier::Full, "smp_mb");
        looks[0].observe(1);
    };
    Test {
        set_up: Box::new(move || {
            name_word(&named[0], who);
            name_word(&named[1], what);
        }),
        bodies: vec![Box::new(switch) as Body, Box::new(look)],
        handler: Rc::new(|_, _| ()),
        registers: 2,
        pokes: Pokes::Any,
        is_flaw: Box::new(|outcome| outcome == [0, 0]),
    }
}

/// What happened on the target's CPU before the thread entered.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    Exit,
    Lazy,
}

/// Linux's way to choose targets of GLOBAL_EXPEDITED: a copy of the state word
/// in each run queue, refreshed on a switch only if the address space is
/// another than the one whose page tables are loaded.
struct Cached {
    x: Shared,
    y: Shared,
    /// The state word of the one address space.
    state: Shared,
    /// The copy in the run queue of CPU 1, and whether a user thread is there.
    copy: Shared,
    curr: Shared,
    asked: Shared,
    done: Shared,
    before: Before,
    cured: bool,
}

const GLOBAL: u64 = 1;

impl Cached {
    fn name(&self) {
        let words = [
            (&self.x, "x"),
            (&self.y, "y"),
            (&self.state, "mm->membarrier_state"),
            (&self.copy, "rq->membarrier_state"),
            (&self.curr, "rq->curr->mm"),
            (&self.asked, "asked"),
            (&self.done, "done"),
        ];
        words.into_iter().for_each(|(word, name)| name_word(word, name));
    }

    fn target(&self) {
        if self.before == Before::Exit {
            without_interrupts(|| {
                fence(Barrier::Full, "exit_mm");
                self.curr.store(0, Relaxed);
                self.copy.store(0, Relaxed);
            });
        }
        // The page tables are those of the address space already.
        without_interrupts(|| {
            self.curr.store(1, Relaxed);
            if self.cured {
                self.copy.store(self.state.load(Relaxed), Relaxed);
            }
            fence(Barrier::Full, "mmdrop");
        });
        self.y.store(1, Relaxed);
        self.x.observe(1);
    }

    fn caller(&self) {
        if self.before == Before::Lazy {
            self.state.store(GLOBAL, Relaxed);
            fence(Barrier::Full, "synchronize_rcu");
            if self.cured || self.curr.load(Relaxed) != 0 {
                self.interrupt();
            }
        }
        self.x.store(1, Relaxed);
        fence(Barrier::Full, "entry");
        if self.copy.load(Relaxed) & GLOBAL != 0 && self.curr.load(Relaxed) != 0 {
            self.interrupt();
        }
        fence(Barrier::Full, "exit");
        self.y.observe(0);
    }

    fn interrupt(&self) {
        let asked = self.asked.fetch_add(1, Relaxed) + 1;
        poke(0b10);
        self.done.wait(asked, Relaxed);
    }

    fn handler(&self) {
        // A read-modify-write: the newest.
        let asked = self.asked.fetch_add(0, Relaxed);
        fence(Barrier::Full, "interrupt");
        if self.curr.load(Relaxed) != 0 {
            self.copy.store(self.state.load(Relaxed), Relaxed);
        }
        fence(Barrier::Full, "answer");
        self.done.store(asked, Relaxed);
    }
}

fn cached_bit(before: Before, cured: bool) -> Test {
    let registered = if before == Before::Exit { GLOBAL } else { 0 };
    let linux = Cached {
        x: Shared::new(0),
        y: Shared::new(0),
        state: Shared::new(registered),
        copy: Shared::new(registered),
        curr: Shared::new(u64::from(before == Before::Exit)),
        asked: Shared::new(0),
        done: Shared::new(0),
        before,
        cured,
    };
    of_two(linux, Cached::name, [Cached::caller, Cached::target], Cached::handler, [0, 0])
}
