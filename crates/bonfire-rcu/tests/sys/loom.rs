//! The second oracle: the algorithms under loom, whose memory is Rust's.
//!
//! `RUSTFLAGS="--cfg loom" cargo test -p bonfire-rcu --test loom --release`
//!
//! The explorer of `bonfire-model` has one order of writes and knows that a store waits for
//! what it depends on. Rust's memory model promises neither, and loom neither. So some orders
//! that may be relaxed there are missed here: `Enter`, `Begin`, `Look`, `Hold`, `Scan`.
#![cfg(loom)]

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;

use bonfire_rcu_core::{
    ANY, Depth, Grace, Kind, Lock, Machine, Record, Roster, Site, Slot, Word, enter, hold, leave, let_go,
    scan,
};
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::Ordering::{self, Acquire, Relaxed, Release, SeqCst};
use loom::sync::atomic::{AtomicU64, fence};
use loom::thread;

thread_local! {
    /// What is relaxed or left out; loom runs all threads of a model on one.
    static CHANGED: Cell<Option<Site>> = const { Cell::new(None) };
}

fn is_changed(site: Site) -> bool {
    CHANGED.get() == Some(site)
}

fn order(at: Site) -> Ordering {
    match at.kind() {
        Kind::Access(order) if !is_changed(at) => order,
        _ => Relaxed,
    }
}

/// A word that loom learns of when it is first touched.
struct Loomed(u64, OnceLock<AtomicU64>);

impl Loomed {
    fn word(&self) -> &AtomicU64 {
        self.1.get_or_init(|| AtomicU64::new(self.0))
    }
}

impl Word for Loomed {
    const ZERO: Self = Self(0, OnceLock::new());
    const ONES: Self = Self(u64::MAX, OnceLock::new());

    fn load(&self, at: Site) -> u64 {
        self.word().load(order(at))
    }
    fn store(&self, value: u64, at: Site) {
        self.word().store(value, order(at));
    }
    fn swap(&self, value: u64, at: Site) -> u64 {
        self.word().swap(value, order(at))
    }
    fn fetch_add(&self, count: u64, at: Site) -> u64 {
        self.word().fetch_add(count, order(at))
    }
}

impl Lock for Loomed {
    const FREE: Self = Self(0, OnceLock::new());

    fn with<R>(&self, body: impl FnOnce() -> R) -> R {
        self.try_with(body).expect("nobody waits in these models")
    }
    fn try_with<R>(&self, body: impl FnOnce() -> R) -> Option<R> {
        (self.word().swap(1, Acquire) == 0).then(|| {
            let result = body();
            self.word().store(0, Release);
            result
        })
    }
}

/// The fences of `bonfire` on its platform for loom.
struct Process;

impl Machine for Process {
    type Word = Loomed;
    type Lock = Loomed;

    fn light(&self, at: Site) {
        if !is_changed(at) {
            bonfire::light();
        }
    }
    fn full(&self, _: Site) {
        fence(SeqCst);
    }
    fn heavy(&self, at: Site) {
        if is_changed(at) {
            fence(SeqCst);
        } else {
            bonfire::Memory::register().expect("the model refuses nothing").heavy();
        }
    }
    fn is_ready(&self) -> bool {
        true
    }
    fn sleep(&self, _: &Loomed) {
        unreachable!("nobody waits in these models");
    }
    fn wake(&self, _: &Loomed) {}
    fn watch(&self, _: &Loomed, _: u64, _: Site) -> bool {
        unreachable!("nobody waits in these models");
    }
}

/// An object. Loom panics if it is read and freed without one before the other.
struct Object(UnsafeCell<()>);

// SAFETY: loom sees to it that accesses are ordered; there is nothing in it.
unsafe impl Sync for Object {}
// SAFETY: as above.
unsafe impl Send for Object {}

impl Object {
    fn new() -> Self {
        Self(UnsafeCell::new(()))
    }
    fn read(&self) {
        self.0.with(|_| ());
    }
    fn free(&self) {
        self.0.with_mut(|_| ());
    }
}

/// Two objects, and a pointer to one of them: its number, and 8.
struct Stage {
    grace: Grace<Process>,
    readers: Roster<Process, [Record<Process>; 1]>,
    slots: Roster<Process, [Slot<Process>; 1]>,
    current: AtomicU64,
    objects: [Object; 2],
    told: AtomicU64,
}

