//! The explorer as the machine of `bonfire-code-core`: its words, caches that need nothing, and
//! a system call by which everybody serialises.

use std::cell::Cell;
use std::convert::Infallible;
use std::rc::Rc;
use std::sync::atomic::Ordering::{self, Relaxed};

use bonfire_abi::Command;
pub use bonfire_code_core::Site;
use bonfire_code_core::{Kind, Machine, Word};

use crate::explorer::{self, Shared};
use crate::proof::system::System;
use crate::vocabulary::Act;

/// What becomes of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Change {
    /// It is left out.
    Left,
    /// An access orders nothing any more.
    Relaxed,
    /// Everybody passes a full fence, and does not serialise.
    FenceOnly,
    /// Only the calling thread serialises.
    Own,
}

/// A fault of a kind that programs have had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Plant {
    /// Threads are told of code before they have serialised.
    ToldTooEarly,
    /// Threads serialise before the code is written.
    SerialisedTooEarly,
    /// The generation is counted up before the code is written.
    AnnouncedTooEarly,
    /// A thread checks before it has learnt what to execute.
    CheckedTooEarly,
    /// Code is freed without waiting for threads that are in it.
    FreedTooEarly,
    /// Memory is used for other code, and nobody serialises: "it was published before".
    ReusedAsItWas,
    /// The other bytes of an instruction are written first, and then the first byte.
    NoTrap,
}

/// All of them, with what each is.
pub const PLANTS: [(Plant, &str); 7] = [
    (Plant::ToldTooEarly, "threads are told of the code before they have serialised"),
    (Plant::SerialisedTooEarly, "threads serialise before the code is written"),
    (Plant::AnnouncedTooEarly, "the generation is counted up before the code is written"),
    (Plant::CheckedTooEarly, "a thread checks before it has learnt what to execute"),
    (Plant::FreedTooEarly, "code is freed without waiting for threads that are in it"),
    (Plant::ReusedAsItWas, "freed memory is used for other code, and nobody serialises"),
    (Plant::NoTrap, "an instruction is written in two parts, without a trap"),
];

/// How the program differs from the one that ships.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mutant {
    /// Not at all.
    #[default]
    None,
    /// A step is changed.
    Changed(Site, Change),
    /// A fault is planted.
    Planted(Plant),
}

thread_local! {
    /// The program that is explored on this thread.
    static MUTANT: Cell<Mutant> = const { Cell::new(Mutant::None) };
    /// The sites that were passed, a bit for each.
    static PASSED: Cell<u64> = const { Cell::new(0) };
}

/// Explores `mutant` on this thread from here on.
pub(crate) fn become_mutant(mutant: Mutant) {
    MUTANT.set(mutant);
}

/// The sites that this thread has passed since it was asked last.
pub(crate) fn take_passed() -> Vec<Site> {
    let passed = PASSED.take();
    Site::ALL.into_iter().filter(|&site| passed >> site as u64 & 1 != 0).collect()
}

pub(crate) fn is_planted(plant: Plant) -> bool {
    MUTANT.get() == Mutant::Planted(plant)
}

/// What becomes of `site`, which is passed.
fn change(site: Site) -> Option<Change> {
    PASSED.set(PASSED.get() | 1 << site as u64);
    match MUTANT.get() {
        Mutant::Changed(changed, change) if changed == site => Some(change),
        _ => None,
    }
}

fn order(site: Site) -> Ordering {
    match (change(site), site.kind()) {
        (None, Kind::Access(order)) => order,
        _ => Relaxed,
    }
}

/// A word of the explorer.
#[derive(Debug)]
pub(crate) struct Counter(pub(crate) Shared);

impl Word for Counter {
    const ZERO: Self = Self(Shared::new(0));

    #[track_caller]
    fn load(&self, at: Site) -> u64 {
        self.0.load(order(at))
    }

    #[track_caller]
    fn fetch_add(&self, count: u64, at: Site) -> u64 {
        let order = order(at);
        if change(at) == Some(Change::Left) { 0 } else { self.0.fetch_add(count, order) }
    }
}

/// The machine of one thread.
#[derive(Clone)]
pub(crate) struct Steps {
    pub(crate) system: Rc<dyn System>,
}

impl Steps {
    /// A call that is refused does nothing, and is noticed by what it did not do. (A pass that
    /// assumed too little of a program answers it with anything, and counts for nothing.)
    fn call(&self, command: Command) {
        self.system.act(Act::Call(command));
    }
}

impl Machine for Steps {
    type Word = Counter;
    type Code = ();
    type Fault = Infallible;

    /// The explorer's instruction fetch reads memory: there is nothing to maintain.
    fn maintain(&self, (): &(), at: Site) -> Result<(), Infallible> {
        change(at);
        Ok(())
    }

    #[track_caller]
    fn sync_core(&self, at: Site) {
        match change(at) {
            None => self.call(Command::SyncCore),
            Some(Change::FenceOnly) => self.call(Command::PrivateExpedited),
            Some(Change::Own) => explorer::core_sync("own"),
            Some(_) => {}
        }
    }

    #[track_caller]
    fn serialise(&self, at: Site) {
        if change(at).is_none() {
            explorer::core_sync("serialise");
        }
    }
}
