//! The algorithms with a fault, until it is found.
//!
//! A light fence is no instruction, so what is lost with it is what the compiler may then do:
//! move the load in front of the store. The same is true of the release on leaving, on
//! processors that do not reorder stores: the compiler may move the last read behind it.
//! These two faults are planted as that.
//!
//! These, and the grace period, are a matter of logic: whoever does the wrong thing does it
//! slowly here, asleep now and then, so that they are found on any machine, however busy.
//!
//! Without the heavy fence it takes a store that is seen late, and that is the processor's to
//! do. So each section is entered behind stores to lines that were evicted, and what is read
//! in it is read for a while. A machine that never does it is one that cannot tell; the
//! explorer can (`docs/rcu-proof.md`).

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
    pub(crate) expected: Expected,
}

/// What must come of it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    /// Nobody reads what was freed.
    Holds,
    /// Somebody does.
    Breaks,
    /// Somebody does, if this processor lets a store wait for long enough.
    BreaksIfStoresWait,
}

use Expected::{Breaks, BreaksIfStoresWait, Holds};

const NOTHING: u8 = 0;
const LIGHT: u8 = 1;
const HEAVY: u8 = 2;
const GRACE: u8 = 3;
const LEAVE: u8 = 4;

/// The twin without a fault first: what is found in the others is theirs.
pub(crate) const FAULTS: [Fault; 5] = [
    Fault { name: "nothing taken out", torture: torture::<NOTHING>, expected: Holds },
    Fault { name: "light fence taken out", torture: torture::<LIGHT>, expected: Breaks },
    Fault { name: "heavy fence taken out", torture: torture::<HEAVY>, expected: BreaksIfStoresWait },
    Fault { name: "grace period taken out", torture: torture::<GRACE>, expected: Breaks },
    Fault { name: "release of leave taken out", torture: torture::<LEAVE>, expected: Breaks },
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

/// Stores that the next one waits behind, at most.
const QUEUED: usize = 16;
/// Lines of memory that no cache holds all of.
const LINES: usize = 1 << 19;
/// A section in so many is slow.
const SLOW: u64 = 64;
/// How long it sleeps.
const NAP: Duration = Duration::from_micros(100);

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

fn nap(is_slow: bool) {
    if is_slow {
        thread::sleep(NAP);
    }
}

impl<const FAULT: u8> Stage<FAULT> {
    fn read(&self, mut random: Random) {
        let (machine, depth) = (Faulty::<FAULT>, Depth::new());
        let record = self.readers.claim().expect("there are enough");
        record.prepare(0);
        while !self.over.load(Relaxed) {
            for _ in 0..100 {
                let is_slow = FAULT != HEAVY && random.below(SLOW) == 0;
                let looks = 1 << (6 + random.below(7));
                let early = (FAULT == LIGHT).then(|| self.current.0.load(Acquire));
                if FAULT == HEAVY || FAULT == NOTHING {
                    self.let_stores_wait(&mut random);
                }
                nap(is_slow && FAULT == LIGHT);
                enter(&machine, &self.grace, record, &depth);
                let object = early.unwrap_or_else(|| self.current.0.load(Acquire));
                if FAULT == LEAVE {
                    leave(&machine, record, &depth);
                }
                nap(is_slow && FAULT != LIGHT);
                for _ in 0..looks {
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

    /// Fills the queue of stores with some that take long.
    fn let_stores_wait(&self, random: &mut Random) {
        let first = random.below((LINES - QUEUED) as u64) as usize;
        let count = 1 + random.below(QUEUED as u64) as usize;
        self.far[first..first + count].iter().for_each(|line| {
            crate::sys::evict(&line.0);
            line.0.store(1, Relaxed);
        });
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
