//! The words and the lock of a program.

use core::sync::atomic::AtomicU64;

use bonfire_rcu_core::{Lock, Site, Word};

use crate::sys;

/// A word of a program.
#[repr(transparent)]
pub(crate) struct AtomicWord(pub(crate) AtomicU64);

impl Word for AtomicWord {
    const ZERO: Self = Self(AtomicU64::new(0));
    const ONES: Self = Self(AtomicU64::new(u64::MAX));

    // UNPAIRED here: each passes on the ordering that its site states, with its pairs.
    #[inline(always)]
    fn load(&self, at: Site) -> u64 {
        match at {
            Site::Own => sys::load_own(&self.0),
            _ => self.0.load(at.order()),
        }
    }

    #[inline(always)]
    fn store(&self, value: u64, at: Site) {
        self.0.store(value, at.order());
    }

    #[inline(always)]
    fn swap(&self, value: u64, at: Site) -> u64 {
        self.0.swap(value, at.order())
    }

    #[inline(always)]
    fn fetch_add(&self, count: u64, at: Site) -> u64 {
        self.0.fetch_add(count, at.order())
    }
}

/// The lock of a program: one that sleeps.
#[cfg(feature = "std")]
pub(crate) struct SystemLock(pub(crate) sys::Lock<()>);

#[cfg(feature = "std")]
impl Lock for SystemLock {
    const FREE: Self = Self(sys::Lock::new(()));

    fn with<R>(&self, body: impl FnOnce() -> R) -> R {
        let _held = self.0.lock();
        body()
    }

    fn try_with<R>(&self, body: impl FnOnce() -> R) -> Option<R> {
        let _held = self.0.try_lock()?;
        Some(body())
    }
}

/// The lock of a program without a system: one that spins.
#[cfg(not(feature = "std"))]
pub(crate) struct SystemLock(core::sync::atomic::AtomicBool);

#[cfg(not(feature = "std"))]
impl Lock for SystemLock {
    const FREE: Self = Self(core::sync::atomic::AtomicBool::new(false));

    fn with<R>(&self, body: impl FnOnce() -> R) -> R {
        let mut body = Some(body);
        loop {
            if let Some(result) = self.try_with(|| body.take().map(|body| body())) {
                break result.expect("a lock is taken once");
            }
            core::hint::spin_loop();
        }
    }

    fn try_with<R>(&self, body: impl FnOnce() -> R) -> Option<R> {
        use core::sync::atomic::Ordering::{Acquire, Relaxed};
        // PAIRS(lock): with the release when the one before was done.
        self.0.compare_exchange(false, true, Acquire, Relaxed).ok()?;
        let _held = Held(&self.0);
        Some(body())
    }
}

/// Gives the lock back when dropped.
#[cfg(not(feature = "std"))]
struct Held<'a>(&'a core::sync::atomic::AtomicBool);

#[cfg(not(feature = "std"))]
impl Drop for Held<'_> {
    fn drop(&mut self) {
        // PAIRS(lock): with whoever takes it next.
        self.0.store(false, core::sync::atomic::Ordering::Release);
    }
}
