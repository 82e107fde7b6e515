//! Who starts which processes and threads of a litmus, and where they sit.
//!
//! ```text
//! director ── fork ──┬─ session ── threads ──┬─ the heavy seat
//!                    │                       └─ the light seats ── threads, one a round
//!                    └─ noise
//! ```
//!
//! The fork is there only where a situation needs it: for another process to
//! share a CPU with, or for a fresh address space to register in. Where the
//! barrier crosses processes, the seats are forks themselves; and a light seat may
//! have a process play that shares its address space.

use bonfire_abi::Command;

use super::seat::{Participant, registration};
use super::shape::THREADS;
use super::{Litmus, Situation};
use crate::verdict::Means;
use crate::{Ending, Start, Task, World, script};

/// The parts, as numbers. From [`SEATS`] on: the thread in that seat.
const DIRECTOR: u16 = 0;
const SESSION: u16 = 1;
const NOISE: u16 = 2;
const ONE_ROUND: u16 = 3;
const SIBLING: u16 = 4;
const REGISTRAR: u16 = 5;
const PARKED: u16 = 6;
const FOREIGN: u16 = 7;
const SEATS: u16 = 16;

/// How many rounds a process plays where each can try its situation once.
const SHORT: u64 = 64;
const HUNT: u64 = 256;
/// How long the noise runs at a time, in pauses.
const NOISE_TURNS: u32 = 1000;

pub(super) fn play(litmus: Litmus, world: &dyn World, number: u16, part: u16, data: u32) {
    let stage = Stage { litmus, world, number };
    match part {
        DIRECTOR => stage.direct(),
        SESSION => stage.session(),
        NOISE => stage.noise(),
        ONE_ROUND => stage.play_one_round(data),
        // It comes to the light thread's CPU, and exits.
        SIBLING => _ = stage.player(light_seat(litmus), 0),
        REGISTRAR => stage.register_late(),
        PARKED => stage.parked(),
        FOREIGN => stage.play_light(data as usize),
        seat => stage.seat(usize::from(seat - SEATS)),
    }
}

struct Stage<'a> {
    litmus: Litmus,
    world: &'a dyn World,
    number: u16,
}

