//! Restartable sequences: what `rseq(2)` promises, as far as membarrier needs it.
//!
//! A thread registers an area of its own; while it is in a critical section,
//! the area points at the section's description. When the thread goes back to
//! user mode after it was pre-empted, moved or poked ([`Rseq::restart`]), and its
//! instruction pointer is within the section, it goes to the section's abort
//! handler instead.

use crate::arch::{self, TrapFrame, USER_TOP};
use crate::space::Space;
use crate::user::{self, Fault};
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};

/// The size of the area, and its alignment.
pub(crate) const AREA: u64 = 32;
const CPU_ID_START: u64 = 0;
const CPU_ID: u64 = 4;
const SECTION: u64 = 8;

/// A thread's restartable sequences.
pub(crate) struct Rseq {
    /// Where its area is; 0 if it registered none.
    area: AtomicU64,
    /// What must stand before an abort handler.
    signature: AtomicU32,
    /// Something happened that a section must not survive.
    is_due: AtomicBool,
}

impl Rseq {
    /// Of a thread that registered none.
    pub(crate) const fn new() -> Self {
        Self { area: AtomicU64::new(0), signature: AtomicU32::new(0), is_due: AtomicBool::new(false) }
    }

    /// Registers an area, 0 to forget it. The thread itself calls this, and nobody else.
    pub(crate) fn register(&self, area: u64, signature: u32) {
        self.area.store(area, Relaxed);
        self.signature.store(signature, Relaxed);
        self.is_due.store(true, Relaxed);
    }

    /// Whether an area is registered.
    pub(crate) fn is_registered(&self) -> bool {
        self.area.load(Relaxed) != 0
    }

    /// The area and the signature, if an area is registered.
    pub(crate) fn registered(&self) -> Option<(u64, u32)> {
        let area = self.area.load(Relaxed);
        (area != 0).then(|| (area, self.signature.load(Relaxed)))
    }

    /// What a fork's child takes over.
    pub(crate) fn inherit(&self, parent: &Self) {
        self.register(parent.area.load(Relaxed), parent.signature.load(Relaxed));
    }

    /// The thread was, or may have been, interrupted in a critical section that
    /// must start again.
    pub(crate) fn restart(&self) {
        self.is_due.store(true, Relaxed);
    }

    /// On the way to user mode, interrupts off: restarts a section that has to.
    pub(crate) fn before_user(&self, space: &Space, frame: &mut TrapFrame) -> Result<(), Fault> {
        let area = self.area.load(Relaxed);
        if area == 0 || !self.is_due.load(Relaxed) {
            return Ok(());
        }
        self.is_due.store(false, Relaxed);
        let cpu = arch::cpu_index() as u32;
        user::write(space, area + CPU_ID_START, cpu)?;
        user::write(space, area + CPU_ID, cpu)?;
        let section: u64 = user::read(space, area + SECTION)?;
        if section != 0 {
            self.leave(space, frame, section)?;
            user::write(space, area + SECTION, 0u64)?;
        }
        Ok(())
    }

    /// Sends the thread to the abort handler, if it is in the section.
    fn leave(&self, space: &Space, frame: &mut TrapFrame, section: u64) -> Result<(), Fault> {
        let [_version_and_flags, start, length, abort] = user::read::<[u64; 4]>(space, section)?;
        if frame.pc().wrapping_sub(start) >= length {
            return Ok(());
        }
        // An address in the hole between the halves would fault in the kernel.
        if abort >= USER_TOP
            || user::read::<u32>(space, abort.wrapping_sub(4))? != self.signature.load(Relaxed)
        {
            return Err(Fault);
        }
        frame.set_pc(abort);
        Ok(())
    }
}
