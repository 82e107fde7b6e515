//! The measurement of a machine, before the cases that race.
//!
//! A process of its own measures, and leaves in the arena what it found so far;
//! whatever ends it early, that stays. One thing after the other, each within its
//! part of a second:
//!
//! | what | how |
//! |---|---|
//! | how long a call takes | many in a row, alone |
//! | whether lines can be thrown out | loads of lines that were, against loads of lines that were not |
//! | whether two CPUs run at once | two threads hand a word to each other and never leave their CPUs; for how long they had one is counted, too |
//! | how long a store waits, and whether a call empties its caller's buffer | the litmus itself ([`litmus`](crate::litmus)) |
//! | whether other accesses change places | the same, where the architecture allows it |
//! | whether instructions go stale | a function is rewritten and called without a barrier, with and without the thread's own serialising |

use core::hint::black_box;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};
use core::sync::atomic::{AtomicU64, fence};

use crate::arena::Allowance;
use crate::litmus::Line;
use crate::verdict::Means;
use crate::{Abilities, Ending, MemoryOrder, Start, Subject, Task, World, arch, duel, litmus};

/// How long all of it may take, at the most, and which part of a run.
const MOST_NS: u64 = 1_000_000_000;
const PART_OF_BUDGET: u64 = 10;
/// How much longer before it is stopped.
const GRACE_NS: u64 = 1_000_000_000;

/// The number of no case.
const NUMBER: u16 = u16::MAX - 1;

/// The parts.
const DIRECTOR: u16 = 0;
const HANDS_OVER: u16 = 1;
const HANDS_BACK: u16 = 2;
const MEASURES_STORES: u16 = 3;
const STORES: u16 = 4;
const MEASURES_ORDER: u16 = 5;
const ORDERS: u16 = 6;
const REWRITES: u16 = 7;
const EXECUTES: u16 = 8;

/// Measures this subject's machine.
pub(crate) fn run(subject: &dyn Subject, budget_ns: u64, seed: u64) -> Abilities {
    let (arena, now_ns) = (subject.arena(), subject.now_ns());
    let limit_ns = now_ns.saturating_add(MOST_NS.min(budget_ns / PART_OF_BUDGET));
    arena.abilities.set(Abilities::default());
    arena.reset(Allowance { seed, deadline_ns: limit_ns, limit_ns, rounds: u64::MAX });
    let patience_ns = limit_ns.saturating_sub(now_ns) + GRACE_NS;
    // However it ends: what was not measured is not known.
    let _ = subject.process(Task::of(NUMBER, DIRECTOR, 0), patience_ns);
    arena.abilities.get()
}

/// The part that a task of the measurement stands for.
pub(crate) fn part(task: Task) -> Option<u16> {
    let (number, part, _) = task.parts();
    (number == NUMBER && task != Task::PROBE).then_some(part)
}

/// Plays a part.
pub(crate) fn enter(world: &dyn World, part: u16) {
    let arena = world.arena();
    // What comes last gets its part, too.
    let end_ns = || world.now_ns() + arena.limit_ns().saturating_sub(world.now_ns()) / 4 * 3;
    let litmus = |order: bool| litmus::measure(world, order, end_ns());
    match part {
        HANDS_OVER => hand_over(world),
        HANDS_BACK => hand_back(world),
        MEASURES_STORES => litmus(false),
        STORES => litmus::measure_seat(world, false),
        MEASURES_ORDER => litmus(true),
        ORDERS => litmus::measure_seat(world, true),
        REWRITES => duel::measure_rewriting(world),
        EXECUTES => duel::measure_executing(world),
        _ => direct(world),
    }
}

fn direct(world: &dyn World) {
    time_calls(world);
    time_loads(world);
    together(world, [HANDS_OVER, HANDS_BACK]);
    note_spun(world);
    let abilities = || world.arena().abilities.get();
    if abilities().evicts() == Some(false) || !arch::EVICTS {
        touch(world);
    }
    if !abilities().takes_turns() {
        together(world, [MEASURES_STORES, STORES]);
        if MemoryOrder::NATIVE == MemoryOrder::Weak {
            together(world, [MEASURES_ORDER, ORDERS]);
        }
    }
    together(world, [REWRITES, EXECUTES]);
}

