//! One thread of a litmus, round by round.
//!
//! Each round: announce, wait until all others have (the *meeting*), wait a random
//! moment, queue cold stores, do the accesses of the shape, leave what was read.
//! The heavy thread is also the judge: it waits until all are done, looks at the
//! outcome and counts it.
//!
//! | edge | one side | other side | without it |
//! |---|---|---|---|
//! | meet | a thread announces round *n* | the others see it | rounds overlap, and values of an old one are taken for this one's; or a light thread does not know whose the round is |
//! | done | a light thread leaves what it read | the judge takes it | the judge sees results of an older round, or not yet the last value of a variable |
//! | registered | a thread has registered its process late | another stops waiting | it may play before the registration is done |
//!
//! Nothing else is ordered: the accesses under test are relaxed, with the fence
//! under test between them.

use core::sync::atomic;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};

use bonfire_abi::{Command, from_return};

use super::shape::{LOADS, Op, THREADS, Var};
use super::table::Table;
use super::{Litmus, Situation};
use crate::random::Random;
use crate::verdict::{Finding, Means};
use crate::{World, arch};

/// How far the threads are shifted against each other at the most, in turns of
/// an empty loop.
const SHIFT: u32 = 400;
/// How far a shift that showed the outcome is varied.
const NEAR: u32 = 32;
/// How long a thread spins for the others before it thinks that they have no CPU.
const PATIENCE: u32 = 2_000;

/// A thread that sits at the table.
pub(super) struct Player<'a> {
    world: &'a dyn World,
    table: &'a Table,
    litmus: Litmus,
    seat: usize,
    random: Random,
    /// How long this thread waited when the outcome was seen last.
    aim: Option<u32>,
}

impl<'a> Player<'a> {
    /// A player who joins at `round`.
    pub(super) fn new(world: &'a dyn World, litmus: Litmus, seat: usize, round: u64) -> Self {
        let arena = world.arena();
        let random = Random::new(arena.seed() ^ (seat as u64 + 1) << 56 ^ round);
        Self { world, table: &arena.table, litmus, seat, random, aim: None }
    }

    /// Plays until the budget is spent or enough is known, at most `rounds`.
    pub(super) fn heavy(mut self, first: u64, rounds: u64) {
        for round in first..first + rounds {
            self.table.round.store(round, Relaxed);
            let twin = self.random.below(4) < self.twins();
            self.table.twin.store(u64::from(twin), Relaxed);
            self.disturb(round);
            if !self.meet(round) {
                break;
            }
            let delay = self.delay();
            let own = self.accesses(round, delay, |player| player.barrier(twin));
            let Some(forbidden) = self.judge(round, own) else { break };
            if forbidden {
                self.aim = Some(delay);
            }
            // A rehearsal is no evidence of anything but a violation.
            if !self.rehearses(round) || (forbidden && !twin) {
                self.world.arena().counts.add(twin, forbidden);
            }
            if self.enough() {
                break;
            }
        }
        self.world.arena().close();
    }

    /// Whether this round only warms up: who has just slept or been born is late
    /// by the time that it takes to get code and translations back into caches,
    /// longer than any store waits. Nothing happens after such a round, so it
    /// would say nothing of the situation, and is not counted.
    fn rehearses(&self, round: u64) -> bool {
        let is_slow = matches!(self.litmus.situation, Situation::Sleeping | Situation::Exiting);
        is_slow && (round - self.table.first_round()) % 2 == 0
    }

    /// In how many of four rounds the twin plays: where the barrier takes
    /// thousands of times as long, its rounds come nearly free.
    fn twins(&self) -> u32 {
        if self.litmus.barrier == Command::Global { 3 } else { 2 }
    }

    /// Plays until the heavy thread leaves.
    pub(super) fn light(mut self, first: u64) {
        for round in first.. {
            if !self.light_round(round) {
                return;
            }
            match self.litmus.situation {
                Situation::Sleeping if !self.rehearses(round) => self.world.nap(),
                Situation::TwoCallers if self.random.below(2) == 0 => self.barrier(false),
                _ => {}
            }
        }
    }

