//! The explorer as the machine of `bonfire-rcu-core`: its words, no fence for a light one,
//! a system call for a heavy one, and a futex made of a lock and a bell.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::atomic::Ordering::{self, AcqRel, Relaxed};

use bonfire_abi::Command;
pub use bonfire_rcu_core::Site;
use bonfire_rcu_core::{Kind, Lock, Machine, Word};

use super::plant::Plant;
use crate::explorer::{self, Barrier, Shared};
use crate::proof::system::System;
use crate::vocabulary::Act;

/// What becomes of a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Change {
    /// An access orders nothing any more.
    Relaxed,
    /// A fence is left out. Of a light one that means: the compiler moves a load that comes
    /// after it before the store that comes before it.
    Left,
    /// Of a heavy fence only the caller's own full fence is left.
    Own,
    /// Nobody is woken here.
    Asleep,
}

/// How the program differs from the one that ships.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mutant {
    /// Not at all.
    #[default]
    None,
    /// A site is changed.
    Changed(Site, Change),
    /// Two accesses order nothing any more.
    Both(Site, Site),
    /// A fault is planted.
    Planted(Plant),
}

thread_local! {
    /// The program that is explored on this thread.
    static MUTANT: Cell<Mutant> = const { Cell::new(Mutant::None) };
    /// The sites that were passed, a bit for each.
    static PASSED: Cell<u64> = const { Cell::new(0) };
    /// A store that the compiler has moved behind the next load.
    static LATE: RefCell<Option<(Shared, u64, Ordering)>> = const { RefCell::new(None) };
    /// How many records there were before the heavy fence, if that is what is believed.
    static COUNTED: Cell<Option<u64>> = const { Cell::new(None) };
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

fn pass(site: Site) {
    PASSED.set(PASSED.get() | 1 << site as u64);
}

/// A program begins from its beginning.
pub(crate) fn begin() {
    LATE.take();
    COUNTED.set(None);
}

pub(crate) fn is_planted(plant: Plant) -> bool {
    MUTANT.get() == Mutant::Planted(plant)
}

/// What becomes of `site`, which is passed.
fn change(site: Site) -> Option<Change> {
    pass(site);
    changed(site)
}

fn changed(site: Site) -> Option<Change> {
    match MUTANT.get() {
        Mutant::Changed(changed, change) if changed == site => Some(change),
        Mutant::Both(one, other) if one == site || other == site => Some(Change::Relaxed),
        _ => None,
    }
}

fn order(site: Site) -> Ordering {
    match (change(site), site.kind()) {
        (Some(Change::Relaxed), _) => Relaxed,
        (_, Kind::Access(order)) => order,
        _ => Relaxed,
    }
}

/// Whether the compiler moves the store at `site`, because the light fence behind it is
/// left out.
fn is_moved(site: Site) -> bool {
    let fence = match site {
        Site::Enter => Site::EnterLight,
        Site::Leave => Site::LeaveLight,
        Site::HoldAny => Site::HoldLight,
        _ => return false,
    };
    changed(fence) == Some(Change::Left)
}

/// What was moved behind a load happens now.
pub(crate) fn after_load() {
    if let Some((word, value, order)) = LATE.take() {
        word.store(value, order);
    }
}

impl Word for Shared {
    const ZERO: Self = Self::new(0);
    const ONES: Self = Self::new(u64::MAX);

    #[track_caller]
    fn load(&self, at: Site) -> u64 {
        if let (Site::Count, Some(counted)) = (at, COUNTED.get()) {
            return counted;
        }
        let value = Self::load(self, order(at));
        if at != Site::Own {
            after_load();
        }
        value
    }

    #[track_caller]
    fn store(&self, value: u64, at: Site) {
        // No store is moved behind another.
        after_load();
        if is_moved(at) {
            LATE.replace(Some((self.alias(), value, order(at))));
        } else if !(at == Site::HoldAny && is_planted(Plant::NoWildcard)) {
            Self::store(self, value, order(at));
        }
    }

    #[track_caller]
    fn swap(&self, value: u64, at: Site) -> u64 {
        Self::swap(self, value, order(at))
    }

    #[track_caller]
    fn fetch_add(&self, count: u64, at: Site) -> u64 {
        let before = Self::fetch_add(self, count, order(at));
        // Not 1 more: the grace period that is under way, or was.
        if at == Site::Join && is_planted(Plant::SharesTooEarly) { before.saturating_sub(1) } else { before }
    }
}

impl Lock for Shared {
    const FREE: Self = Self::new(0);

    #[track_caller]
    fn with<R>(&self, body: impl FnOnce() -> R) -> R {
        self.lock();
        let result = body();
        self.unlock();
        result
    }

    #[track_caller]
    fn try_with<R>(&self, body: impl FnOnce() -> R) -> Option<R> {
        (Self::swap(self, 1, Ordering::Acquire) == 0).then(|| {
            let result = body();
            self.unlock();
            result
        })
    }
}

/// What all threads of the process share beside the words of the algorithms.
#[derive(Debug)]
pub(crate) struct Process {
    /// As in `bonfire`: whether the process is registered, and whether a heavy fence was
    /// only a full one before.
    registered: Shared,
    futex: Shared,
    bell: Shared,
    /// Whether updaters sleep, or may wait for a word with nothing to wake them.
    sleeps: bool,
    /// Whether the process registers while the program runs.
    registers: bool,
    /// The word that counts records, where that is looked at too early.
    count: RefCell<Option<Shared>>,
}

const REGISTERED: u64 = 2;
const REFUSED: u64 = 1;

impl Process {
    pub(crate) fn new(sleeps: bool, registers: bool) -> Self {
        Self {
            registered: Shared::new(0),
            futex: Shared::new(0),
            bell: Shared::new(0),
            sleeps,
            registers,
            count: RefCell::new(None),
        }
    }

    /// Names the word that counts records.
    pub(crate) fn counts_by(&self, count: &Shared) {
        self.count.replace(Some(count.alias()));
    }

    /// What the word at an address is called.
    pub(crate) fn name_at(&self, address: usize) -> Option<String> {
        let words =
            [("registered", &self.registered), ("futex.lock", &self.futex), ("futex.bell", &self.bell)];
        let found = words.iter().find(|(_, word)| std::ptr::from_ref(*word).addr() == address);
        found.map(|(name, _)| (*name).to_owned())
    }
}

/// The machine of one thread.
pub(crate) struct Readers {
    pub(crate) system: Rc<dyn System>,
    pub(crate) process: Rc<Process>,
}

impl Readers {
    /// Registers the process, as `bonfire` does it.
    pub(crate) fn register(&self) {
        let register = || assert!(self.system.act(Act::Call(Command::RegisterPrivateExpedited)), "granted");
        if !is_planted(Plant::ReadyTooEarly) {
            register();
        }
        explorer::fence(Barrier::Full, "register");
        self.process.registered.fetch_or(REGISTERED, AcqRel);
        if is_planted(Plant::ReadyTooEarly) {
            register();
        }
    }

    fn call_heavy(&self) {
        if self.system.act(Act::Call(Command::PrivateExpedited)) {
            return;
        }
        explorer::fence(Barrier::Full, "heavy, refused");
        if self.process.registered.fetch_or(REFUSED, AcqRel) & REGISTERED != 0 {
            self.system.act(Act::Call(Command::PrivateExpedited));
        }
    }
}

impl Machine for Readers {
    type Word = Shared;
    type Lock = Shared;

    fn light(&self, at: Site) {
        pass(at);
    }

    #[track_caller]
    fn full(&self, at: Site) {
        if change(at).is_none() {
            explorer::fence(Barrier::Full, "full");
        }
    }

    #[track_caller]
    fn heavy(&self, at: Site) {
        if is_planted(Plant::CountsTooEarly) {
            COUNTED.set(self.process.count.borrow().as_ref().map(|count| count.load(Relaxed)));
        }
        match change(at) {
            Some(Change::Left) => {}
            Some(_) => explorer::fence(Barrier::Full, "heavy, own"),
            None => self.call_heavy(),
        }
    }

    fn is_ready(&self) -> bool {
        !self.process.registers || self.process.registered.load(Ordering::Acquire) & REGISTERED != 0
    }

    #[track_caller]
    fn sleep(&self, word: &Shared) {
        let Process { futex, bell, .. } = &*self.process;
        let seen = futex.with(|| (word.load(Relaxed) == 0).then(|| bell.load(Relaxed)));
        if let Some(seen) = seen {
            bell.wait(seen + 1, Relaxed);
        }
    }

    #[track_caller]
    fn wake(&self, _: &Shared) {
        if change(Site::Awaken).is_some() {
            return;
        }
        let Process { futex, bell, .. } = &*self.process;
        futex.with(|| bell.store(bell.load(Relaxed) + 1, Relaxed));
    }

    #[track_caller]
    fn watch(&self, word: &Shared, at_least: u64, at: Site) -> bool {
        let at_least = if is_planted(Plant::WaitsForOutside) { bonfire_rcu_core::OUTSIDE } else { at_least };
        if self.process.sleeps {
            return Word::load(word, at) >= at_least;
        }
        word.wait(at_least, order(at));
        true
    }
}
