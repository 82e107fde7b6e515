//! How many heavy fences were issued, and what they cost.
//!
//! With the feature `statistics` only, which is off by default: counting costs
//! one atomic addition a call, which together with the call takes 16 nanoseconds on a
//! processor that has to finish one before the other. With `std` every 64th call is
//! timed, which costs two readings of the clock.

use core::sync::atomic::Ordering::Relaxed;
// Not every target has 64-bit atomics; there counts wrap earlier.
#[cfg(target_has_atomic = "64")]
use core::sync::atomic::AtomicU64 as Count;
#[cfg(not(target_has_atomic = "64"))]
use core::sync::atomic::AtomicUsize as Count;

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
    /// Nanoseconds spent in all of them together, as far as one call in 64 tells
    /// for the others; 0 without `std`.
    pub time_ns: u64,
}

/// One call in so many is timed.
const TIMED: u64 = 64;

// Relaxed: counts order nothing.
static HEAVY: Count = Count::new(0);
static SYNC_CORE: Count = Count::new(0);
static RSEQ: Count = Count::new(0);
static FAILED: Count = Count::new(0);
static TIME_NS: Count = Count::new(0);

/// As wide as it is reported.
#[expect(clippy::unnecessary_cast, reason = "not everywhere of 64 bits")]
fn read(count: &Count) -> u64 {
    count.load(Relaxed) as u64
}

/// Adds, and says what there was.
#[inline]
#[expect(clippy::unnecessary_cast, reason = "not everywhere of 64 bits")]
fn add(count: &Count, some: u64) -> u64 {
    count.fetch_add(some as _, Relaxed) as u64
}

impl Statistics {
    /// The counts at this moment. They are read one by one: calls in flight
    /// may be in some and not yet in others.
    #[must_use]
    pub fn now() -> Self {
        Self {
            heavy: read(&HEAVY),
            sync_core: read(&SYNC_CORE),
            rseq: read(&RSEQ),
            failed: read(&FAILED),
            time_ns: read(&TIME_NS),
        }
    }
}

/// Issues and counts.
#[inline]
pub(crate) fn counted(call: Call, issue: impl FnOnce() -> Result<u32, Error>) -> Result<u32, Error> {
    // By number: to look each one up would take longer than to count it.
    let calls = match call.number {
        number if number == Command::SyncCore.number() => &SYNC_CORE,
        number if number == Command::Rseq.number() => &RSEQ,
        _ => &HEAVY,
    };
    let result = if add(calls, 1) % TIMED == 0 { timed(issue) } else { issue() };
    if result.is_err() {
        add(&FAILED, 1);
    }
    result
}

/// Issues, and lets the time that it takes stand for that of the calls until the next.
#[cfg(feature = "std")]
#[cold]
fn timed(issue: impl FnOnce() -> Result<u32, Error>) -> Result<u32, Error> {
    let start = std::time::Instant::now();
    let result = issue();
    let time_ns = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
    add(&TIME_NS, time_ns.saturating_mul(TIMED));
    result
}

#[cfg(not(feature = "std"))]
fn timed(issue: impl FnOnce() -> Result<u32, Error>) -> Result<u32, Error> {
    issue()
}
