//! One thread of a litmus, round by round.
//!
//! Each round: announce, wait until all others have (the *meeting*), queue slow
//! stores, do the accesses of the shape, leave what was read. The heavy thread
//! plans each round, and waits before its accesses for as long as it planned. It
//! is also the judge: it waits until all are done, looks at the outcome and counts
//! it.
//!
//! | edge | one side | other side | without it |
//! |---|---|---|---|
//! | meet | a thread announces round *n* | the others see it | rounds overlap, and values of an old one are taken for this one's; or a light thread does not know what the round is |
//! | done | a light thread leaves what it read | the judge takes it | the judge sees results of an older round, or not yet the last value of a variable |
//! | registered | a thread has registered its process late | another stops waiting | it may play before the registration is done |
//!
//! Nothing else is ordered: the accesses under test are relaxed, with the fence
//! under test between them.

use core::sync::atomic;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};

use bonfire_abi::{Command, from_return};

use super::plan::{Kind, Plan};
use super::queue::{QUEUES, Queue, Slow, Useful};
use super::shape::{LOADS, Op, THREADS, Var};
use super::table::{Table, in_round};
use super::{Litmus, Situation};
use crate::random::Random;
use crate::verdict::{Finding, Means};
use crate::{Memory, MemoryOrder, World, arch};

/// How long a thread spins for the others before it thinks that they have no CPU.
const PATIENCE: u32 = 2_000;
/// How long accesses take, in turns, before anything was measured.
const USUAL_LENGTH: u32 = 2_000;
/// After how many turns a measured length tells of a lost CPU, not of accesses.
const LOST: u32 = 1 << 20;
/// After how many turns whoever measures looks whether the session is over.
const LOOK: u32 = 1 << 10;
/// In one of how many rounds the length of the accesses is measured again.
const REHEARSE: u32 = 32;

/// A thread that sits at the table.
pub(super) struct Participant<'a> {
    pub(super) world: &'a dyn World,
    pub(super) table: &'a Table,
    litmus: Litmus,
    seat: usize,
    pub(super) random: Random,
    pub(super) useful: Useful,
    slow: Slow<'a>,
    /// The memory, where it is simulated.
    memory: Option<&'a dyn Memory>,
}

impl<'a> Participant<'a> {
    /// A player who joins at `round`.
    pub(super) fn new(world: &'a dyn World, litmus: Litmus, seat: usize, round: u64) -> Self {
        let arena = world.arena();
        let random = Random::new(arena.seed() ^ (seat as u64 + 1) << 56 ^ round);
        let cold = world.cold();
        let part = cold.len() / litmus.shape.threads.len();
        let slow = Slow { lines: &arena.table.slow[seat].0, pages: &cold[seat * part..(seat + 1) * part] };
        let evicts = if arch::EVICTS { arena.abilities.get().evicts() } else { Some(false) };
        let useful = Useful {
            pairs: evicts != Some(false),
            cold: evicts != Some(true) && part >= 64,
            chain: MemoryOrder::NATIVE == MemoryOrder::Weak,
        };
        Self { world, table: &arena.table, litmus, seat, random, useful, slow, memory: world.memory() }
    }

    /// Plays until the budget is spent or enough is known, at most `rounds`.
    pub(super) fn heavy(mut self, first: u64, rounds: u64) {
        for round in first..first + rounds {
            let (plan, delay) = self.plan(round);
            let Some(forbidden) = self.heavy_round(round, plan, delay, 0) else { break };
            if forbidden {
                self.table.keep_hit(plan, delay);
            }
            // A rehearsal is no evidence of anything but a violation.
            let counts = plan.kind != Kind::Rehearsal && !self.warms_up(round);
            if counts || (forbidden && !plan.kind.is_twin()) {
                self.world.arena().counts.add(plan.kind.is_twin(), forbidden);
            }
            if self.enough() {
                break;
            }
        }
        self.world.arena().close();
    }

    /// Plays a round as it was planned, and says whether its outcome is forbidden;
    /// `None` if there is none, because the session is over.
    pub(super) fn heavy_round(&mut self, round: u64, plan: Plan, delay: u32, wait: u32) -> Option<bool> {
        self.table.round.store(round, Relaxed);
        self.table.announce(plan);
        self.disturb(round);
        self.meet(round)?;
        if plan.kind == Kind::Rehearsal {
            if let Some(turns) = self.turns_until_done(round) {
                self.table.measured(plan.queue, turns);
            }
            self.judge(round, [0; LOADS])?;
            return Some(false);
        }
        let queue = self.has_queue(plan).then_some(QUEUES[plan.queue]);
        let own = self.accesses(round, delay, queue, |player| player.between(plan.kind, wait));
        self.judge(round, own)
    }