impl Stage<'_> {
    fn direct(&self) {
        let (session, noise) = (self.task(SESSION, 0), self.task(NOISE, 0));
        let arena = self.world.arena();
        match self.litmus.situation {
            Situation::Registering => {
                while !arena.is_done(self.world.now_ns()) && arena.missing().is_none() {
                    self.start(Start::Fork, &[session]);
                }
            }
            Situation::Sharing => self.start(Start::Fork, &[session, noise]),
            Situation::SiblingExited | Situation::Parked => {
                while !arena.is_done(self.world.now_ns()) && arena.missing().is_none() {
                    self.session();
                }
            }
            _ => self.session(),
        }
    }

    /// One process, or set of processes, with one thread for each seat.
    fn session(&self) {
        let arena = self.world.arena();
        arena.table.open();
        arena.open();
        let crosses = self.litmus.crosses_processes();
        if !crosses && self.litmus.situation != Situation::Registering {
            self.register();
        }
        let seats = [0, 1, 2, 3].map(|seat| self.task(SEATS + seat, 0));
        let how = if crosses { Start::Fork } else { Start::Thread };
        self.start(how, &seats[..self.litmus.shape.threads.len()]);
        arena.close();
    }

    /// One thread of a session, or the first of the process that takes a seat.
    fn seat(&self, seat: usize) {
        let first = self.world.arena().table.first_round();
        if seat == self.litmus.shape.heavy {
            return self.heavy(seat, first);
        }
        if self.litmus.barrier == Command::GlobalExpedited && !self.registers_late() {
            // The first thing that this process does: nothing of it has run on
            // another CPU, and it has no other thread.
            self.register();
        }
        match self.litmus.situation {
            Situation::Exiting => self.start_one_a_round(seat),
            Situation::SiblingExited => self.after_sibling_exit(seat, first),
            Situation::Parked | Situation::Registering if self.litmus.crosses_processes() => {
                self.start(Start::Thread, &[self.task(PARKED, 0), self.task(REGISTRAR, 0)]);
            }
            Situation::CloneVm => self.start(Start::CloneVm, &[self.task(FOREIGN, seat as u32)]),
            Situation::Vfork => self.start(Start::Vfork, &[self.task(FOREIGN, seat as u32)]),
            _ => self.play_light(seat),
        }
    }

    fn play_light(&self, seat: usize) {
        let first = self.world.arena().table.first_round();
        self.player(seat, first).light(first);
    }

    fn heavy(&self, seat: usize, first: u64) {
        let player = self.player(seat, first);
        let rounds = match self.litmus.situation {
            Situation::Registering => SHORT,
            Situation::Parked | Situation::SiblingExited => HUNT,
            _ => u64::MAX - first,
        };
        if self.registers_late() && !self.litmus.crosses_processes() {
            self.register();
        }
        player.heavy(first, rounds);
    }

    /// Whether registration comes when the threads are there already.
    fn registers_late(&self) -> bool {
        matches!(self.litmus.situation, Situation::Registering | Situation::Parked)
    }

    /// Has a sibling exit on this thread's CPU, and then plays.
    fn after_sibling_exit(&self, seat: usize, first: u64) {
        let player = self.player(seat, first);
        self.world.prioritise();
        self.start(Start::Thread, &[self.task(SIBLING, 0)]);
        // The sibling wakes this thread before it is quite gone.
        self.world.nap();
        player.light(first);
    }

    /// Registers on the caller's CPU, and tells the thread that waits for it.
    fn register_late(&self) {
        let heavy = self.litmus.shape.heavy;
        let player = self.player(heavy, 0);
        self.register();
        player.announce();
    }

    /// Sleeps (or, if the situation is another, spins) on its CPU until another
    /// thread has registered the process, and then plays.
    fn parked(&self) {
        let first = self.world.arena().table.first_round();
        let player = self.player(light_seat(self.litmus), first);
        self.world.prioritise();
        player.wait_for_registration(self.litmus.situation == Situation::Parked);
        player.light(first);
    }

    /// Has each two rounds played by a thread of its own, which exits right after.
    fn start_one_a_round(&self, seat: usize) {
        for past in (0..).take_while(|_| !self.world.arena().is_over()) {
            let data = past * THREADS as u32 + seat as u32;
            self.start(Start::Thread, &[self.task(ONE_ROUND, data)]);
        }
    }

    fn play_one_round(&self, data: u32) {
        let (past, seat) = (data / THREADS as u32, data as usize % THREADS);
        // A rehearsal, and the round that counts.
        let round = self.world.arena().table.first_round() + 2 * u64::from(past);
        let mut player = self.player(seat, round);
        let _ = player.light_round(round) && player.light_round(round + 1);
    }

    /// Runs for a moment and sleeps for a moment, on a light thread's CPU.
    fn noise(&self) {
        if !self.world.place(light_seat(self.litmus) as u32) {
            return self.world.arena().lacks(Means::Place);
        }
        while !self.world.arena().is_over() {
            (0..NOISE_TURNS).for_each(|_| self.world.pause());
            self.world.nap();
        }
    }

    fn player(&self, seat: usize, round: u64) -> Participant<'_> {
        let player = Participant::new(self.world, self.litmus, seat, round);
        player.take_cpu(seat as u64);
        player
    }

    fn register(&self) {
        if let Some(registration) = registration(self.litmus.barrier) {
            script::Player::new(self.world).issue(registration);
        }
    }

    fn start(&self, how: Start, tasks: &[Task]) {
        if self.world.start(how, tasks) != Ending::Ended {
            self.world.arena().lacks(how.means());
            self.world.arena().close();
        }
    }

    fn task(&self, part: u16, data: u32) -> Task {
        Task::of(self.number, part, data)
    }
}

/// The first seat of a light thread.
fn light_seat(litmus: Litmus) -> usize {
    usize::from(litmus.shape.heavy == 0)
}
