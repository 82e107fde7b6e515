//! The races of a process: what its threads do to one another.
//!
//! | race | the light side, no fence | the heavy side | never |
//! |------|--------------------------|----------------|-------|
//! | an exclusion | raise own flag, look at the other's, enter if it is down | raise own flag, *barrier*, look, enter | both inside |
//! | code | see *n* published, call the function | patch it to *n*, *`SYNC_CORE`*, publish *n* | less than *n* |
//! | a section | in a restartable section, commit the epoch to its slot | epoch *n*, *`RSEQ`*, wipe the slot of *n* - 1 | the slot is written again |
//!
//! There are several exclusions, each with one light side and one heavy side:
//! threads of one process, and a kernel thread that uses its address space.
//! Nobody waits for anybody, so whoever is suspended holds nobody up.

use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU32};
use std::time::Duration;

use bonfire_engine::abi::{Command, Cpu, Error, Flavour};

use super::{Counts, Event};
use crate::cold::ColdLines;
use crate::sys::light_fence;
use crate::{KernelThread, Memory, OnThreads, SpaceHandle, User};

/// What the threads of a process share, and of its child.
pub(super) struct Races {
    counts: Arc<Counts>,
    seed: u64,
    here: Shared,
    /// Of the process that is forked.
    there: Shared,
}

/// What the threads of one address space share.
#[derive(Default)]
struct Shared {
    exclusions: [Exclusion; EXCLUSIONS],
    /// The newest code that was published.
    published: AtomicU32,
    epoch: AtomicU32,
    slots: [AtomicU32; SLOTS],
    /// The heavy sides that are still at it, in all.
    heavy: AtomicU32,
    /// Registered for, as bits in the order of [`Flavour::ALL`].
    flavours: AtomicU32,
    open: AtomicBool,
}

/// A section that two threads share, each side's flag on a line of its own.
#[derive(Default)]
struct Exclusion {
    light: Line,
    heavy: Line,
    inside: Line,
    /// The light side's flag waits behind stores to these, which miss every
    /// cache: long enough for the other side's call to return meanwhile.
    cold: ColdLines,
}

#[derive(Default)]
#[repr(align(128))]
struct Line(AtomicU32);

/// The last exclusion is the kernel thread's.
const EXCLUSIONS: usize = 3;
const SLOTS: usize = 16;
/// How often a heavy side calls, at most.
const CALLS: u32 = 120;
/// How long a heavy side pauses between two calls, at most.
const PAUSE: u32 = 400;
/// How long the heavy side stays inside an exclusion: until a light side that has
/// entered too is through with its stores, for only then does it show. And how
/// long a restartable section takes.
const DWELL: u32 = 400;
/// How often a light side tries its exclusion between two looks at anything else.
const TURNS: u32 = 8;

impl Races {
    pub(super) fn new(counts: Arc<Counts>, seed: u64) -> Self {
        Self { counts, seed, here: Shared::default(), there: Shared::default() }
    }

    /// The first thread of the process.
    pub(super) fn run<K: OnThreads>(self: &Arc<Self>, user: &User<K>) {
        let mut random = fastrand::Rng::with_seed(self.seed);
        let late = random.bool();
        if !late {
            self.register(user, &self.here, &mut random);
        }
        self.start_light(user, Shared::here, &mut random);
        if late {
            self.register(user, &self.here, &mut random);
        }
        self.start_heavy(user, Shared::here, &mut random);
        if random.u8(..4) == 0 {
            self.fork(user, &mut random);
        }
        if random.u8(..4) == 0 {
            self.exec(user);
        } else {
            user.join();
            self.here.expect_no_commit(self);
        }
        self.counts.add(Event::Process);
    }

    /// A kernel thread that uses the address space of the process, and is the
    /// light side of the last exclusion meanwhile.
    pub(super) fn borrow<K: OnThreads>(&self, this: &KernelThread<K>, space: &SpaceHandle<K>) {
        while !self.here.is_over() && !this.is_stopping() {
            this.use_space(space);
            self.counts.add(Event::Borrowing);
            self.here.exclusions[EXCLUSIONS - 1].try_many(self);
            if self.seed & 1 == 0 {
                this.yield_now();
                self.here.exclusions[EXCLUSIONS - 1].try_many(self);
            }
            this.return_space();
            this.nap(Duration::from_micros(50));
        }
    }

