//! How many heavy fences were issued, and what they cost.
//!
//! With the feature `statistics` only, which is off by default: counting costs
//! two atomic additions a call, and with `std` two readings of the clock.

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use bonfire_abi::{Call, Command, Error};

/// What was issued so far by this program, through any token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statistics {
    /// Memory fences, of [`Memory`](crate::Memory) and [`process`](crate::process).
    pub heavy: u64,
    /// Core serialisations.
    pub sync_core: u64,
    /// Rseq fences, of all CPUs or of one.
    pub rseq: u64,
    /// Calls among these that failed: for want of memory, or before
    /// registration.
    pub failed: u64,
    /// Nanoseconds spent in all of them together; 0 without `std`.
    pub time_ns: u64,
}

// Relaxed: counts order nothing.
static HEAVY: AtomicU64 = AtomicU64::new(0);
static SYNC_CORE: AtomicU64 = AtomicU64::new(0);
static RSEQ: AtomicU64 = AtomicU64::new(0);
static FAILED: AtomicU64 = AtomicU64::new(0);
static TIME_NS: AtomicU64 = AtomicU64::new(0);

impl Statistics {
    /// The counts at this moment. They are read one by one: calls in flight
    /// may be in some and not yet in others.
    #[must_use]
    pub fn now() -> Self {
        Self {
            heavy: HEAVY.load(Relaxed),
            sync_core: SYNC_CORE.load(Relaxed),
            rseq: RSEQ.load(Relaxed),
            failed: FAILED.load(Relaxed),
            time_ns: TIME_NS.load(Relaxed),
        }
    }
}

/// Issues and counts.
pub(crate) fn counted(call: Call, issue: impl FnOnce() -> Result<u32, Error>) -> Result<u32, Error> {
    let (result, time_ns) = timed(issue);
    let calls = match Command::from_number(call.number) {
        Some(Command::SyncCore) => &SYNC_CORE,
        Some(Command::Rseq) => &RSEQ,
        _ => &HEAVY,
    };
    calls.fetch_add(1, Relaxed);
    TIME_NS.fetch_add(time_ns, Relaxed);
    FAILED.fetch_add(u64::from(result.is_err()), Relaxed);
    result
}

#[cfg(feature = "std")]
fn timed<T>(work: impl FnOnce() -> T) -> (T, u64) {
    let start = std::time::Instant::now();
    let result = work();
    (result, u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX))
}

#[cfg(not(feature = "std"))]
fn timed<T>(work: impl FnOnce() -> T) -> (T, u64) {
    (work(), 0)
}
