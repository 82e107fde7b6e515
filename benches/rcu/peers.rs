//! What is measured: each peer's sections and updates of one shared value.

use std::sync::atomic::{
    AtomicI64,
    Ordering::{AcqRel, Acquire, Relaxed},
};
use std::sync::{Arc, RwLock};

use bonfire_rcu::{Cache, Cell, Global};

use crate::sys;

/// How many values there are.
static ALIVE: AtomicI64 = AtomicI64::new(0);

/// What is read and replaced.
#[repr(C)]
pub(crate) struct Value {
    number: u64,
    rest: [u64; 3],
}

impl Value {
    pub(crate) fn new(number: u64) -> Self {
        ALIVE.fetch_add(1, Relaxed);
        Self { number, rest: [number; 3] }
    }

    pub(crate) fn alive() -> i64 {
        ALIVE.load(Relaxed)
    }

    #[inline(always)]
    pub(crate) fn number(&self) -> u64 {
        self.number
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        // What a program would do with what it drops.
        debug_assert_eq!(self.rest, [self.number; 3]);
        ALIVE.fetch_sub(1, Relaxed);
    }
}

/// A scheme, with a value that readers share.
pub(crate) trait Peer: Send + Sync {
    fn name(&self) -> &'static str;

    /// Runs so many sections on the calling thread; the sum of what they read.
    fn sections(&self, count: u64) -> u64;

    /// Whether its updates are measured: of several ways to read one value, once.
    fn updates(&self) -> bool {
        true
    }

    /// Replaces the value, and has the old one freed in the end.
    fn update(&self) {}

    /// Does what makes it be freed.
    fn reclaim(&self) {}
}

/// Runs `section` so often; inlined, as a program would.
#[inline(always)]
pub(crate) fn repeat(count: u64, mut section: impl FnMut() -> u64) -> u64 {
    let mut sum = 0_u64;
    for _ in 0..count {
        sum = sum.wrapping_add(section());
    }
    sum
}

/// All of them, the floor first.
pub(crate) fn all() -> Vec<Box<dyn Peer>> {
    let mut all: Vec<Box<dyn Peer>> = vec![Box::new(sys::Bare::new())];
    let ways = [Way::Solo, Way::Handle, Way::Local, Way::Load, Way::Owned, Way::Cache];
    all.extend(
        ways.map(|way| Box::new(Ours { way, cell: Cell::from_pointee(Value::new(1)) }) as Box<dyn Peer>),
    );
    all.push(Box::new(ArcSwap { is_cached: false, cell: arc_swap::ArcSwap::from_pointee(Value::new(1)) }));
    all.push(Box::new(ArcSwap { is_cached: true, cell: arc_swap::ArcSwap::from_pointee(Value::new(1)) }));
    all.push(Box::new(sys::Crossbeam::new()));
    all.push(Box::new(sys::Seize::new()));
    all.push(Box::new(sys::Haphazard::new()));
    all.push(Box::new(sys::Sdd::new()));
    all.push(Box::new(Kovan(kovan::Atom::new(Value::new(1)))));
    all.push(Box::new(Std(RwLock::new(Box::new(Value::new(1))))));
    all.push(Box::new(ParkingLot(parking_lot::RwLock::new(Box::new(Value::new(1))))));
    all.push(Box::new(sys::Reload::new(true)));
    all.push(Box::new(sys::Reload::new(false)));
    #[cfg(urcu)]
    all.extend(sys::urcu::all());
    all
}

/// The ways in which `bonfire-rcu` reads.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    Solo,
    Handle,
    Local,
    Load,
    Owned,
    Cache,
}

struct Ours {
    way: Way,
    cell: Cell<Value>,
}

impl Peer for Ours {
    fn name(&self) -> &'static str {
        match self.way {
            Way::Solo => "bonfire-rcu, one at a time",
            Way::Handle => "bonfire-rcu, by handle",
            Way::Local => "bonfire-rcu, by thread-local",
            Way::Load => "bonfire-rcu, load",
            Way::Owned => "bonfire-rcu, load_owned",
            Way::Cache => "bonfire-rcu, Cache",
        }
    }

    fn sections(&self, count: u64) -> u64 {
        let cell = &self.cell;
        match self.way {
            Way::Solo => {
                let mut handle = Global::handle();
                let mut solo = handle.solo().expect("fences are light");
                repeat(count, || cell.see(&solo.read()).number())
            }
            Way::Handle => {
                let handle = Global::handle();
                repeat(count, || cell.see(&handle.read()).number())
            }
            Way::Local => repeat(count, || cell.see(&Global::read()).number()),
            Way::Load => repeat(count, || cell.load().number()),
            Way::Owned => repeat(count, || cell.load_owned().number()),
            Way::Cache => {
                let mut cache = Cache::new(cell);
                repeat(count, || cache.load().number())
            }
        }
    }

    fn updates(&self) -> bool {
        matches!(self.way, Way::Solo | Way::Handle)
    }

    fn update(&self) {
        self.cell.store(Arc::new(Value::new(2)));
    }

    fn reclaim(&self) {
        Global.barrier();
    }
}

struct ArcSwap {
    is_cached: bool,
    cell: arc_swap::ArcSwap<Value>,
}

impl Peer for ArcSwap {
    fn name(&self) -> &'static str {
        if self.is_cached { "arc-swap, Cache" } else { "arc-swap, load" }
    }

    fn sections(&self, count: u64) -> u64 {
        if self.is_cached {
            let mut cache = arc_swap::Cache::new(&self.cell);
            repeat(count, || cache.load().number())
        } else {
            repeat(count, || self.cell.load().number())
        }
    }

    fn update(&self) {
        self.cell.store(Arc::new(Value::new(2)));
    }
}

struct Kovan(kovan::Atom<Value>);

impl Peer for Kovan {
    fn name(&self) -> &'static str {
        "kovan, peek"
    }

    fn sections(&self, count: u64) -> u64 {
        repeat(count, || self.0.peek(Value::number))
    }

    fn update(&self) {
        self.0.store(Value::new(2));
    }

    fn reclaim(&self) {
        kovan::flush();
    }
}

struct Std(RwLock<Box<Value>>);

impl Peer for Std {
    fn name(&self) -> &'static str {
        "std RwLock"
    }

    fn sections(&self, count: u64) -> u64 {
        repeat(count, || self.0.read().expect("nobody panics").number())
    }

    fn update(&self) {
        let new = Box::new(Value::new(2));
        let old = std::mem::replace(&mut *self.0.write().expect("nobody panics"), new);
        drop(old);
    }
}

struct ParkingLot(parking_lot::RwLock<Box<Value>>);

impl Peer for ParkingLot {
    fn name(&self) -> &'static str {
        "parking_lot RwLock"
    }

    fn sections(&self, count: u64) -> u64 {
        repeat(count, || self.0.read().number())
    }

    fn update(&self) {
        let new = Box::new(Value::new(2));
        let old = std::mem::replace(&mut *self.0.write(), new);
        drop(old);
    }
}

/// The orders in which pointers are published and taken, of peers that ask for them.
pub(crate) const PUBLISH: std::sync::atomic::Ordering = AcqRel;
pub(crate) const LOOK: std::sync::atomic::Ordering = Acquire;
