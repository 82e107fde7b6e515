//! Readers that do not leave, and who hears of them.

use core::fmt;
use core::panic::Location;
use std::io::Write;
use std::time::{Duration, Instant};

use bonfire_rcu_core::Record;

use crate::fences::Program;
use crate::sys::{self, Lock};

/// A reader that an updater waits for.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Stall {
    /// The thread in whose record the section is: its number for the system (`gettid`).
    pub thread: u64,
    /// How long the updater has been waiting for it.
    pub waited: Duration,
    /// Where the section was entered that the thread entered last, with the feature `where`.
    pub place: Option<&'static Location<'static>>,
}

impl fmt::Display for Stall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "an updater has been waiting for {} ms for thread {} to leave a read section",
            self.waited.as_millis(),
            self.thread,
        )?;
        if let Some(place) = self.place {
            write!(f, ", entered at {place}")?;
        }
        f.write_str(
            ". Until then nothing is reclaimed: drop the guard earlier, or use an OwnedGuard for what takes long",
        )
    }
}

type Report = fn(&Stall);

/// How long updaters wait before they say so, and to whom.
pub(crate) struct Patience(pub(crate) Lock<(Duration, Report)>);

impl Patience {
    /// What is done if nobody said what to do.
    pub(crate) const COMPLAINS: (Duration, Report) = (Duration::from_secs(1), complain);

    pub(crate) const fn new() -> Self {
        Self(Lock::new(Self::COMPLAINS))
    }

    pub(crate) fn set(&self, patience: Duration, report: Report) {
        *self.0.lock() = (patience, report);
    }

    /// An updater begins to wait.
    pub(crate) fn begin(&self) -> Waiting<'_> {
        Waiting { patience: self, since: None, next: Duration::ZERO }
    }
}

/// An updater that waits.
pub(crate) struct Waiting<'a> {
    patience: &'a Patience,
    /// Since when and whose record it waits for.
    since: Option<(Instant, *const Record<Program>)>,
    next: Duration,
}

impl Waiting<'_> {
    /// It has slept for `record` once more.
    pub(crate) fn ends(&mut self, record: &Record<Program>) {
        let (patience, report) = *self.patience.0.lock();
        let since = match self.since {
            Some((since, of)) if core::ptr::eq(of, record) => since,
            _ => {
                self.next = patience;
                self.since.insert((Instant::now(), record)).0
            }
        };
        let waited = since.elapsed();
        if waited >= self.next {
            self.next = waited * 2;
            let _reporting = Reporting::begin();
            report(&Stall { thread: record.who(), waited, place: sys::to_place(record.place()) });
        }
    }
}

/// While this lives, the calling thread reports a reader, under the lock of the domain.
struct Reporting;

impl Reporting {
    fn begin() -> Self {
        sys::local().reports.set(true);
        Self
    }
}

impl Drop for Reporting {
    fn drop(&mut self) {
        sys::local().reports.set(false);
    }
}

/// Says it on standard error.
fn complain(stall: &Stall) {
    // That it cannot be written is not to be helped.
    let _ = writeln!(std::io::stderr(), "bonfire-rcu: {stall}");
}
