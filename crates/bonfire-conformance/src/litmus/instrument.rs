//! The litmus as an instrument: its threads measure the machine.
//!
//! What decides whether a case can show is how the machine treats exactly what the
//! case does: a queue, a store behind it, a call. So it is measured with the same
//! threads, the same queues and the same meeting, with something of known length
//! in place of the barrier.

use bonfire_abi::Command;

use super::plan::{Kind, Plan};
use super::seat::Participant;
use super::shape::SHAPES;
use super::{Litmus, Situation};
use crate::World;

/// Store buffering, and message passing with its second thread as the heavy one.
fn instrument(order: bool) -> Litmus {
    let shape = if order { &SHAPES[2] } else { &SHAPES[0] };
    Litmus { shape, barrier: Command::PrivateExpedited, situation: Situation::Spinning }
}

/// The thread that is measured: it plays until the other has seen enough.
pub(crate) fn measure_seat(world: &dyn World, order: bool) {
    let litmus = instrument(order);
    let seat = usize::from(litmus.shape.heavy == 0);
    let player = seated(world, litmus, seat);
    let first = player.table.first_round();
    player.light(first);
}

/// The thread that measures, until `end_ns` at the latest.
pub(crate) fn measure(world: &dyn World, order: bool, end_ns: u64) {
    let litmus = instrument(order);
    let player = seated(world, litmus, litmus.shape.heavy);
    let round = player.table.first_round();
    let mut meter = Meter { player, round, end_ns };
    let _ = if order { meter.order() } else { meter.stores() };
    world.arena().close();
}

fn seated(world: &dyn World, litmus: Litmus, seat: usize) -> Participant<'_> {
    let player = Participant::new(world, litmus, seat, 0);
    player.take_cpu(seat as u64);
    player
}

/// Rounds in which the light thread's store is to outlive a wait, in which the
/// caller's own is to outlive a call, and in which accesses are to change places.
const WAITS: u32 = 600;
const OWN: u32 = 1200;
const ORDER: u32 = 600;

struct Meter<'a> {
    player: Participant<'a>,
    round: u64,
    end_ns: u64,
}

impl Meter<'_> {
    /// How long stores wait, and whether the caller's own outlive its call. `None`
    /// if the session ended early; what was measured until then is kept.
    fn stores(&mut self) -> Option<()> {
        let turn_ps = self.turn_ps();
        let middle_ns = self.end_ns - self.end_ns.saturating_sub(self.player.world.now_ns()) / 2;
        self.waits(turn_ps, middle_ns)?;
        self.player.table.reset_hit();
        self.own(turn_ps)
    }

    fn waits(&mut self, turn_ps: u64, end_ns: u64) -> Option<()> {
        // The longest and the second: one that nothing confirms does not count.
        let mut longest = [0; 2];
        for _ in 0..WAITS {
            let (plan, delay) = self.player.aim(Kind::Wait);
            let Some(length) = self.player.table.length(plan.queue) else {
                self.play(Plan { kind: Kind::Rehearsal, light_delay: 0, ..plan }, 0, 0)?;
                continue;
            };
            let wait = self.player.random.below(length + length / 2 + 1);
            let seen = self.play(plan, delay / 2, wait)?;
            if seen {
                let [first, second] = longest;
                longest = [first.max(wait), second.max(first.min(wait))];
            }
            self.note(|abilities| {
                abilities.wait_rounds += 1;
                abilities.waits_seen += u64::from(seen);
                abilities.wait_ns = u64::from(longest[1]) * turn_ps / 1000;
            });
            if self.player.world.now_ns() >= end_ns {
                break;
            }
        }
        Some(())
    }

    /// Whether the caller's own store outlives its call, and a wait as long.
    fn own(&mut self, turn_ps: u64) -> Option<()> {
        let call_ns = self.player.world.arena().abilities.get().call_ns;
        let wait = (call_ns * 1000 / turn_ps.max(1)) as u32;
        for _ in 0..OWN {
            let kind = if self.player.random.below(2) == 0 { Kind::OwnCall } else { Kind::OwnWait };
            let (mut plan, delay) = self.player.aim(kind);
            if self.player.table.hit().is_none() {
                // The light thread comes when the call is over, at the earliest.
                plan.light_delay += wait;
            }
            let seen = self.play(plan, delay, wait)?;
            if seen {
                self.player.table.keep_hit(plan, delay);
            }
            self.note(|abilities| match kind {
                Kind::OwnCall => {
                    abilities.own_call_rounds += 1;
                    abilities.own_call_seen += u64::from(seen);
                }
                _ => {
                    abilities.own_wait_rounds += 1;
                    abilities.own_wait_seen += u64::from(seen);
                }
            });
            if self.is_late() {
                break;
            }
        }
        Some(())
    }

    /// Whether other accesses than a store and a later load change places.
    fn order(&mut self) -> Option<()> {
        for _ in 0..ORDER {
            let (plan, delay) = self.player.aim(Kind::Nothing);
            let seen = self.play(plan, delay, 0)?;
            self.note(|abilities| {
                abilities.order_rounds += 1;
                abilities.order_seen += u64::from(seen);
            });
            if self.is_late() {
                break;
            }
        }
        Some(())
    }

    fn play(&mut self, plan: Plan, delay: u32, wait: u32) -> Option<bool> {
        let round = self.round;
        self.round += 1;
        self.player.heavy_round(round, plan, delay, wait)
    }

    fn note(&self, change: impl FnOnce(&mut crate::Abilities)) {
        self.player.world.arena().abilities.update(change);
    }

    fn is_late(&self) -> bool {
        self.player.world.now_ns() >= self.end_ns
    }

    /// How long a turn takes, in picoseconds: of a few tries the shortest.
    fn turn_ps(&self) -> u64 {
        const TURNS: u32 = 50_000;
        let world = self.player.world;
        let time_ns = |_| {
            let began_ns = world.now_ns();
            self.player.turns(TURNS);
            world.now_ns().saturating_sub(began_ns)
        };
        let least_ns = (0..5).map(time_ns).min().unwrap_or(0);
        least_ns.max(1) * 1000 / u64::from(TURNS)
    }
}
