//! What a scenario plays on: an object that is replaced, and what readers and updaters do
//! with it.
//!
//! There are two objects, a pointer to one of them, and memory that is freed by writing
//! [`POISON`] over it. Whoever reads that has used what was freed.

use std::rc::Rc;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use bonfire_rcu_core::{
    ANY, Depth, Grace, Machine, Record, Roster, Site, Slot, Ticket, Word, enter, enter_alone, hold, leave,
    leave_alone, let_go, scan,
};

use super::machine::{Process, Readers, after_load, is_planted};
use super::plant::Plant;
use crate::explorer::{Register, Shared};
use crate::proof::system::System;

/// What is read of memory that was freed.
pub(crate) const POISON: u64 = 99;
/// What is read of the object that is there first.
pub(crate) const OLD: u64 = 1;
/// What is read of the one that replaces it.
pub(crate) const NEW: u64 = 2;
/// What pointers are: the number of an object and this. 0 and 1 are not pointers.
const FIRST: u64 = 8;

const RECORDS: usize = 2;

pub(crate) struct Stage {
    pub(crate) grace: Grace<Readers>,
    pub(crate) readers: Roster<Readers, [Record<Readers>; RECORDS]>,
    slots: Roster<Readers, [Slot<Readers>; 1]>,
    pub(crate) process: Rc<Process>,
    /// The pointer.
    current: Shared,
    objects: [Shared; 2],
    /// What CPUs tell each other beside.
    told: Shared,
}

impl Stage {
    pub(crate) fn new(sleeps: bool, registers: bool) -> Self {
        Self {
            grace: Grace::NEW,
            readers: Roster::new([const { Record::NEW }; RECORDS]),
            slots: Roster::new([Slot::NEW]),
            process: Rc::new(Process::new(sleeps, registers)),
            current: Shared::new(FIRST),
            objects: [Shared::new(OLD), Shared::new(NEW)],
            told: Shared::new(0),
        }
    }

    /// The calling CPU's own view.
    pub(crate) fn on(&self, system: &Rc<dyn System>) -> Cast<'_> {
        let machine = Readers { system: Rc::clone(system), process: Rc::clone(&self.process) };
        Cast { stage: self, machine, depth: Depth::new() }
    }

    /// What the word at an address is called.
    pub(crate) fn name_at(&self, address: usize) -> Option<String> {
        let mut words: Vec<(String, &Shared)> = Vec::new();
        words.extend(self.grace.words().map(|(name, word)| (name.to_owned(), word)));
        words.push(("records".to_owned(), self.readers.count_word()));
        words.push(("slots".to_owned(), self.slots.count_word()));
        for (number, record) in self.readers.table().iter().enumerate() {
            words.extend(record.words().map(|(name, word)| (format!("record{number}.{name}"), word)));
        }
        for (number, slot) in self.slots.table().iter().enumerate() {
            words.extend(slot.words().map(|(name, word)| (format!("slot{number}.{name}"), word)));
        }
        words.push(("current".to_owned(), &self.current));
        words.push(("old".to_owned(), &self.objects[0]));
        words.push(("new".to_owned(), &self.objects[1]));
        words.push(("told".to_owned(), &self.told));
        let found = words.into_iter().find(|(_, word)| std::ptr::from_ref(*word).addr() == address);
        found.map(|(name, _)| name).or_else(|| self.process.name_at(address))
    }
}

/// A thread of the program.
pub(crate) struct Cast<'a> {
    pub(crate) stage: &'a Stage,
    pub(crate) machine: Readers,
    pub(crate) depth: Depth,
}

