//! What is measured while a machine runs.

use std::cell::{Cell, RefCell};

use crate::hardware::Ps;

/// Until then processes register and caches fill: what bystanders compute in
/// that time does not count.
pub(crate) const BEGUN: Ps = 250_000 * crate::hardware::NS;

/// What has been measured so far.
#[derive(Default)]
pub(crate) struct Measure {
    /// When each call returned, and how long it took.
    calls: RefCell<Vec<(Ps, Ps)>>,
    /// The hooks of switches: of processes that registered, and of others.
    switches: [Span; 2],
    /// When each choice of CPUs was made, and how long it took from the entry
    /// barrier on.
    scans: RefCell<Vec<(Ps, Ps)>>,
    /// What bystanders computed.
    useful: Cell<Ps>,
}

/// How often, and how long in all.
#[derive(Default)]
struct Span {
    count: Cell<u64>,
    time: Cell<Ps>,
}

impl Span {
    fn add(&self, time: Ps) {
        self.count.set(self.count.get() + 1);
        self.time.set(self.time.get() + time);
    }

    /// On average, in nanoseconds.
    fn mean_ns(&self) -> Option<f64> {
        let count = self.count.get();
        (count != 0).then(|| self.time.get() as f64 / count as f64 / 1e3)
    }
}

impl Measure {
    pub(crate) fn call(&self, returned: Ps, took: Ps) {
        self.calls.borrow_mut().push((returned, took));
    }

    pub(crate) fn calls(&self) -> u64 {
        self.calls.borrow().len() as u64
    }

    pub(crate) fn switch(&self, registered: bool, took: Ps) {
        self.switches[usize::from(!registered)].add(took);
    }

    pub(crate) fn scan(&self, ended: Ps, took: Ps) {
        self.scans.borrow_mut().push((ended, took));
    }

    /// A bystander computed from one time to another.
    pub(crate) fn bystander(&self, from: Ps, to: Ps) {
        let useful = to.saturating_sub(from.max(BEGUN));
        self.useful.set(self.useful.get() + useful);
    }

    /// What a switch paid for barriers: of a process that registered, of another.
    pub(crate) fn switch_ns(&self) -> [Option<f64>; 2] {
        [self.switches[0].mean_ns(), self.switches[1].mean_ns()]
    }

    /// What bystanders computed, in seconds for each second until `end`.
    pub(crate) fn useful(&self, end: Ps) -> f64 {
        self.useful.get() as f64 / end.saturating_sub(BEGUN).max(1) as f64
    }

    /// The calls that returned in the last three quarters until `end`: how many a
    /// second, and how long they took, shortest first, in picoseconds. The first
    /// quarter is for caches and convoys to form.
    pub(crate) fn settled(&self, end: Ps) -> (f64, Vec<Ps>) {
        let took = settled(&self.calls.borrow(), end);
        let seconds = (end - end / 4) as f64 / crate::hardware::SECOND as f64;
        let rate = if seconds > 0.0 { took.len() as f64 / seconds } else { 0.0 };
        (rate, took)
    }

    /// How long it took to choose the CPUs, in half the cases less: nanoseconds.
    pub(crate) fn scan_ns(&self, end: Ps) -> Option<f64> {
        let took = settled(&self.scans.borrow(), end);
        Some(*took.get(took.len() / 2)? as f64 / 1e3)
    }
}

fn settled(noted: &[(Ps, Ps)], end: Ps) -> Vec<Ps> {
    let settled = noted.iter().filter(|(ended, _)| (end / 4..end).contains(ended));
    let mut took = settled.map(|&(_, took)| took).collect::<Vec<_>>();
    took.sort_unstable();
    took
}
