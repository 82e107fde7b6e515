//! Who starts which processes and threads of a litmus, and where they sit.
//!
//! ```text
//! director ── fork ──┬─ session ── threads ──┬─ the heavy seat
//!                    │                       └─ the light seats ── threads: mortals, one a round
//!                    └─ noise
//! ```
//!
//! The fork is there only where a situation needs it: for another process to
//! share a CPU with, or for a fresh address space to register in. Where the
//! barrier crosses processes, the seats are forks themselves.

use bonfire_abi::Command;

use super::seat::{Player, registration};
use super::shape::THREADS;
use super::{Litmus, Situation};
use crate::verdict::Means;
use crate::{Ending, Start, Task, World, case, script};

/// The parts, as numbers. From [`SEATS`] on: the thread in that seat.
const DIRECTOR: u16 = 0;
const SESSION: u16 = 1;
const NOISE: u16 = 2;
const MORTAL: u16 = 3;
const SEATS: u16 = 16;

/// How many rounds follow a registration before the next process tries it.
const AFTER_REGISTRATION: u64 = 64;
/// How long the noise runs at a time, in pauses.
const NOISE_TURNS: u32 = 1000;

pub(super) fn play(litmus: Litmus, world: &dyn World, number: u16, part: u16, data: u32) {
    let stage = Stage { litmus, world, number };
    match part {
        DIRECTOR => stage.direct(),
        SESSION => stage.session(),
        NOISE => stage.noise(),
        MORTAL => stage.mortal(data),
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
                while !arena.is_done(self.world.now_ns()) {
                    self.start(Start::Fork, &[session]);
                }
            }
            Situation::Sharing => self.start(Start::Fork, &[session, noise]),
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

    /// One thread of a session.
    fn seat(&self, seat: usize) {
        let first = self.world.arena().table.first_round();
        let heavy = seat == self.litmus.shape.heavy;
        if self.litmus.barrier == Command::GlobalExpedited && !heavy {
            // The first thing that this process does: nothing of it has run on
            // another CPU, and it has no other thread.
            self.register();
        }
        let player = self.player(seat, first);
        match self.litmus.situation {
            Situation::Registering if heavy => {
                self.register();
                player.heavy(first, AFTER_REGISTRATION);
            }
            _ if heavy => player.heavy(first, u64::MAX - first),
            Situation::Exiting => self.manage_mortals(seat),
            _ => player.light(first),
        }
    }

    /// Has each round played by a thread of its own, which exits right after.
    fn manage_mortals(&self, seat: usize) {
        for past in (0..).take_while(|_| !self.world.arena().is_over()) {
            let data = past * THREADS as u32 + seat as u32;
            self.start(Start::Thread, &[self.task(MORTAL, data)]);
        }
    }

    fn mortal(&self, data: u32) {
        let (past, seat) = (data / THREADS as u32, data as usize % THREADS);
        let round = self.world.arena().table.first_round() + u64::from(past);
        self.player(seat, round).light_round(round);
    }

    /// Runs for a moment and sleeps for a moment, on a light thread's CPU.
    fn noise(&self) {
        let lightest = (0..THREADS as u32).find(|&seat| seat as usize != self.litmus.shape.heavy);
        if !lightest.is_some_and(|cpu| self.world.place(cpu)) {
            return self.world.arena().lacks(Means::Place);
        }
        while !self.world.arena().is_over() {
            (0..NOISE_TURNS).for_each(|_| core::hint::spin_loop());
            self.world.nap();
        }
    }

    fn player(&self, seat: usize, round: u64) -> Player<'_> {
        let player = Player::new(self.world, self.litmus, seat, round);
        player.sit(seat as u64);
        player
    }

    fn register(&self) {
        if let Some(registration) = registration(self.litmus.barrier) {
            script::Player::new(self.world).issue(registration);
        }
    }

    fn start(&self, how: Start, tasks: &[Task]) {
        if self.world.start(how, tasks) != Ending::Ended {
            self.world.arena().lacks(Means::Start);
            self.world.arena().close();
        }
    }

    fn task(&self, part: u16, data: u32) -> Task {
        case::task(self.number, part, data)
    }
}
