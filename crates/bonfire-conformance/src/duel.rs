//! The races of two threads about instructions and restartable sections.
//!
//! One thread, the *caller*, makes something new, issues the barrier, and says
//! that the old is gone. The other, the *worker*, uses whatever it finds,
//! without any fence. It must never be caught with the old afterwards.
//!
//! | race | the caller | the worker | forbidden |
//! |---|---|---|---|
//! | instructions | rewrites a function to return *n*, issues `SYNC_CORE`, raises a flag to *n* | sees the flag, calls the function | it returns less than *n* |
//! | sections | sets an epoch to *n*, issues `RSEQ`, wipes the slot of *n* - 1 | in a restartable section: reads the epoch, dawdles, commits it to its slot | the wiped slot is written |
//!
//! | edge | one side | other side | without it |
//! |---|---|---|---|
//! | flag | the caller raises the flag after the barrier | the worker sees it before it calls | the worker may call first, and rightly get the old |
//! | turn | the worker is done with *n* | the caller sees it before it judges and goes on | the caller judges too early, or laps the worker |

use core::fmt;
use core::sync::atomic::AtomicU32;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use bonfire_abi::{Command, Commands, FLAG_CPU, from_return};

use crate::budget::Cost;
use crate::kind::{Group, Kind, absent};
use crate::random::Random;
use crate::rule::Needs;
use crate::verdict::{Finding, Means};
use crate::{Ending, Fetch, MemoryOrder, Restartable, RseqKind, Start, Task, World, script};

/// One race.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Race {
    /// Instructions, with the worker on this CPU's place; the caller is on 0.
    Instructions { worker: u32 },
    /// Restartable sections, registered so, with the barrier for these CPUs.
    Sections(Reach, RseqKind),
}

/// Which CPUs an `RSEQ` command is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// All, without the flag.
    Every,
    /// The worker's, by `FLAG_CPU`.
    One,
    /// All, by `FLAG_CPU` with a negative number.
    Negative,
}

use Race::{Instructions, Sections};

/// What the two share.
#[repr(C)]
pub(crate) struct Duel {
    /// The newest number: of the function that is published, or the epoch.
    newest: Apart,
    /// The newest number that the worker was done with.
    turn: Apart,
    /// The slots of sections.
    slots: [AtomicU32; SLOTS],
}

/// A word on cache lines of its own.
#[repr(C, align(128))]
struct Apart(AtomicU32);

const SLOTS: usize = 16;
/// The parts. The first task is 0 and starts the others.
const CALLER: u16 = 1;
const WORKER: u16 = 2;
/// How long a section dawdles at most, in turns of an empty loop: longer than
/// an ordinary call takes, or the twin would show nothing.
const DAWDLE: u32 = 4000;
/// How long a thread spins before it thinks that the other has no CPU.
const PATIENCE: u32 = 2_000;

impl Duel {
    pub(crate) const fn new() -> Self {
        Self {
            newest: Apart(AtomicU32::new(0)),
            turn: Apart(AtomicU32::new(0)),
            slots: [const { AtomicU32::new(0) }; SLOTS],
        }
    }

    pub(crate) fn reset(&self) {
        self.newest.0.store(0, Relaxed);
        self.turn.0.store(0, Relaxed);
        self.slots.iter().for_each(|slot| slot.store(0, Relaxed));
    }

    /// The two words alone, for whoever measures.
    pub(crate) fn newest(&self) -> &AtomicU32 {
        &self.newest.0
    }

    pub(crate) fn turn(&self) -> &AtomicU32 {
        &self.turn.0
    }

    pub(crate) fn slot(&self, number: u32) -> &AtomicU32 {
        &self.slots[number as usize % SLOTS]
    }
}

/// Every race: instructions first, then sections, and these with each kind of
/// registration that a kernel may tell apart.
pub(crate) fn all() -> impl Iterator<Item = Race> {
    let instructions = [Instructions { worker: 1 }, Instructions { worker: 0 }];
    let usual = [Reach::Every, Reach::One, Reach::Negative].map(|reach| Sections(reach, RseqKind::Usual));
    let kinds = [RseqKind::Legacy, RseqKind::Extended].into_iter();
    let others = kinds.flat_map(|kind| [Reach::Every, Reach::One].map(|reach| Sections(reach, kind)));
    instructions.into_iter().chain(usual).chain(others)
}

