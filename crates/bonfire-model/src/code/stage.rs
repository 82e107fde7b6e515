//! What a scenario plays on: places for code, a pointer to one of them, and what publishers
//! and executing threads do.

use std::rc::Rc;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use bonfire_code_core::{Generation, Seen, Trapped, patch_by_trap, publish};
use bonfire_rcu_core::{Depth, Grace, Record, Roster, enter, leave};

use super::steps::{Plant, Steps, is_planted};
use crate::explorer::{Register, Shared, without_interrupts};
use crate::proof::system::System;
use crate::rcu::machine::{Process, Readers};

/// Instructions, by what they are. What a register holds if nothing was executed is 0.
pub(crate) const OLD: u64 = 1;
/// What replaces it, or is published elsewhere.
pub(crate) const NEW: u64 = 2;
/// What is written where the old was, after that was freed.
pub(crate) const OTHER: u64 = 3;
/// The trap, while an instruction is patched.
pub(crate) const TRAP: u64 = 4;
/// What stands where there is no code: never to be executed.
pub(crate) const NOTHING: u64 = 9;

/// What the pointer points to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum To {
    /// The old function, in the first place.
    Old = 0,
    /// The new one, in the second.
    New = 1,
    /// Another one, in the first place again.
    Other = 2,
}

impl To {
    const ALL: [Self; 3] = [Self::Old, Self::New, Self::Other];

    fn place(self) -> usize {
        usize::from(self == Self::New)
    }
}

pub(crate) struct Stage {
    /// Two places for a function, or the two parts of one instruction.
    places: [Shared; 2],
    /// Which function is to be called.
    current: Shared,
    told: Shared,
    generation: Generation<Steps>,
    grace: Grace<Readers>,
    readers: Roster<Readers, [Record<Readers>; 1]>,
    process: Rc<Process>,
}

impl Stage {
    /// With these instructions in the two places.
    pub(crate) fn new(first: u64, second: u64) -> Self {
        Self {
            places: [Shared::new(first), Shared::new(second)],
            current: Shared::new(To::Old as u64),
            told: Shared::new(0),
            generation: Generation::FIRST,
            grace: Grace::NEW,
            readers: Roster::new([Record::NEW]),
            process: Rc::new(Process::new(false, false)),
        }
    }

    /// The words that hold instructions.
    pub(crate) fn code(&self) -> &[Shared] {
        &self.places
    }

    /// The calling CPU's own view.
    pub(crate) fn on(&self, system: &Rc<dyn System>) -> Cast<'_> {
        let readers = Readers { system: Rc::clone(system), process: Rc::clone(&self.process) };
        let steps = Steps { system: Rc::clone(system) };
        Cast { stage: self, steps, readers, depth: Depth::new(), seen: Seen::new() }
    }

    /// What the word at an address is called.
    pub(crate) fn name_at(&self, address: usize) -> Option<String> {
        let mut words: Vec<(&str, &Shared)> = vec![
            ("code0", &self.places[0]),
            ("code1", &self.places[1]),
            ("current", &self.current),
            ("told", &self.told),
            ("generation", &self.generation.word().0),
            ("records", self.readers.count_word()),
        ];
        words.extend(self.grace.words());
        words.extend(self.readers.table().iter().flat_map(Record::words));
        let found = words.into_iter().find(|(_, word)| std::ptr::from_ref(*word).addr() == address);
        found.map(|(name, _)| name.to_owned()).or_else(|| self.process.name_at(address))
    }
}

/// A thread of the program.
pub(crate) struct Cast<'a> {
    stage: &'a Stage,
    pub(crate) steps: Steps,
    readers: Readers,
    depth: Depth,
    seen: Seen,
}