/// The reader's part.
impl Cast<'_> {
    /// Takes a record.
    #[track_caller]
    pub(crate) fn arrive(&self) -> &Record<Readers> {
        let record = self.stage.readers.claim().expect("there are enough");
        record.prepare(0);
        record
    }

    /// Reads what was loaded, and gives the record back inside the section.
    #[track_caller]
    pub(crate) fn look_and_depart(&self, record: &Record<Readers>, loaded: u64, register: Register) {
        if is_planted(Plant::VacatesFirst) {
            let [.., (_, taken)] = record.words();
            taken.store(0, Release);
        }
        self.look(loaded, register);
        record.give_back(&self.machine);
    }

    /// A record of which its owner knows that light fences are enough.
    pub(crate) fn arrive_ready(&self) -> &Record<Readers> {
        let record = self.arrive();
        self.enter(record);
        self.leave(record);
        record
    }

    pub(crate) fn record(&self, number: usize) -> &Record<Readers> {
        &self.stage.readers.table()[number]
    }

    #[track_caller]
    pub(crate) fn enter(&self, record: &Record<Readers>) {
        enter(&self.machine, &self.stage.grace, record, &self.depth);
    }

    #[track_caller]
    pub(crate) fn leave(&self, record: &Record<Readers>) {
        leave(&self.machine, record, &self.depth);
    }

    /// Loads the pointer.
    #[track_caller]
    pub(crate) fn load(&self) -> u64 {
        let loaded = self.stage.current.load(Acquire);
        after_load();
        loaded
    }

    /// Reads the object that was loaded.
    #[track_caller]
    pub(crate) fn look(&self, loaded: u64, register: Register) {
        // A pass that assumed too little of a program answers it with anything, and counts
        // for nothing.
        if let Some(object) = self.stage.objects.get(loaded.wrapping_sub(FIRST) as usize) {
            object.observe(register);
        }
    }

    /// A section that reads.
    #[track_caller]
    pub(crate) fn section(&self, record: &Record<Readers>, register: Register) {
        self.enter(record);
        self.look(self.load(), register);
        self.leave(record);
    }

    /// The same, of a reader that has nothing to look at.
    #[track_caller]
    pub(crate) fn section_alone(&self, record: &Record<Readers>, register: Register) {
        enter_alone(&self.machine, &self.stage.grace, record);
        self.look(self.load(), register);
        leave_alone(&self.machine, record);
    }

    /// Holds the pointer in a slot, and reads.
    #[track_caller]
    pub(crate) fn hazard(&self, register: Register) {
        let slot = &self.stage.slots.table()[0];
        let loaded = hold(&self.machine, slot, || self.load());
        self.look(loaded, register);
        let_go::<Readers>(slot);
    }

    /// The same, as most hazard pointers do it: without saying that the slot holds anything
    /// while the pointer is loaded, so that it must be loaded again.
    #[track_caller]
    pub(crate) fn hazard_by_reloading(&self, register: Register) {
        let slot = &self.stage.slots.table()[0];
        let [(_, held), _] = slot.words();
        let mut loaded = self.load();
        loop {
            Word::store(held, loaded, Site::Hold);
            self.machine.light(Site::HoldLight);
            let again = self.load();
            if again == loaded {
                break;
            }
            loaded = again;
        }
        self.look(loaded, register);
        let_go::<Readers>(slot);
    }

    /// Takes the slot.
    pub(crate) fn take_slot(&self) {
        let _: &Slot<Readers> = self.stage.slots.claim().expect("there is one");
    }
}

/// The updater's part.
impl Cast<'_> {
    /// Replaces the object.
    #[track_caller]
    pub(crate) fn unpublish(&self) {
        self.stage.current.store(FIRST + 1, Release);
    }

    /// Frees what was replaced.
    #[track_caller]
    pub(crate) fn free(&self) {
        self.stage.objects[0].store(POISON, Relaxed);
    }

    #[track_caller]
    pub(crate) fn synchronize(&self) {
        if !is_planted(Plant::NoGracePeriod) {
            self.stage.grace.synchronize(&self.machine, &self.stage.readers, &mut |_| {});
        }
    }

    /// Replaces, waits, frees.
    #[track_caller]
    pub(crate) fn replace(&self) {
        if is_planted(Plant::WaitsTooEarly) {
            self.synchronize();
            self.unpublish();
        } else {
            self.unpublish();
            self.synchronize();
        }
        self.free();
    }

    /// Replaces, and joins the line.
    #[track_caller]
    pub(crate) fn retire(&self) -> Ticket {
        if is_planted(Plant::JoinsTooEarly) {
            let ticket = self.stage.grace.join();
            self.unpublish();
            return ticket;
        }
        self.unpublish();
        self.stage.grace.join()
    }

    /// Takes the grace period of `ticket` a step further, and frees if it is over;
    /// whether it is.
    #[track_caller]
    pub(crate) fn advance(&self, ticket: Ticket) -> bool {
        let is_over = self.goes_on(ticket);
        if is_over {
            self.free();
        }
        is_over
    }

    /// Takes the grace period of `ticket` a step further.
    #[track_caller]
    pub(crate) fn goes_on(&self, ticket: Ticket) -> bool {
        self.stage.grace.advance(ticket, &self.machine, &self.stage.readers)
    }

    /// Frees what was replaced, if the grace period of `ticket` is over.
    #[track_caller]
    pub(crate) fn free_if_over(&self, ticket: Ticket) {
        if self.stage.grace.is_over(ticket) {
            self.free();
        }
    }

    /// Frees what was replaced, unless a slot holds it.
    #[track_caller]
    pub(crate) fn free_unless_held(&self) {
        let is_meant = |held| held == FIRST || held == ANY && !is_planted(Plant::WildcardIsNothing);
        if !scan(&self.stage.slots).any(is_meant) {
            self.free();
        }
    }
}

/// What threads tell each other beside.
impl Cast<'_> {
    #[track_caller]
    pub(crate) fn tell(&self, what: u64) {
        self.stage.told.store(what, Release);
    }

    /// Waits until a grace period has begun.
    #[track_caller]
    pub(crate) fn await_epoch(&self) {
        let [(_, epoch), ..] = self.stage.grace.words();
        epoch.wait(1, Acquire);
    }

    #[track_caller]
    pub(crate) fn hear(&self) -> u64 {
        self.stage.told.wait(1, Acquire);
        self.stage.told.load(Relaxed)
    }
}