impl Race {
    /// The command whose barrier is tried.
    pub(crate) const fn command(self) -> Command {
        match self {
            Instructions { .. } => Command::SyncCore,
            Sections(..) => Command::Rseq,
        }
    }

    pub(crate) const fn is_of_instructions(self) -> bool {
        matches!(self, Instructions { .. })
    }

    /// The registers of the barrier.
    fn registers(self, world: &dyn World) -> [u64; 3] {
        let cmd = u64::from(self.command().number().unsigned_abs());
        match self {
            Sections(Reach::One, _) => [cmd, u64::from(FLAG_CPU), u64::from(world.cpu_number(self.worker()))],
            Sections(Reach::Negative, _) => [cmd, u64::from(FLAG_CPU), u64::from(u32::MAX)],
            _ => [cmd, 0, 0],
        }
    }

    const fn worker(self) -> u32 {
        match self {
            Instructions { worker } => worker,
            Sections(..) => 1,
        }
    }
}

struct Racer<'a> {
    race: Race,
    world: &'a dyn World,
    random: Random,
}

impl Racer<'_> {
    fn direct(&self, number: u16) {
        let registration = self.race.command().needs().map(bonfire_abi::Flavour::registration);
        registration.into_iter().for_each(|command| script::Player::new(self.world).issue(command));
        let tasks = [CALLER, WORKER].map(|part| Task::of(number, part, 0));
        if self.world.start(Start::Thread, &tasks) != Ending::Ended {
            self.world.arena().lacks(Means::Start);
        }
    }

    fn call(mut self) {
        let arena = self.world.arena();
        self.take_cpu(0);
        for number in 1..u32::MAX {
            let twin = self.random.below(2) == 0;
            let forbidden = match self.race {
                Instructions { .. } => self.publish_instructions(number, twin),
                Sections(..) => self.change_epoch(number, twin),
            };
            if arena.is_over() {
                return;
            }
            arena.counts.add(twin, forbidden);
            if arena.is_done(self.world.now_ns()) {
                return;
            }
        }
    }

    fn work(mut self) {
        self.take_cpu(self.race.worker());
        match self.race {
            Instructions { .. } => match self.world.code() {
                Some(code) => self.call_function(code),
                None => self.world.arena().lacks(Means::Code),
            },
            Sections(_, kind) => match self.world.restartable_as(kind) {
                Ok(restartable) => self.copy_epochs(restartable),
                Err(means) => self.world.arena().lacks(means),
            },
        }
    }

    /// New code, barrier, flag; then waits for the worker's word on it: the
    /// number again, or the next odd one if what it got was older.
    fn publish_instructions(&self, number: u32, twin: bool) -> bool {
        let duel = &self.world.arena().duel;
        let Some(code) = self.world.code() else { return false };
        code.patch(number);
        self.barrier(twin);
        // Release. PAIRS(flag): with the worker's acquire.
        duel.newest.0.store(number, Release);
        // Acquire. PAIRS(turn): with the worker's release.
        self.wait(|| duel.turn.0.load(Acquire) >> 1 == number);
        duel.turn.0.load(Relaxed) & 1 == 1
    }

    fn call_function(&self, code: &dyn Fetch) {
        let duel = &self.world.arena().duel;
        while !self.world.arena().is_over() {
            // Acquire. PAIRS(flag): with the caller's release. The calls before
            // the flag is up keep the function's old form in the pipeline.
            let newest = duel.newest.0.load(Acquire);
            // What is newer than the flag may be on its way already.
            let is_stale = code.execute().wrapping_sub(newest) > 1;
            if newest > duel.turn.0.load(Relaxed) >> 1 {
                // Release. PAIRS(turn): with the caller's acquire.
                duel.turn.0.store(newest << 1 | u32::from(is_stale), Release);
            } else if self.race.worker() == 0 {
                // On the caller's CPU: it is its turn.
                self.world.nap();
            }
        }
    }

    /// New epoch, barrier, wipe; then waits until the worker has committed the
    /// new one, and looks at the slot that was wiped.
    fn change_epoch(&self, number: u32, twin: bool) -> bool {
        let duel = &self.world.arena().duel;
        duel.newest.0.store(number, Relaxed);
        self.barrier(twin);
        duel.slot(number - 1).store(0, Relaxed);
        // Acquire. PAIRS(turn): with the worker's release, which comes after
        // every commit of an older epoch.
        self.wait(|| duel.turn.0.load(Acquire) == number);
        duel.slot(number - 1).load(Relaxed) != 0
    }

    fn copy_epochs(&mut self, restartable: &dyn Restartable) {
        let duel = &self.world.arena().duel;
        while !self.world.arena().is_over() {
            let before = duel.newest.0.load(Relaxed);
            let delay = 1 + self.random.below(DAWDLE);
            if restartable.copy(&duel.newest.0, delay, &duel.slots) {
                // Release. PAIRS(turn): with the caller's acquire. The section
                // read what was newest here, or something newer.
                duel.turn.0.store(before, Release);
            }
        }
    }

    fn barrier(&self, twin: bool) {
        if twin {
            return self.world.ordinary_call();
        }
        let registers = self.race.registers(self.world);
        let got = from_return(self.world.call(registers));
        if got != Ok(0) {
            self.world.arena().wrong.report(Finding { registers, expected: Ok(0), got, step: 1 });
            self.world.arena().close();
        }
    }

    /// Waits until `done`, or until the race is over.
    fn wait(&self, done: impl Fn() -> bool) {
        let mut spins = 0;
        while !done() && !self.world.arena().is_over() {
            self.world.pause();
            spins += 1;
            if spins > PATIENCE || self.race.worker() == 0 {
                spins = 0;
                self.world.nap();
                self.world.arena().close_if_late(self.world.now_ns());
            }
        }
    }

    fn take_cpu(&self, cpu: u32) {
        if !self.world.place(cpu) {
            self.world.arena().lacks(Means::Place);
            self.world.arena().close();
        }
    }
}