    /// Says that this process is registered now.
    pub(super) fn announce(&self) {
        // Release: pairs (registered) with the acquire below.
        self.table.registered.store(self.table.first_round(), Release);
    }

    /// Waits until another thread has registered this process.
    pub(super) fn wait_for_registration(&self, asleep: bool) {
        let patience = if asleep { 0 } else { PATIENCE };
        let mut spins = 0;
        // Acquire: pairs (registered) with the release above.
        while self.table.registered.load(Acquire) != self.table.first_round() {
            if self.world.arena().is_over() {
                return;
            }
            self.spin(&mut spins, patience);
        }
    }

    /// Plays one round; false if there is none, because the heavy thread left.
    pub(super) fn light_round(&mut self, round: u64) -> bool {
        self.disturb(round);
        if !self.meet(round) {
            return false;
        }
        let twin = self.table.twin.load(Relaxed) == 1;
        let delay = self.delay();
        let reads = if self.world.has_fences() {
            self.accesses(round, delay, |player| player.world.light(twin))
        } else {
            self.accesses(round, delay, |_| arch::light())
        };
        let seat = &self.table.seats[self.seat];
        for (to, read) in seat.reads.iter().zip(reads) {
            to.store(read, Relaxed);
        }
        // Release: pairs (done) with the judge, who must see what was read, and
        // this round's last values of the variables.
        seat.done.store(round, Release);
        true
    }

    /// Waits until all have come to `round`; false if the session is over.
    ///
    /// In two steps: a thread may sleep until all have come, and then would be
    /// late by the time it takes to wake up; so that all start at once, they
    /// wait once more until all are awake, and have prepared.
    fn meet(&self, round: u64) -> bool {
        if !self.wait_for_all(2 * round, PATIENCE) {
            return false;
        }
        self.prepare(round);
        self.wait_for_all(2 * round + 1, 10 * PATIENCE)
    }

    /// Makes the cold lines cold, and the variables known.
    ///
    /// Cold are lines that were thrown out of the caches; where no instruction
    /// does that, those that the heavy thread took for itself. Each variable is
    /// looked at, so that nothing but the cold lines keeps the accesses waiting:
    /// who has to look up a translation between them empties its store buffer,
    /// if it is an emulator that does so.
    fn prepare(&self, round: u64) {
        if arch::EVICTS && self.world.evicts() {
            self.table.cold[self.seat].iter().for_each(|line| arch::evict(&line.0));
        } else if self.is_heavy() {
            let light = (0..self.litmus.shape.threads.len()).filter(|&seat| seat != self.seat);
            let lines = light.flat_map(|seat| &self.table.cold[seat]);
            lines.for_each(|line| line.0.store(round, Relaxed));
        }
        for var in [Var::X, Var::Y, Var::Z] {
            self.table.value(round, var);
        }
    }

    /// Announces this step, and waits until all others have.
    fn wait_for_all(&self, step: u64, patience: u32) -> bool {
        let seats = &self.table.seats[..self.litmus.shape.threads.len()];
        // Release: pairs (meet) with the loads below in the other threads, which
        // must not run ahead of what this one did in the round before.
        seats[self.seat].met.store(step, Release);
        let mut spins = 0;
        while seats.iter().any(|seat| seat.met.load(Acquire) < step) {
            if self.world.arena().is_over() {
                return false;
            }
            self.spin(&mut spins, patience);
        }
        true
    }

    /// Waits a moment; after many, lets others have the CPU, and gives up when
    /// the case has none of its time left.
    fn spin(&self, spins: &mut u32, patience: u32) {
        self.world.pause();
        *spins += 1;
        if *spins > patience {
            *spins = 0;
            self.world.nap();
            self.world.arena().close_if_late(self.world.now_ns());
        }
    }