/// Two threads, on the first two CPUs.
fn together(world: &dyn World, parts: [u16; 2]) {
    let arena = world.arena();
    arena.duel.reset();
    arena.table.open();
    arena.open();
    let tasks = parts.map(|part| Task::of(NUMBER, part, 0));
    if world.start(Start::Thread, &tasks) != Ending::Ended {
        arena.lacks(Means::Start);
    }
}

/// Of a few tries the shortest, since whatever disturbs makes it longer.
fn shortest_ns(world: &dyn World, mut what: impl FnMut()) -> u64 {
    let mut time_ns = || {
        let began_ns = world.now_ns();
        what();
        world.now_ns().saturating_sub(began_ns)
    };
    (0..7).map(|_| time_ns()).min().unwrap_or(0)
}

fn time_calls(world: &dyn World) {
    const CALLS: u64 = 100;
    let call_ns = shortest_ns(world, || (0..CALLS).for_each(|_| world.ordinary_call())) / CALLS;
    let query_ns = shortest_ns(world, || (0..CALLS).for_each(|_| _ = world.call([0; 3]))) / CALLS;
    world.arena().abilities.update(|abilities| {
        abilities.call_ns = call_ns;
        abilities.query_ns = query_ns;
    });
}

/// Loads of the same lines, one after the other, of which each is in the caches, and
/// of which each was thrown out just before.
///
/// Only the loads are timed, many times and a few at a time: what throwing out takes
/// differs from process to process, and on a busy machine only what is short is ever
/// undisturbed.
fn time_loads(world: &dyn World) {
    if !arch::EVICTS {
        return;
    }
    const TRIES: usize = 100;
    let lines = world.arena().table.spare_lines();
    let mut shortest_ns = [u64::MAX; 2];
    for _ in 0..TRIES {
        load_in_turn(world, lines);
        for (shortest_ns, thrown_out) in shortest_ns.iter_mut().zip([false, true]) {
            *shortest_ns = time_of_loads_ns(world, lines, thrown_out).min(*shortest_ns);
        }
    }
    let [kept_ns, thrown_out_ns] = shortest_ns;
    // A clock that stood still tells nothing.
    if thrown_out_ns > 0 {
        world.arena().abilities.update(|abilities| {
            abilities.kept_ns = kept_ns.max(1);
            abilities.thrown_out_ns = thrown_out_ns;
        });
    }
}

fn time_of_loads_ns(world: &dyn World, lines: &[Line], thrown_out: bool) -> u64 {
    let memory = world.memory();
    if thrown_out {
        let throw_out = |word| memory.map_or_else(|| arch::evict(word), |memory| memory.evict(word));
        lines.iter().for_each(|Line(word)| throw_out(word));
    }
    // SeqCst: UNPAIRED; no load below runs ahead of what is
    // done above.
    memory.map_or_else(|| fence(SeqCst), |memory| memory.fence());
    let began_ns = world.now_ns();
    load_in_turn(world, lines);
    world.now_ns().saturating_sub(began_ns)
}

/// Each load from an address that hangs on what the one before returned.
fn load_in_turn(world: &dyn World, lines: &[Line]) {
    let (memory, nothing) = (world.memory(), black_box(0));
    let load = |word: &AtomicU64| memory.map_or_else(|| word.load(Relaxed), |memory| memory.load(word));
    let last = (0..lines.len()).fold(0, |before, index| {
        let line = lines.get(index.wrapping_add(before as usize));
        line.map_or(0, |Line(word)| load(word)) & nothing
    });
    black_box(last);
}

/// Has memory for cold lines filled, which is hot right after that.
fn touch(world: &dyn World) {
    for (page, index) in world.cold().iter().zip(1..) {
        page[0].store(index, Relaxed);
    }
}

/// Enough to be sure, and how many in a row are timed.
const HANDOVERS: u32 = 2_000;
const ROW: u32 = 16;
/// What two threads that run at once need for these, many times over.
const LONG_NS: u64 = 400_000_000;
/// After how many turns the clock is looked at, and after how long a thread that has
/// not looked must have been without a CPU.
const LOOK: u32 = 1_000;
const LOST_NS: u64 = 300_000;
/// How long a simulated thread does nothing between two looks at a word, in turns.
const SIMULATED: u32 = 200;