/// How often a function is rewritten to measure whether its old form runs.
const REWRITES: u32 = 600;

/// The race of instructions without any barrier, to measure whether an old form
/// runs. In every other round the worker serialises itself before it calls: then
/// none runs, unless the machine keeps old forms whatever is done.
pub(crate) fn measure_rewriting(world: &dyn World) {
    let (arena, race) = (world.arena(), Instructions { worker: 1 });
    let Some(code) = world.code() else { return arena.close() };
    let racer = Racer { race, world, random: Random::new(arena.seed()) };
    racer.take_cpu(0);
    let knows_how = code.serialise();
    for number in 1..REWRITES {
        code.patch(number);
        // Release. PAIRS(flag): with the worker's acquire.
        arena.duel.newest.0.store(number, Release);
        // Acquire. PAIRS(turn): with the worker's release.
        racer.wait(|| arena.duel.turn.0.load(Acquire) >> 1 == number);
        let seen = u64::from(arena.duel.turn.0.load(Relaxed) & 1);
        if arena.is_over() || world.now_ns() >= arena.limit_ns() {
            break;
        }
        arena.abilities.update(|abilities| match is_helped(number) {
            true if knows_how => {
                abilities.helped_rounds += 1;
                abilities.helped_seen += seen;
            }
            true => {}
            false => {
                abilities.stale_rounds += 1;
                abilities.stale_seen += seen;
            }
        });
    }
    arena.close();
}

/// The other side of [`measure_rewriting`].
pub(crate) fn measure_executing(world: &dyn World) {
    let (arena, race) = (world.arena(), Instructions { worker: 1 });
    let Some(code) = world.code() else { return arena.close() };
    Racer { race, world, random: Random::new(0) }.take_cpu(1);
    while !arena.is_over() {
        // Acquire. PAIRS(flag): with the release of whoever rewrites.
        let newest = arena.duel.newest.0.load(Acquire);
        let is_new = newest > arena.duel.turn.0.load(Relaxed) >> 1;
        if is_new && is_helped(newest) {
            code.serialise();
        }
        let is_stale = code.execute().wrapping_sub(newest) > 1;
        if is_new {
            // Release. PAIRS(turn): with the acquire of whoever rewrites.
            arena.duel.turn.0.store(newest << 1 | u32::from(is_stale), Release);
        }
    }
}

const fn is_helped(number: u32) -> bool {
    number % 2 == 0
}

