//! The algorithms with a fault, until it is found.
//!
//! A light fence is no instruction, so what is lost with it is what the compiler may then do:
//! move the load in front of the store. The same is true of the release on leaving, on
//! processors that do not reorder stores: the compiler may move the last read behind it.
//! These two faults are planted as that.
//!
//! Without the heavy fence it takes a store that is seen late. So each section is entered
//! behind stores that miss every cache, and what is read in it is read for a while.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::*};
use std::thread;
use std::time::{Duration, Instant};

use bonfire_rcu_core::{Depth, Grace, Lock, Machine, Record, Roster, Site, Word, enter, leave};

use crate::Random;

/// A fault, and how to look for it.
pub(crate) struct Fault {
    pub(crate) name: &'static str,
    pub(crate) torture: fn(Duration) -> bool,
    pub(crate) must_be_found: bool,
}

const NOTHING: u8 = 0;
const LIGHT: u8 = 1;
const HEAVY: u8 = 2;
const GRACE: u8 = 3;
const LEAVE: u8 = 4;

/// The twin without a fault first: what is found in the others is theirs.
pub(crate) const FAULTS: [Fault; 5] = [
    Fault { name: "nothing taken out", torture: torture::<NOTHING>, must_be_found: false },
    Fault { name: "light fence taken out", torture: torture::<LIGHT>, must_be_found: true },
    Fault { name: "heavy fence taken out", torture: torture::<HEAVY>, must_be_found: true },
    Fault { name: "grace period taken out", torture: torture::<GRACE>, must_be_found: true },
    Fault { name: "release of leave taken out", torture: torture::<LEAVE>, must_be_found: true },
];

struct Faulty<const FAULT: u8>;

struct Plain(AtomicU64);

impl Word for Plain {
    const ZERO: Self = Self(AtomicU64::new(0));
    const ONES: Self = Self(AtomicU64::new(u64::MAX));

    fn load(&self, at: Site) -> u64 {
        self.0.load(at.order())
    }
    fn store(&self, value: u64, at: Site) {
        self.0.store(value, at.order());
    }
    fn swap(&self, value: u64, at: Site) -> u64 {
        self.0.swap(value, at.order())
    }
    fn fetch_add(&self, count: u64, at: Site) -> u64 {
        self.0.fetch_add(count, at.order())
    }
}

struct Mutexed(Mutex<()>);

impl Lock for Mutexed {
    const FREE: Self = Self(Mutex::new(()));

    fn with<R>(&self, body: impl FnOnce() -> R) -> R {
        let _held = self.0.lock().expect("nobody panics");
        body()
    }
    fn try_with<R>(&self, body: impl FnOnce() -> R) -> Option<R> {
        let _held = self.0.try_lock().ok()?;
        Some(body())
    }
}

impl<const FAULT: u8> Machine for Faulty<FAULT> {
    type Word = Plain;
    type Lock = Mutexed;

    #[inline(always)]
    fn light(&self, _: Site) {
        bonfire::light();
    }
    fn full(&self, _: Site) {
        std::sync::atomic::fence(SeqCst);
    }
    fn heavy(&self, _: Site) {
        if FAULT != HEAVY {
            bonfire::process::heavy();
        }
    }
    fn is_ready(&self) -> bool {
        bonfire::process::is_registered()
    }
    fn sleep(&self, _: &Plain) {
        thread::yield_now();
    }
    fn wake(&self, _: &Plain) {}
    fn watch(&self, word: &Plain, at_least: u64, at: Site) -> bool {
        (0..100).any(|_| word.load(at) >= at_least)
    }
}

/// Objects by number. Freeing one poisons its word, using it again makes it whole.
const OBJECTS: usize = 64;
/// A line of its own for each word.
#[repr(align(128))]
struct Lined(AtomicU64);

/// Stores that the next one waits behind.
const QUEUED: usize = 24;
/// Lines of memory that no cache holds all of.
const LINES: usize = 1 << 19;

struct Stage<const FAULT: u8> {
    grace: Grace<Faulty<FAULT>>,
    readers: Roster<Faulty<FAULT>, [Record<Faulty<FAULT>>; 4]>,
    current: Lined,
    poisoned: [Lined; OBJECTS],
    violated: AtomicBool,
    over: AtomicBool,
    far: Box<[Lined]>,
}

/// Whether the fault was found in time.
fn torture<const FAULT: u8>(limit: Duration) -> bool {
    bonfire::register().expect("the kernel has membarrier");
    let stage = Stage::<FAULT> {
        grace: Grace::NEW,
        readers: Roster::new([const { Record::NEW }; 4]),
        current: Lined(AtomicU64::new(0)),
        poisoned: [const { Lined(AtomicU64::new(0)) }; OBJECTS],
        violated: AtomicBool::new(false),
        over: AtomicBool::new(false),
        far: (0..LINES).map(|_| Lined(AtomicU64::new(0))).collect(),
    };
    // The twin has nothing to find, and takes a fifth of the time.
    let limit = if FAULT == NOTHING { limit / 5 } else { limit };
    let end = Instant::now() + limit;
    thread::scope(|scope| {
        (1..3).for_each(|seed| {
            _ = scope.spawn({
                let stage = &stage;
                move || stage.read(Random(seed))
            })
        });
        scope.spawn(|| stage.update());
        while Instant::now() < end && !stage.violated.load(Relaxed) {
            thread::sleep(Duration::from_millis(5));
        }
        stage.over.store(true, Relaxed);
    });
    stage.violated.load(Relaxed)
}

impl<const FAULT: u8> Stage<FAULT> {
    fn read(&self, mut random: Random) {
        let (machine, depth) = (Faulty::<FAULT>, Depth::new());
        let record = self.readers.claim().expect("there are enough");
        record.prepare(0);
        while !self.over.load(Relaxed) {
            for _ in 0..100 {
                if FAULT == HEAVY || FAULT == NOTHING {
                    let lines = (0..QUEUED).map(|_| &self.far[random.below(LINES as u64) as usize]);
                    lines.for_each(|line| line.0.store(1, Relaxed));
                }
                let early = (FAULT == LIGHT).then(|| self.current.0.load(Acquire));
                enter(&machine, &self.grace, record, &depth);
                let object = early.unwrap_or_else(|| self.current.0.load(Acquire));
                if FAULT == LEAVE {
                    leave(&machine, record, &depth);
                }
                for _ in 0..200 {
                    if self.poisoned[object as usize].0.load(Relaxed) != 0 {
                        self.violated.store(true, Relaxed);
                    }
                }
                if FAULT != LEAVE {
                    leave(&machine, record, &depth);
                }
            }
        }
        record.give_back(&machine);
    }

    fn update(&self) {
        let mut current = 0;
        while !self.over.load(Relaxed) {
            let next = (current + 1) % OBJECTS as u64;
            self.poisoned[next as usize].0.store(0, Relaxed);
            self.current.0.store(next, Release);
            if FAULT != GRACE {
                self.grace.synchronize(&Faulty::<FAULT>, &self.readers, &mut |_| {});
            }
            self.poisoned[current as usize].0.store(1, Relaxed);
            current = next;
        }
    }
}