    fn register<K: OnThreads>(&self, user: &User<K>, shared: &Shared, random: &mut fastrand::Rng) {
        let mut held = 0;
        for (bit, flavour) in Flavour::ALL.into_iter().enumerate() {
            if random.u8(..3) != 0 || flavour == Flavour::Private {
                self.counts.add(Event::Registration);
                self.expect(user.issue(flavour.registration()) == Ok(0));
                held |= 1 << bit;
            }
        }
        shared.flavours.store(held, Relaxed);
    }

    fn start_light<K: OnThreads>(
        self: &Arc<Self>,
        user: &User<K>,
        of: fn(&Self) -> &Shared,
        random: &mut fastrand::Rng,
    ) {
        for exclusion in 0..EXCLUSIONS - 1 {
            let (races, place) = (Arc::clone(self), Self::somewhere(user, random));
            let light = move |user: &User<K>| races.light(user, of(&races), exclusion);
            self.expect(user.start(Memory::Shared, place, light).is_ok());
        }
    }

    fn start_heavy<K: OnThreads>(
        self: &Arc<Self>,
        user: &User<K>,
        of: fn(&Self) -> &Shared,
        random: &mut fastrand::Rng,
    ) {
        of(self).heavy.store(EXCLUSIONS as u32, Relaxed);
        of(self).open.store(true, Relaxed);
        for exclusion in 0..EXCLUSIONS {
            let (races, place, seed) = (Arc::clone(self), Self::somewhere(user, random), random.u64(..));
            let heavy = move |user: &User<K>| races.heavy(user, of(&races), exclusion, seed);
            if user.start(Memory::Shared, place, heavy).is_err() {
                self.expect(false);
                of(self).heavy.fetch_sub(1, Relaxed);
            }
        }
    }

    /// A child that inherits the registrations and has exclusions of its own.
    fn fork<K: OnThreads>(self: &Arc<Self>, user: &User<K>, random: &mut fastrand::Rng) {
        let (races, seed) = (Arc::clone(self), random.u64(..));
        races.there.flavours.store(self.here.flavours.load(Relaxed), Relaxed);
        self.counts.add(Event::Fork);
        let child = move |user: &User<K>| {
            let mut random = fastrand::Rng::with_seed(seed);
            races.start_light(user, Shared::there, &mut random);
            races.start_heavy(user, Shared::there, &mut random);
            user.join();
            races.there.expect_no_commit(&races);
        };
        self.expect(user.start(Memory::Copied, None, child).is_ok());
    }

    /// A new image, while the threads go on in the old one.
    fn exec<K: OnThreads>(&self, user: &User<K>) {
        user.exec();
        self.counts.add(Event::Exec);
        self.expect(user.issue(Command::GetRegistrations) == Ok(0));
        self.expect(user.issue(Command::PrivateExpedited) == Err(Error::NotRegistered));
        user.join();
        self.here.expect_no_commit(self);
    }

    /// The light side of everything.
    fn light<K: OnThreads>(&self, user: &User<K>, shared: &Shared, exclusion: usize) {
        for turn in 0_u32.. {
            if shared.is_over() {
                break;
            }
            shared.exclusions[exclusion].try_many(self);
            // Acquire. PAIRS(code): with the release in `publish`.
            let published = shared.published.load(Acquire);
            self.check(user.execute() >= published, Event::StaleCode);
            let begun = user.begin_section();
            let epoch = shared.epoch.load(Relaxed);
            (0..DWELL).for_each(|_| std::hint::spin_loop());
            // Whether it committed is not its business.
            let _ = user.commit(begun, shared.slot(epoch), epoch);
            match turn % 16 {
                15 => user.nap(Duration::from_micros(30)),
                3 | 7 | 11 => user.yield_now(),
                _ => {}
            }
        }
        self.counts.add(Event::Exit);
    }