fn hand_over(world: &dyn World) {
    let arena = world.arena();
    if !world.place(0) {
        return arena.close();
    }
    let (over, back) = (arena.duel.newest(), arena.duel.turn());
    let mut spinner = Spinner::new(world);
    let (mut row_began_ns, mut first_ns) = (0, 0);
    for number in 1..=HANDOVERS {
        // Release. PAIRS(turn): with the acquire of the one that hands back.
        over.store(number, Release);
        // Acquire. PAIRS(turn): with its release.
        if !spinner.spin_until(|| back.load(Acquire) == number) {
            break;
        }
        arena.abilities.update(|abilities| abilities.handovers = u64::from(number));
        if number % ROW == 1 {
            let now_ns = world.now_ns();
            if number == 1 {
                // The first handover waited for the other thread's birth.
                first_ns = now_ns;
                spinner = Spinner { end_ns: spinner.end_ns.min(now_ns + LONG_NS), ..Spinner::new(world) };
            } else {
                note_row(world, now_ns.saturating_sub(row_began_ns));
            }
            row_began_ns = now_ns;
        }
    }
    if first_ns > 0 {
        let spinning_ns = world.now_ns().saturating_sub(first_ns);
        arena.abilities.update(|abilities| abilities.spinning_ns = spinning_ns);
    }
    spinner.leave_spun(0);
    arena.close();
}

/// Notes how long a row of handovers took; the shortest counts.
fn note_row(world: &dyn World, row_ns: u64) {
    let each_ns = (row_ns / u64::from(ROW)).max(1);
    world.arena().abilities.update(|abilities| {
        let before_ns = abilities.handover_ns;
        abilities.handover_ns = if before_ns == 0 { each_ns } else { before_ns.min(each_ns) };
    });
}

fn hand_back(world: &dyn World) {
    let arena = world.arena();
    if !world.place(1) {
        return arena.close();
    }
    let (over, back) = (arena.duel.newest(), arena.duel.turn());
    let mut spinner = Spinner::new(world);
    for number in 1..=HANDOVERS {
        // Acquire. PAIRS(turn): with the release of the one that hands over.
        if !spinner.spin_until(|| over.load(Acquire) >= number) {
            break;
        }
        // Release. PAIRS(turn): with its acquire.
        back.store(number, Release);
        if number == 1 {
            spinner = Spinner::new(world);
        }
    }
    spinner.leave_spun(1);
}

/// Adds up for how long the two had a CPU, when both have ended.
fn note_spun(world: &dyn World) {
    let arena = world.arena();
    let spun_us = [0, 1].map(|thread| u64::from(arena.duel.slot(thread).load(Relaxed)));
    arena.abilities.update(|abilities| abilities.spun_ns = (spun_us[0] + spun_us[1]) * 1_000);
}

/// A thread that spins without leaving its CPU, even where a pause would, and knows
/// for how long it had one.
struct Spinner<'a> {
    world: &'a dyn World,
    end_ns: u64,
    looked_ns: u64,
    spun_ns: u64,
    spins: u32,
}

impl<'a> Spinner<'a> {
    fn new(world: &'a dyn World) -> Self {
        Self { world, end_ns: world.arena().limit_ns(), looked_ns: world.now_ns(), spun_ns: 0, spins: 0 }
    }

    /// False if the time is up or the other has left.
    fn spin_until(&mut self, done: impl Fn() -> bool) -> bool {
        let memory = self.world.memory();
        while !done() {
            memory.map_or_else(arch::light, |memory| memory.turns(SIMULATED));
            self.spins += 1;
            if self.spins % LOOK == 0 && (self.world.arena().is_over() || self.look() >= self.end_ns) {
                return false;
            }
        }
        true
    }

    /// Looks at the clock.
    fn look(&mut self) -> u64 {
        let now_ns = self.world.now_ns();
        let since_ns = now_ns.saturating_sub(self.looked_ns);
        if since_ns < LOST_NS {
            self.spun_ns += since_ns;
        }
        self.looked_ns = now_ns;
        now_ns
    }

    /// Leaves for [`note_spun`] how long this was.
    fn leave_spun(mut self, thread: u32) {
        self.look();
        let spun_us = u32::try_from(self.spun_ns / 1_000).unwrap_or(u32::MAX);
        self.world.arena().duel.slot(thread).store(spun_us, Relaxed);
    }
}
