//! Other threads of this process, for a heavy fence to reach or to pass over.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::{self, Builder, JoinHandle};

use anyhow::{Context, Result};

/// Threads that sleep, and at most one that runs.
pub(crate) struct Crowd {
    over: Arc<AtomicBool>,
    /// Moves while the running thread runs.
    heartbeat: Option<Arc<AtomicU64>>,
    threads: Vec<JoinHandle<()>>,
}

impl Crowd {
    /// Starts `asleep` threads that sleep, and one that spins if asked for.
    pub(crate) fn start(asleep: usize, running: bool) -> Result<Self> {
        let over = Arc::new(AtomicBool::new(false));
        let mut crowd = Self { over, heartbeat: None, threads: Vec::new() };
        for _ in 0..asleep {
            let over = Arc::clone(&crowd.over);
            crowd.add(move || {
                while !over.load(Relaxed) {
                    thread::park();
                }
            })?;
        }
        if running {
            let (over, beat) = (Arc::clone(&crowd.over), Arc::new(AtomicU64::new(0)));
            crowd.heartbeat = Some(Arc::clone(&beat));
            crowd.add(move || {
                while !over.load(Relaxed) {
                    beat.fetch_add(1, Relaxed);
                }
            })?;
        }
        Ok(crowd)
    }

    fn add(&mut self, body: impl FnOnce() + Send + 'static) -> Result<()> {
        let thread = Builder::new().stack_size(64 << 10).spawn(body);
        self.threads.push(thread.context("a thread could not be started; see ulimit -u")?);
        Ok(())
    }

    /// Does `work`; what it returns, if the running thread, where there is one,
    /// ran just before and just after.
    pub(crate) fn observed<T>(&self, work: impl FnOnce() -> T) -> Option<T> {
        let before = self.is_running();
        let result = work();
        (before && self.is_running()).then_some(result)
    }

    fn is_running(&self) -> bool {
        let Some(beat) = &self.heartbeat else { return true };
        let seen = beat.load(Relaxed);
        (0..100).any(|_| {
            std::hint::spin_loop();
            beat.load(Relaxed) != seen
        })
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        // Relaxed: it only ends the threads; the join orders what they did.
        self.over.store(true, Relaxed);
        for thread in self.threads.drain(..) {
            thread.thread().unpark();
            // It did nothing that could panic.
            let _ = thread.join();
        }
    }
}