    /// How long to wait before the accesses.
    ///
    /// Of two threads it is enough to shift one. The heavy thread is shifted at
    /// random, and in half of the rounds near to where the outcome was last seen.
    /// Whether a round is the twin's has no part in it, so that both get the same.
    fn delay(&mut self) -> u32 {
        if !self.is_heavy() && self.litmus.shape.threads.len() == 2 {
            return SHIFT;
        }
        let anywhere = self.random.below(2 * SHIFT);
        let near = self.aim.filter(|_| self.random.below(2) == 0);
        near.map_or(anywhere, |aim| (aim + self.random.below(2 * NEAR)).saturating_sub(NEAR))
    }

    /// Does the accesses of this thread, and returns what it read.
    #[inline(always)]
    fn accesses(&mut self, round: u64, delay: u32, fence: impl Fn(&Self)) -> [u64; LOADS] {
        let ops = self.litmus.shape.threads[self.seat];
        (0..delay).for_each(|_| arch::light());
        // The heavy thread's own stores wait in half of the rounds: so both a
        // call that lacks its barriers shows, and a target that lacks one.
        if !self.is_heavy() || self.random.below(2) == 0 {
            arch::store_lines(&self.table.cold[self.seat], round);
        }
        let (mut reads, mut register) = ([0; LOADS], 0);
        for op in ops {
            match *op {
                Op::Store(var, value) => self.table.line(round, var).store(round << 2 | value, Relaxed),
                Op::Load(var) => {
                    reads[register] = self.table.value(round, var);
                    register += 1;
                }
                Op::Fence => fence(self),
                // SeqCst: pairs with the barrier that is judged.
                Op::FullFence => atomic::fence(SeqCst),
            }
        }
        reads
    }

    /// The barrier, or what stands in its place.
    fn barrier(&self, twin: bool) {
        if twin {
            return self.world.ordinary_call();
        }
        let registers = [u64::from(self.litmus.barrier.number().unsigned_abs()), 0, 0];
        let got = from_return(self.world.call(registers));
        if got != Ok(0) {
            self.world.arena().wrong.report(Finding { registers, expected: Ok(0), got, step: 1 });
            self.world.arena().close();
        }
    }

    /// Waits until all are done, and says whether the outcome is forbidden;
    /// `None` if the session ends before that.
    fn judge(&self, round: u64, own: [u64; LOADS]) -> Option<bool> {
        let shape = self.litmus.shape;
        let mut reads = [[0; LOADS]; THREADS];
        for (index, seat) in self.table.seats[..shape.threads.len()].iter().enumerate() {
            if index == self.seat {
                reads[index] = own;
                continue;
            }
            let mut spins = 0;
            // Acquire: pairs (done) with the light thread's release.
            while seat.done.load(Acquire) < round {
                if self.world.arena().is_over() {
                    return None;
                }
                self.spin(&mut spins, PATIENCE);
            }
            reads[index] = [0, 1].map(|i: usize| seat.reads[i].load(Relaxed));
        }
        Some(shape.forbids(&reads, |var| self.table.value(round, var)))
    }

    /// Whether the verdict is clear, or the time is up.
    fn enough(&self) -> bool {
        let arena = self.world.arena();
        arena.is_over() || arena.is_done(self.world.now_ns())
    }

    /// Changes places with the others every few rounds, in that situation.
    fn disturb(&self, round: u64) {
        const EVERY: u64 = 8;
        if self.litmus.situation == Situation::Migrating && round % EVERY == 0 {
            let threads = self.litmus.shape.threads.len() as u64;
            self.sit((self.seat as u64 + round / EVERY) % threads);
        }
    }

    /// Moves to a CPU.
    pub(super) fn sit(&self, cpu: u64) {
        if !self.world.place(cpu as u32) {
            self.world.arena().lacks(Means::Place);
            self.world.arena().close();
        }
    }

    fn is_heavy(&self) -> bool {
        self.seat == self.litmus.shape.heavy
    }
}

/// The command that a target of `barrier` registers with, if it must.
pub(super) fn registration(barrier: Command) -> Option<Command> {
    match barrier {
        Command::GlobalExpedited => Some(Command::RegisterGlobalExpedited),
        _ => barrier.needs().map(bonfire_abi::Flavour::registration),
    }
}
