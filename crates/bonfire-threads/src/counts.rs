//! What is counted on each CPU.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use bonfire_engine::Site;

/// The counts of one CPU.
///
/// Those of [`Site`]s are written by the CPU alone, and each site either always
/// with interrupts off or never within a handler, so plain stores count exactly.
/// An atomic addition would be a full barrier on x86, and stand in for the one
/// whose absence a test wants to see.
#[derive(Debug, Default)]
pub struct Counts {
    sites: [AtomicU64; Site::ALL.len()],
    sent: AtomicU64,
    served: AtomicU64,
    pending: AtomicU32,
    most_pending: AtomicU32,
    switches: AtomicU64,
    unanswered: AtomicU64,
}

impl Counts {
    /// How often the CPU passed the barrier or the core serialisation `site`.
    #[must_use]
    pub fn site(&self, site: Site) -> u64 {
        self.sites[site as usize].load(Relaxed)
    }

    /// Pokes that were sent to the CPU.
    #[must_use]
    pub fn pokes_sent(&self) -> u64 {
        self.sent.load(Relaxed)
    }

    /// Pokes that the CPU served. Those that were dropped while it was offline
    /// are not among them.
    #[must_use]
    pub fn pokes_served(&self) -> u64 {
        self.served.load(Relaxed)
    }

    /// The most pokes that were ever on their way to the CPU at one time.
    #[must_use]
    pub fn most_pending(&self) -> u32 {
        self.most_pending.load(Relaxed)
    }

    /// How often the CPU changed its occupant.
    #[must_use]
    pub fn switches(&self) -> u64 {
        self.switches.load(Relaxed)
    }

    /// How often a call of this CPU waited for an answer in vain. It gives up only on a
    /// machine that forgets the hook by which an answer would come; elsewhere it would
    /// hang.
    #[must_use]
    pub fn unanswered(&self) -> u64 {
        self.unanswered.load(Relaxed)
    }

    pub(crate) fn gave_up(&self) {
        increment(&self.unanswered);
    }

    pub(crate) fn passed(&self, site: Site) {
        increment(&self.sites[site as usize]);
    }

    pub(crate) fn switched(&self) {
        increment(&self.switches);
    }

    /// A poke is on its way. By whoever sends it, before it does.
    pub(crate) fn poked(&self) {
        self.sent.fetch_add(1, Relaxed);
        let pending = self.pending.fetch_add(1, Relaxed) + 1;
        self.most_pending.fetch_max(pending, Relaxed);
    }

    /// So many pokes have arrived and are about to be served.
    pub(crate) fn arrived(&self, pokes: u32) {
        self.pending.fetch_sub(pokes, Relaxed);
        self.served.fetch_add(u64::from(pokes), Relaxed);
    }

    /// So many pokes have arrived at a CPU that is offline.
    pub(crate) fn dropped(&self, pokes: u32) {
        self.pending.fetch_sub(pokes, Relaxed);
    }
}

/// Adds one, where nobody else writes.
fn increment(count: &AtomicU64) {
    count.store(count.load(Relaxed) + 1, Relaxed);
}