/// The publisher's part.
impl Cast<'_> {
    /// Writes an instruction.
    #[track_caller]
    pub(crate) fn write(&self, place: usize, instruction: u64) {
        self.stage.places[place].store(instruction, Relaxed);
    }

    /// Writes, and publishes for threads that check nothing.
    #[track_caller]
    pub(crate) fn publish(&self, place: usize, instruction: u64) {
        if is_planted(Plant::SerialisedTooEarly) {
            let Ok(()) = publish(&self.steps, &());
            return self.write(place, instruction);
        }
        self.write(place, instruction);
        if is_planted(Plant::ToldTooEarly) {
            self.tell();
        }
        let Ok(()) = publish(&self.steps, &());
    }

    /// Writes, and publishes for threads that check.
    #[track_caller]
    pub(crate) fn announce(&self, place: usize, instruction: u64) {
        let announce = || {
            let Ok(()) = self.stage.generation.publish(&self.steps, &());
        };
        if is_planted(Plant::AnnouncedTooEarly) {
            announce();
            return self.write(place, instruction);
        }
        self.write(place, instruction);
        announce();
    }

    /// Replaces the instruction whose parts are the two places.
    #[track_caller]
    pub(crate) fn patch(&self) {
        if is_planted(Plant::NoTrap) {
            self.publish(1, NEW);
            return self.publish(0, NEW);
        }
        patch_by_trap(&self.steps, self);
    }

    /// Has threads call another function from now on.
    #[track_caller]
    pub(crate) fn point(&self, to: To) {
        self.stage.current.store(to as u64, Release);
    }

    /// Waits until nobody is in what was replaced.
    #[track_caller]
    pub(crate) fn wait_for_readers(&self) {
        if !is_planted(Plant::FreedTooEarly) {
            self.stage.grace.synchronize(&self.readers, &self.stage.readers, &mut |_| {});
        }
    }

    /// Publishes in a place that was freed.
    #[track_caller]
    pub(crate) fn reuse(&self, place: usize, instruction: u64) {
        if is_planted(Plant::ReusedAsItWas) {
            self.write(place, instruction)
        } else {
            self.publish(place, instruction)
        }
    }

    /// Says that something is done.
    #[track_caller]
    pub(crate) fn tell(&self) {
        self.stage.told.store(1, Release);
    }
}

impl Trapped for Cast<'_> {
    fn write_trap(&self) {
        self.write(0, TRAP);
    }

    fn write_tail(&self) {
        self.write(1, NEW);
    }

    fn write_head(&self) {
        self.write(0, NEW);
    }
}

/// The part of a thread that executes.
impl Cast<'_> {
    /// Waits until it is told.
    #[track_caller]
    pub(crate) fn hear(&self) {
        self.stage.told.wait(1, Acquire);
    }

    /// Executes the instruction in a place.
    #[track_caller]
    pub(crate) fn execute(&self, place: usize, register: Register) {
        self.stage.places[place].fetch(register);
    }

    /// Executes the instruction whose parts are the two places: it is not interrupted between
    /// them.
    #[track_caller]
    pub(crate) fn execute_both(&self) {
        without_interrupts(|| {
            self.execute(0, 0);
            self.execute(1, 1);
        });
    }

    /// Serialises, if something was announced.
    #[track_caller]
    pub(crate) fn catch_up(&self) {
        self.stage.generation.catch_up(&self.steps, &self.seen);
    }

    /// Learns, checks, and executes.
    #[track_caller]
    pub(crate) fn hear_and_check(&self) {
        if is_planted(Plant::CheckedTooEarly) {
            self.catch_up();
            self.hear();
        } else {
            self.hear();
            self.catch_up();
        }
    }

    /// Takes a record, for sections.
    pub(crate) fn arrive(&self) {
        let record: &Record<Readers> = self.stage.readers.claim().expect("there is one");
        record.prepare(0);
        self.section(|| {});
    }

    /// Calls what the pointer points to, in a read section: each function into a register of
    /// its own.
    #[track_caller]
    pub(crate) fn call(&self) {
        self.section(|| {
            let to = self.stage.current.load(Acquire);
            // A pass that assumed too little of a program answers it with anything, and counts
            // for nothing.
            if let Some(to) = To::ALL.into_iter().find(|known| *known as u64 == to) {
                self.execute(to.place(), to as Register);
            }
        });
    }

    #[track_caller]
    fn section(&self, body: impl FnOnce()) {
        let record = &self.stage.readers.table()[0];
        enter(&self.readers, &self.stage.grace, record, &self.depth);
        body();
        leave(&self.readers, record, &self.depth);
    }
}