    /// The heavy side of one exclusion; of the first also that of the code, of the
    /// second that of the sections.
    fn heavy<K: OnThreads>(&self, user: &User<K>, shared: &Shared, exclusion: usize, seed: u64) {
        let mut random = fastrand::Rng::with_seed(seed);
        let held = shared.flavours.load(Relaxed);
        for number in 1..=random.u32(1..=CALLS) {
            let command = Self::command(held, &mut random);
            (0..random.u32(..PAUSE)).for_each(|_| std::hint::spin_loop());
            self.counts.add(Event::Call);
            let calls = || self.expect(user.issue(command) == Ok(0));
            match (command, exclusion) {
                (Command::SyncCore, 0) => shared.publish(user, number, calls),
                (Command::Rseq, 1) => shared.change_epoch(self, calls),
                _ => shared.exclusions[exclusion].try_heavily(self, calls),
            }
            if random.u8(..8) == 0 {
                user.nap(Duration::from_micros(random.u64(..100)));
            }
        }
        shared.heavy.fetch_sub(1, Relaxed);
        self.counts.add(Event::Exit);
    }

    /// A command whose barrier reaches the process's own threads.
    fn command(held: u32, random: &mut fastrand::Rng) -> Command {
        let choice = random.usize(..Flavour::ALL.len());
        match Flavour::ALL[choice] {
            flavour if held >> choice & 1 == 1 => flavour.command(),
            Flavour::Global => Command::Global,
            _ => Command::PrivateExpedited,
        }
    }

    /// A CPU to stay on, or none.
    fn somewhere<K: OnThreads>(user: &User<K>, random: &mut fastrand::Rng) -> Option<Cpu> {
        (random.u8(..3) == 0).then(|| Cpu(random.u32(..user.cpus())))
    }

    fn expect(&self, right: bool) {
        self.check(right, Event::WrongAnswer);
    }

    fn check(&self, holds: bool, violation: Event) {
        self.counts.add(Event::Check);
        if !holds {
            self.counts.add(violation);
        }
    }
}

impl Shared {
    fn here(races: &Races) -> &Self {
        &races.here
    }

    fn there(races: &Races) -> &Self {
        &races.there
    }

    fn is_over(&self) -> bool {
        self.open.load(Relaxed) && self.heavy.load(Relaxed) == 0
    }

    fn slot(&self, epoch: u32) -> &AtomicU32 {
        &self.slots[epoch as usize % SLOTS]
    }

    fn publish<K: OnThreads>(&self, user: &User<K>, number: u32, barrier: impl FnOnce()) {
        user.patch(number);
        barrier();
        // Release. PAIRS(code): with the acquire of the light side.
        self.published.store(number, Release);
    }

    /// Looks at the slot that was wiped last time, too.
    fn change_epoch(&self, races: &Races, barrier: impl FnOnce()) {
        self.expect_no_commit(races);
        let old = self.epoch.load(Relaxed);
        self.epoch.store(old + 1, Relaxed);
        barrier();
        self.slot(old).store(0, Relaxed);
    }

    /// Nothing was committed to the slot that was wiped last.
    fn expect_no_commit(&self, races: &Races) {
        if let Some(wiped) = self.epoch.load(Relaxed).checked_sub(1) {
            races.check(self.slot(wiped).load(Relaxed) == 0, Event::LateCommit);
        }
    }
}

impl Exclusion {
    fn try_many(&self, races: &Races) {
        for turn in 0..TURNS {
            self.cold.evict();
            self.cold.store(turn);
            self.light.0.store(1, Relaxed);
            light_fence();
            // Acquire. PAIRS(left): with the release of the heavy side, which has left.
            if self.heavy.0.load(Acquire) == 0 {
                self.enter(races, 0);
            }
            // Release. PAIRS(empty): with the acquire of the heavy side, which sees nobody inside.
            self.light.0.store(0, Release);
        }
    }

    fn try_heavily(&self, races: &Races, barrier: impl FnOnce()) {
        self.heavy.0.store(1, Relaxed);
        barrier();
        // Acquire. PAIRS(empty): with the release of the light side.
        if self.light.0.load(Acquire) == 0 {
            self.enter(races, DWELL);
        }
        // Release. PAIRS(left): with the acquire of the light side.
        self.heavy.0.store(0, Release);
    }

    fn enter(&self, races: &Races, dwell: u32) {
        let alone = self.inside.0.swap(1, Relaxed) == 0;
        (0..dwell).for_each(|_| std::hint::spin_loop());
        let stayed = self.inside.0.swap(0, Relaxed) == 1;
        races.check(alone && stayed, Event::Overlap);
    }
}