impl Stage {
    fn new() -> Self {
        let stage = Self {
            grace: Grace::NEW,
            readers: Roster::new([Record::NEW]),
            slots: Roster::new([Slot::NEW]),
            current: AtomicU64::new(8),
            objects: [Object::new(), Object::new()],
            told: AtomicU64::new(0),
        };
        // All words are there before threads are.
        stage.grace.words().iter().for_each(|(_, word)| _ = word.word());
        stage.readers.count_word().word();
        let record = stage.readers.claim().expect("there is one");
        record.prepare(1);
        record.words().iter().for_each(|(_, word)| _ = word.word());
        let depth = Depth::new();
        enter(&Process, &stage.grace, record, &depth);
        leave(&Process, record, &depth);
        let slot = stage.slots.claim().expect("there is one");
        slot.words().iter().for_each(|(_, word)| _ = word.word());
        stage
    }

    fn section(&self) {
        let (record, depth) = (&self.readers.table()[0], Depth::new());
        enter(&Process, &self.grace, record, &depth);
        self.objects[(self.current.load(Acquire) - 8) as usize].read();
        leave(&Process, record, &depth);
    }

    fn hazard(&self) {
        let slot = &self.slots.table()[0];
        let held = hold(&Process, slot, || self.current.load(Acquire));
        self.objects[(held - 8) as usize].read();
        let_go::<Process>(slot);
    }

    /// Replaces, and frees if the grace period is over at once.
    fn replace(&self) {
        self.current.store(9, Release);
        let ticket = self.grace.join();
        if self.grace.advance(ticket, &Process, &self.readers) {
            self.objects[0].free();
        }
    }

    /// Replaces, and frees if the grace period is over and nobody holds it.
    fn replace_unless_held(&self) {
        self.current.store(9, Release);
        let ticket = self.grace.join();
        let is_held = |held| held == 8 || held == ANY;
        if self.grace.advance(ticket, &Process, &self.readers) && !scan(&self.slots).any(is_held) {
            self.objects[0].free();
        }
    }
}

/// Whether what `reader` reads can be freed by an updater without an order between the two,
/// with `changed` relaxed or left out.
fn is_broken(changed: Option<Site>, reader: fn(&Stage), updaters: &'static [fn(&Stage)]) -> bool {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    let tried = catch_unwind(AssertUnwindSafe(|| {
        model.check(move || {
            CHANGED.set(changed);
            let stage = Arc::new(Stage::new());
            let others = updaters.iter().map(|updater| {
                let stage = Arc::clone(&stage);
                thread::spawn(move || updater(&stage))
            });
            let others: Vec<_> = others.collect();
            reader(&stage);
            others.into_iter().for_each(|other| other.join().expect("nobody panics"));
        });
    }));
    tried.is_err()
}

fn twice(stage: &Stage) {
    stage.section();
    stage.section();
}

fn hazard_twice(stage: &Stage) {
    stage.hazard();
    stage.hazard();
}

#[test]
fn sections_hold_and_each_order_is_missed() {
    assert!(!is_broken(None, twice, &[Stage::replace]));
    for site in
        [Site::EnterEpoch, Site::Enter, Site::EnterLight, Site::Leave, Site::Begin, Site::Heavy, Site::Look]
    {
        assert!(is_broken(Some(site), twice, &[Stage::replace]), "{site:?} is not missed");
    }
}

/// `HoldAny` is not among them: a scan that meets it frees nothing.
#[test]
fn hazards_hold_and_each_order_is_missed() {
    assert!(!is_broken(None, hazard_twice, &[Stage::replace_unless_held]));
    for site in [Site::HoldLight, Site::Hold, Site::LetGo, Site::Heavy, Site::Scan] {
        let broken = is_broken(Some(site), hazard_twice, &[Stage::replace_unless_held]);
        assert!(broken, "{site:?} is not missed");
    }
}

/// That it holds; that `Done` and `IsDone` are missed is not shown here.
#[test]
fn whoever_shares_a_grace_period_frees_behind_it() {
    /// Unpublished, and joined; somebody else runs the grace period.
    fn looks_only(stage: &Stage) {
        stage.current.store(9, Release);
        let ticket = stage.grace.join();
        stage.told.store(1, Release);
        if stage.grace.is_over(ticket) {
            stage.objects[0].free();
        }
    }
    fn runs(stage: &Stage) {
        if stage.told.load(Acquire) == 1 {
            let ticket = stage.grace.join();
            stage.grace.advance(ticket, &Process, &stage.readers);
        }
    }
    assert!(!is_broken(None, Stage::section, &[looks_only, runs]));
}