    /// What the next round is to be, and how long this thread waits in it.
    ///
    /// Queue and delay are drawn anew in half of the rounds; in the others they are
    /// those by which the outcome was last seen, nearly. What stands between the
    /// accesses has no part in it, so that case and twin get the same.
    fn plan(&mut self, round: u64) -> (Plan, u32) {
        let kind = if self.random.below(4) < self.twins() {
            if self.random.below(2) == 0 { Kind::Ordinary } else { Kind::Query }
        } else {
            Kind::Barrier
        };
        let (mut plan, delay) = self.aim(kind);
        let rehearses = self.random.below(REHEARSE) == 0 && !self.is_slow()
            || self.warms_up(round) && self.random.below(4) == 0;
        if rehearses || self.table.length(plan.queue).is_none() {
            plan = Plan { kind: Kind::Rehearsal, light_delay: 0, ..plan };
        }
        (plan, delay)
    }

    /// A plan with queue and delays, new or near the last that showed the outcome.
    pub(super) fn aim(&mut self, kind: Kind) -> (Plan, u32) {
        let again = self.table.hit().filter(|_| self.random.below(2) == 0);
        let queue = again.map_or_else(|| self.useful.draw(&mut self.random), |(plan, _)| plan.queue);
        let length = self.table.length(queue).unwrap_or(USUAL_LENGTH);
        let shifts_light = kind.is_of_caller() || self.is_the_callers();
        let mut draw = |last: u32, shifts: bool| match (shifts, again.is_some()) {
            (false, _) => 0,
            (true, true) => (last + self.random.below(length / 8 + 2)).saturating_sub(length / 16),
            (true, false) => self.random.below(length + length / 2 + 1),
        };
        let (last, last_delay) = again.map_or((0, 0), |(plan, delay)| (plan.light_delay, delay));
        let light_delay = draw(last, shifts_light);
        let delay = draw(last_delay, !shifts_light);
        (Plan { kind, queue, light_delay }, delay)
    }

    /// Whether this round only warms up: a thread that has just slept or been born is late
    /// by the time that it takes to get code and translations back into caches,
    /// longer than any store waits. Nothing happens after such a round, so it
    /// would say nothing of the situation, and is not counted.
    fn warms_up(&self, round: u64) -> bool {
        self.is_slow() && (round - self.table.first_round()) % 2 == 0
    }

