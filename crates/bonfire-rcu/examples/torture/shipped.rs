//! The crate as it ships, under torture.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::*};
use std::thread;
use std::time::{Duration, Instant};

use bonfire_rcu::{Cell, Domain, Guard, Handle, OwnedGuard, Reach};

use crate::{Random, sys};

const CELLS: usize = 4;
const ALIVE: u64 = 0x00a1_1fe0;
const POISON: u64 = 0xdead;

static VIOLATIONS: AtomicU64 = AtomicU64::new(0);
static SECTIONS: AtomicU64 = AtomicU64::new(0);
static UPDATES: AtomicU64 = AtomicU64::new(0);
/// Objects that were made and not dropped.
static OBJECTS: AtomicI64 = AtomicI64::new(0);

/// What is read. Its memory is poisoned before it is given back.
struct Object([AtomicU64; 4]);

impl Object {
    fn new() -> Arc<Self> {
        OBJECTS.fetch_add(1, Relaxed);
        Arc::new(Self([const { AtomicU64::new(ALIVE) }; 4]))
    }

    fn check(&self) {
        if self.0.iter().any(|word| word.load(Relaxed) != ALIVE) {
            VIOLATIONS.fetch_add(1, Relaxed);
        }
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        OBJECTS.fetch_sub(1, Relaxed);
        self.0.iter().for_each(|word| word.store(POISON, Relaxed));
    }
}

/// What came of it.
pub(crate) struct Report {
    sections: u64,
    updates: u64,
    threads: u64,
    forks: u64,
    pub(crate) violations: u64,
    pub(crate) leaked: i64,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} sections, {} updates, {} threads, {} forks: {} violations, {} leaked",
            self.sections, self.updates, self.threads, self.forks, self.violations, self.leaked
        )
    }
}

type Cells = [Cell<Object, Arc<Domain>>; CELLS];

/// Tortures for so long.
pub(crate) fn torture(long: Duration, seed: u64) -> Report {
    let domain = Arc::new(Domain::new());
    domain.set_bound(1 << 20);
    let cells: Cells = std::array::from_fn(|_| Cell::new_in(Object::new(), Arc::clone(&domain)));
    let end = Instant::now() + long;
    let (mut threads, mut forks) = (0, 0);
    let mut random = Random(seed | 1 << 40);
    while Instant::now() < end {
        // Threads come and go: each round has its own.
        thread::scope(|scope| {
            let round_ends = end.min(Instant::now() + Duration::from_millis(100 + random.below(400)));
            for number in 0..6 {
                let random = Random(random.below(u64::MAX) | 1);
                let (domain, cells) = (&domain, &cells);
                threads += 1;
                scope.spawn(move || match number {
                    0..4 => read(domain, cells, random, round_ends),
                    _ => update(domain, cells, random, round_ends),
                });
            }
            forks += 1;
            fork(&domain, &cells);
        });
    }
    drop(cells);
    domain.barrier();
    Report {
        sections: SECTIONS.load(Relaxed),
        updates: UPDATES.load(Relaxed),
        threads,
        forks,
        violations: VIOLATIONS.load(Relaxed),
        leaked: OBJECTS.load(Relaxed),
    }
}

fn read(domain: &Arc<Domain>, cells: &Cells, mut random: Random, end: Instant) {
    let handle = Handle::new(Arc::clone(domain));
    let mut kept: Vec<OwnedGuard<Arc<Object>, Arc<Domain>>> = Vec::new();
    while Instant::now() < end {
        move_to_another_cpu(&mut random);
        for _ in 0..1000 {
            SECTIONS.fetch_add(1, Relaxed);
            let guard = handle.read();
            nest(cells, &guard, &mut random, &|| handle.read());
            if random.below(20_000) == 0 {
                thread::sleep(Duration::from_millis(random.below(5)));
            }
        }
        kept.push(cells[random.below(CELLS as u64) as usize].load_owned());
        cells[0].load().check();
        kept.iter().for_each(|object| object.check());
        if kept.len() > 5 {
            let victim = random.below(kept.len() as u64) as usize;
            kept.swap_remove(victim);
        }
    }
}

/// Reads, and perhaps opens another section inside this one, which may end after it.
fn nest<'h, D: Reach>(
    cells: &[Cell<Object, D>],
    guard: &Guard<'h, D>,
    random: &mut Random,
    open: &dyn Fn() -> Guard<'h, D>,
) {
    let seen = cells[random.below(cells.len() as u64) as usize].see(guard);
    seen.check();
    if random.below(8) == 0 {
        let inner = open();
        nest(cells, &inner, random, open);
    }
    for _ in 0..random.below(30) {
        std::hint::spin_loop();
    }
    seen.check();
}

fn update(domain: &Arc<Domain>, cells: &Cells, mut random: Random, end: Instant) {
    while Instant::now() < end {
        UPDATES.fetch_add(1, Relaxed);
        let cell = &cells[random.below(CELLS as u64) as usize];
        match random.below(1000) {
            0 => domain.synchronize(),
            1 => domain.barrier(),
            2 => drop(cell.rcu(|_| Object::new())),
            3 => drop(cell.compare_and_swap(&cell.load_full(), Object::new())),
            4 => domain.collect(),
            5..50 => drop(cell.swap(Object::new())),
            _ => cell.store(Object::new()),
        }
    }
}

/// A child that reads once and is gone, while other threads are anywhere.
#[cfg(target_os = "linux")]
fn fork(domain: &Arc<Domain>, cells: &Cells) {
    let handle = Handle::new(Arc::clone(domain));
    let seen = || cells.iter().for_each(|cell| cell.see(&handle.read()).check());
    if sys::in_a_child(|| {
        let before = VIOLATIONS.load(Relaxed);
        seen();
        VIOLATIONS.load(Relaxed) == before
    }) == Some(false)
    {
        VIOLATIONS.fetch_add(1, Relaxed);
    }
}

#[cfg(not(target_os = "linux"))]
fn fork(_: &Arc<Domain>, _: &Cells) {}

#[cfg(target_os = "linux")]
fn move_to_another_cpu(random: &mut Random) {
    sys::run_on(random.below(8) as usize);
}

#[cfg(not(target_os = "linux"))]
fn move_to_another_cpu(_: &mut Random) {}