impl Kind for Race {
    fn group(&self) -> Group {
        if self.is_of_instructions() { Group::SyncCore } else { Group::Rseq }
    }

    fn citation(&self) -> &'static str {
        match self {
            Instructions { .. } => "membarrier(2), MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE",
            Sections(_, RseqKind::Legacy) => {
                "membarrier(2), MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ; rseq(2), of 32 bytes, as all kernels take it"
            }
            Sections(_, RseqKind::Extended) => {
                "membarrier(2), MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ; rseq(2), of AT_RSEQ_FEATURE_SIZE or more"
            }
            Sections(Reach::Every, _) => "membarrier(2), MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ",
            Sections(Reach::One, _) => "membarrier(2), MEMBARRIER_CMD_FLAG_CPU",
            Sections(Reach::Negative, _) => {
                "Linux: MEMBARRIER_CMD_FLAG_CPU with a negative cpu_id is every CPU"
            }
        }
    }

    fn explain(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        out.write_str(match self {
            Instructions { .. } => {
                "One thread rewrites a function to return n, issues SYNC_CORE and raises a flag to n. Another \
                 that sees the flag calls the function, without any fence, and must get n: the barrier made \
                 every thread serialise its instruction stream before it next runs in user mode.\n\n\
                 What a failure means: a thread went on with instructions fetched before. The interrupt does \
                 not return through a serialising instruction, or a thread that was not interrupted (the \
                 caller's own sibling on the same CPU among them) came back to user mode without one."
            }
            Sections(..) => {
                "A thread copies an epoch to the epoch's slot in a restartable section, slowly. Another sets \
                 the epoch to n, issues RSEQ and wipes the slot of n - 1: no section that began before the \
                 barrier returned may commit afterwards.\n\n\
                 What a failure means: the section was not restarted. The CPU that was named was not \
                 interrupted, or the interrupted thread is not told to look at its section."
            }
        })?;
        match self {
            Sections(_, RseqKind::Legacy) => out.write_str(
                " The worker has registered 32 bytes, as all programs did at first: if the cases of the usual \
                 registration conform, the kernel forgot these when it learnt of another.",
            ),
            Sections(_, RseqKind::Extended) => out.write_str(
                " The worker has registered at least AT_RSEQ_FEATURE_SIZE bytes, by which a kernel knows a \
                 program that wants what is documented and no more: if the cases of the usual registration \
                 conform, the kernel takes a shorter way for these, and loses the abort on it.",
            ),
            _ => Ok(()),
        }
    }

    fn play(&self, world: &dyn World, number: u16, part: u16, _: u32) {
        let racer = Racer { race: *self, world, random: Random::new(world.arena().seed() ^ u64::from(part)) };
        match part {
            CALLER => racer.call(),
            WORKER => racer.work(),
            _ => racer.direct(number),
        }
        if part != 0 {
            world.arena().close();
        }
    }

    fn lacks(&self, commands: Commands) -> Option<Command> {
        absent([self.command()], commands)
    }

    fn cpus(&self) -> u32 {
        match self {
            Instructions { worker } => worker + 1,
            Sections(..) => 2,
        }
    }

    fn needs(&self, _: MemoryOrder) -> Needs {
        if self.is_of_instructions() { Needs::Stale } else { Needs::Nothing }
    }

    fn cost(&self) -> Cost {
        let usual = Cost { weight: 40, rounds: 10_000, most_ns: u64::MAX, may_borrow: true };
        match self {
            Instructions { .. } => Cost { weight: 20, rounds: 20_000, ..usual },
            Sections(..) => usual,
        }
    }

    fn has_rounds(&self) -> bool {
        true
    }
}

impl fmt::Display for Race {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Instructions { worker: 0 } => "patch-barrier-flag/same-cpu",
            Instructions { .. } => "patch-barrier-flag/other-cpu",
            Sections(Reach::Every, _) => "epoch-barrier-wipe/every-cpu",
            Sections(Reach::One, _) => "epoch-barrier-wipe/FLAG_CPU",
            Sections(Reach::Negative, _) => "epoch-barrier-wipe/FLAG_CPU-negative",
        })?;
        f.write_str(match self {
            Sections(_, RseqKind::Legacy) => "/legacy",
            Sections(_, RseqKind::Extended) => "/extended",
            _ => "",
        })
    }
}