    fn is_slow(&self) -> bool {
        matches!(self.litmus.situation, Situation::Sleeping | Situation::Exiting)
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
                Situation::Sleeping if !self.warms_up(round) => self.world.nap(),
                Situation::TwoCallers if self.random.below(2) == 0 => self.issue(),
                _ => {}
            }
        }
    }

    /// Says that this process is registered now.
    pub(super) fn announce(&self) {
        // Release. PAIRS(registered): with the acquire below.
        self.table.registered.store(self.table.first_round(), Release);
    }

    /// Waits until another thread has registered this process.
    pub(super) fn wait_for_registration(&self, asleep: bool) {
        let patience = if asleep { 0 } else { PATIENCE };
        let mut spins = 0;
        // Acquire. PAIRS(registered): with the release above.
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
        let Some(plan) = self.meet(round) else { return false };
        let delay = self.light_delay(plan);
        let queue = self.has_queue(plan).then_some(QUEUES[plan.queue]);
        let reads = if plan.kind.is_of_caller() {
            self.accesses(round, delay, queue, Self::full_fence)
        } else if self.world.has_fences() {
            self.accesses(round, delay, queue, |player| player.world.light(plan.kind.is_twin()))
        } else {
            self.accesses(round, delay, queue, |_| arch::light())
        };
        let seat = &self.table.seats[self.seat];
        for (to, read) in seat.reads.iter().zip(reads) {
            to.store(read, Relaxed);
        }
        // Release. PAIRS(done): with the judge, who must see what was read, and
        // this round's last values of the variables.
        seat.done.store(round, Release);
        true
    }

    /// Waits until all have come to `round`, and says what it is; `None` if the
    /// session is over.
    ///
    /// In two steps: a thread may sleep until all have come, and then would be
    /// late by the time it takes to wake up; so that all start at once, they
    /// wait once more until all are awake, and have prepared.
    fn meet(&self, round: u64) -> Option<Plan> {
        if !self.wait_for_all(2 * round, PATIENCE) {
            return None;
        }
        let plan = self.table.plan();
        QUEUES[plan.queue].prepare(self.slow, round);
        // Each variable is looked at, so that nothing but the queue keeps the
        // accesses waiting, and an emulator has the translations at hand.
        for var in [Var::X, Var::Y, Var::Z] {
            self.value(round, var);
        }
        self.wait_for_all(2 * round + 1, 10 * PATIENCE).then_some(plan)
    }

    /// Announces this step, and waits until all others have.
    fn wait_for_all(&self, step: u64, patience: u32) -> bool {
        let seats = &self.table.seats[..self.litmus.shape.threads.len()];
        // Release. PAIRS(meet): with the loads below in the other threads, which
        // must not run ahead of what this one did in the round before.
        seats[self.seat].met.store(step, Release);
        let mut spins = 0;
        // Acquire. PAIRS(meet): with the stores of the other threads.
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

    /// How long a light thread waits before its accesses. Of two threads it is
    /// enough to shift one, and the plan says which.
    fn light_delay(&mut self, plan: Plan) -> u32 {
        if self.litmus.shape.threads.len() == 2 {
            return plan.light_delay;
        }
        let length = self.table.length(plan.queue).unwrap_or(USUAL_LENGTH);
        self.random.below(length + 1)
    }

    /// Whether this thread's stores are to wait. The caller's own queue is emptied
    /// by its call on most machines, and hides what a light thread's would show; so
    /// it has one in a quarter of the rounds, for a call that lacks its own
    /// barriers, and always where nobody else's store can show anything.
    fn has_queue(&mut self, plan: Plan) -> bool {
        let is_callers = plan.kind.is_of_caller() || self.is_the_callers();
        match is_callers && plan.kind != Kind::Rehearsal {
            true => self.is_heavy(),
            false => !self.is_heavy() || (plan.kind != Kind::Wait && self.random.below(4) == 0),
        }
    }

    /// Whether only the caller could show the outcome here.
    fn is_the_callers(&self) -> bool {
        MemoryOrder::NATIVE == MemoryOrder::StoreBuffer && self.litmus.shape.is_the_callers()
    }

    /// Does the accesses of this thread, and returns what it read.
    ///
    /// Each number of cold lines has code of its own, in which the accesses follow
    /// the queue on the same page.
    #[inline(always)]
    fn accesses(&self, round: u64, delay: u32, queue: Option<Queue>, fence: impl Fn(&Self)) -> [u64; LOADS] {
        if let Some(memory) = self.memory {
            return self.accesses_in(memory, round, delay, queue, fence);
        }
        (0..delay).for_each(|_| arch::light());
        match queue {
            None => self.accesses_now(round, 0, fence),
            Some(Queue::Cold(12)) => self.accesses_cold::<12>(round, fence),
            Some(Queue::Cold(16)) => self.accesses_cold::<16>(round, fence),
            Some(Queue::Cold(20)) => self.accesses_cold::<20>(round, fence),
            Some(Queue::Cold(24)) => self.accesses_cold::<24>(round, fence),
            Some(Queue::Cold(32)) => self.accesses_cold::<32>(round, fence),
            Some(Queue::Cold(_)) => self.accesses_cold::<48>(round, fence),
            Some(Queue::Pairs(count)) => {
                self.slow.fill_pairs(count, round);
                self.accesses_now(round, 0, fence)
            }
            Some(Queue::Chain(count)) => self.accesses_now(round, self.slow.chain(count), fence),
        }
    }

    /// The same in a memory that is simulated.
    fn accesses_in(
        &self,
        memory: &dyn Memory,
        round: u64,
        delay: u32,
        queue: Option<Queue>,
        fence: impl Fn(&Self),
    ) -> [u64; LOADS] {
        memory.turns(delay);
        if let Some(queue) = queue {
            memory.store_slowly(queue.count(), matches!(queue, Queue::Pairs(_)));
        }
        let (mut reads, mut register) = ([0; LOADS], 0);
        for op in self.litmus.shape.threads[self.seat] {
            match *op {
                Op::Store(var, value) => memory.store(self.table.line(round, var), round << 2 | value),
                Op::Load(var) => {
                    reads[register] = self.value(round, var);
                    register += 1;
                }
                Op::Fence => fence(self),
                Op::FullFence => memory.fence(),
            }
        }
        // That a thread is done is seen after what it stored.
        memory.fence();
        reads
    }

    /// What a variable holds in this round.
    fn value(&self, round: u64, var: Var) -> u64 {
        let line = self.table.line(round, var);
        in_round(round, self.memory.map_or_else(|| line.load(Relaxed), |memory| memory.load(line)))
    }

    /// SeqCst, or the simulated memory's.
    #[inline(always)]
    fn full_fence(&self) {
        // SeqCst: UNPAIRED, but for what keeps the other thread's store waiting.
        self.memory.map_or_else(|| atomic::fence(SeqCst), |memory| memory.fence());
    }

    /// Does nothing for so many turns.
    #[inline(always)]
    pub(super) fn turns(&self, count: u32) {
        match self.memory {
            None => (0..count).for_each(|_| arch::light()),
            Some(memory) => memory.turns(count),
        }
    }

    #[inline(always)]
    fn accesses_cold<const N: usize>(&self, round: u64, fence: impl Fn(&Self)) -> [u64; LOADS] {
        self.slow.fill_cold::<N>(round);
        self.accesses_now(round, 0, fence)
    }

    /// `nothing` is 0, and known only when a chain is.
    #[inline(always)]
    fn accesses_now(&self, round: u64, nothing: u64, fence: impl Fn(&Self)) -> [u64; LOADS] {
        let ops = self.litmus.shape.threads[self.seat];
        let (mut reads, mut register) = ([0; LOADS], 0);
        for op in ops {
            match *op {
                Op::Store(var, value) => {
                    self.table.line(round, var).store((round << 2 | value).wrapping_add(nothing), Relaxed);
                }
                Op::Load(var) => {
                    reads[register] = in_round(round, self.table.line(round, var).load(Relaxed));
                    register += 1;
                }
                Op::Fence => fence(self),
                // SeqCst: UNPAIRED here: with the barrier that is judged.
                Op::FullFence => atomic::fence(SeqCst),
            }
        }
        reads
    }

    /// What stands between the heavy thread's accesses.
    #[inline(always)]
    fn between(&self, kind: Kind, wait: u32) {
        match kind {
            Kind::Barrier => self.issue(),
            Kind::Ordinary | Kind::OwnCall => self.world.ordinary_call(),
            Kind::Query => _ = self.world.call([0; 3]),
            Kind::OwnWait => self.turns(wait),
            // Measured is how long the light thread's store, which has no fence, is
            // not seen.
            Kind::Wait => {
                self.full_fence();
                self.turns(wait);
            }
            Kind::Rehearsal | Kind::Nothing => {}
        }
    }

    /// Issues the barrier.
    fn issue(&self) {
        let registers = [u64::from(self.litmus.barrier.number().unsigned_abs()), 0, 0];
        let got = from_return(self.world.call(registers));
        if got != Ok(0) {
            self.world.arena().wrong.report(Finding { registers, expected: Ok(0), got, step: 1 });
            self.world.arena().close();
        }
    }

    /// How many turns pass until the light threads' accesses are seen; `None` if
    /// one of them must have lost its CPU, or left.
    fn turns_until_done(&self, round: u64) -> Option<u32> {
        let light = (0..self.litmus.shape.threads.len()).filter(|&seat| seat != self.seat);
        let mut count = 0;
        for seat in light {
            // Acquire. PAIRS(done): with the light thread's release.
            while self.table.seats[seat].done.load(Acquire) < round {
                self.turns(1);
                count += 1;
                if count > LOST || (count % LOOK == 0 && self.world.arena().is_over()) {
                    return None;
                }
            }
        }
        Some(count)
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
            // Acquire. PAIRS(done): with the light thread's release.
            while seat.done.load(Acquire) < round {
                if self.world.arena().is_over() {
                    return None;
                }
                self.spin(&mut spins, PATIENCE);
            }
            reads[index] = [0, 1].map(|i: usize| seat.reads[i].load(Relaxed));
        }
        Some(shape.forbids(&reads, |var| self.value(round, var)))
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
            self.take_cpu((self.seat as u64 + round / EVERY) % threads);
        }
    }

    /// Moves to a CPU.
    pub(super) fn take_cpu(&self, cpu: u64) {
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
pub(crate) fn registration(barrier: Command) -> Option<Command> {
    match barrier {
        Command::GlobalExpedited => Some(Command::RegisterGlobalExpedited),
        _ => barrier.needs().map(bonfire_abi::Flavour::registration),
    }
}
