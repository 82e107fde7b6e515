//! What the engine asks of the machine it runs on.
//!
//! [`Machine`] is all that the engine knows of a kernel: the words that CPUs
//! share, a full barrier, which CPU this is, and a way to make another CPU look
//! into its inbox. Each method is small, takes no closure through an interrupt,
//! allocates nothing and cannot fail. What a machine has beyond that (core
//! serialisation, rseq, a grace period, run-queue locks, a list of threads) it
//! declares by providing it, so that nothing can be advertised that is not
//! there.

#[cfg(target_has_atomic = "64")]
use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering;

use bonfire_abi::Cpu;

use crate::core_sync::CoreSync;
use crate::kernel::Kernel;
use crate::{CpuSet, Site};

/// A 64-bit word that CPUs share.
///
/// The orderings are those of [`core::sync::atomic`]. On a real machine this is
/// [`AtomicWord`]; a model brings its own, and tells words apart by address.
pub trait Word {
    /// A word that holds 0.
    const ZERO: Self;
    /// A word that holds only its top bit.
    const TOP_BIT: Self;

    /// Reads the word.
    fn load(&self, order: Ordering) -> u64;
    /// Writes the word.
    fn store(&self, value: u64, order: Ordering);
    /// Writes the word and returns what was there, in one step.
    fn swap(&self, value: u64, order: Ordering) -> u64;
    /// Sets `bits` and returns what was there, in one step.
    fn fetch_or(&self, bits: u64, order: Ordering) -> u64;
    /// Sets `bits` in one step. Nobody looks at what was there, so a machine
    /// may post the operation and go on; the engine relies on no more.
    fn set(&self, bits: u64, order: Ordering);
    /// Clears `bits` in one step, as [`set`](Self::set) sets them.
    fn clear(&self, bits: u64, order: Ordering);
}

/// The word of a real machine that has 64-bit atomics. A machine without them
/// brings its own [`Word`], whose every operation is one step to all CPUs.
#[cfg(target_has_atomic = "64")]
#[derive(Debug)]
#[repr(transparent)]
pub struct AtomicWord(AtomicU64);

#[cfg(target_has_atomic = "64")]
impl Word for AtomicWord {
    const ZERO: Self = Self(AtomicU64::new(0));
    const TOP_BIT: Self = Self(AtomicU64::new(1 << 63));

    #[inline]
    fn load(&self, order: Ordering) -> u64 {
        self.0.load(order)
    }
    #[inline]
    fn store(&self, value: u64, order: Ordering) {
        self.0.store(value, order);
    }
    #[inline]
    fn swap(&self, value: u64, order: Ordering) -> u64 {
        self.0.swap(value, order)
    }
    #[inline]
    fn fetch_or(&self, bits: u64, order: Ordering) -> u64 {
        self.0.fetch_or(bits, order)
    }
    #[inline]
    fn set(&self, bits: u64, order: Ordering) {
        self.0.fetch_or(bits, order);
    }
    #[inline]
    fn clear(&self, bits: u64, order: Ordering) {
        self.0.fetch_and(!bits, order);
    }
}

/// Why a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Woken {
    /// The word is at least what was asked for.
    Reached,
    /// Interrupts are off on this CPU, and its own inbox wants serving.
    Inbox,
}

/// A kernel, as far as the engine sees it.
///
/// # Requirements
/// - CPUs have dense numbers from 0; what an interrupt controller calls them is
///   the machine's affair.
/// - [`poke`](Self::poke) makes each CPU run
///   [`Engine::handle_poke`](crate::Engine::handle_poke) with interrupts off,
///   soon after it can take interrupts. It may send fewer interrupts than it was
///   asked for if one is already on its way, and spurious ones are harmless. A
///   poke of a CPU that is offline may be dropped.
/// - Nothing here sleeps.
pub trait Machine: Sized {
    /// The words that CPUs share.
    type Word: Word;
    /// While one of these lives, its thread stays on its CPU.
    type Pin;

    /// How this machine serialises a core, if it can. Without it `SYNC_CORE` is
    /// neither advertised nor accepted.
    const CORE_SYNC: Option<CoreSync<Self>> = None;
    /// Makes the user thread that this CPU runs restart its rseq critical
    /// section, if it is in one, before it next runs in user mode. Called with
    /// interrupts off. Without it `RSEQ` is neither advertised nor accepted. A
    /// machine that has it restarts the section on every pre-emption and
    /// migration, too: a CPU that is skipped relies on that.
    const RESTART_RSEQ: Option<fn(&Self)> = None;
    /// Waits until every CPU has passed a full barrier, or was idle behind one.
    /// Without it `GLOBAL` pokes every CPU that is online.
    const GRACE_PERIOD: Option<fn(&Self)> = None;

    /// How many CPUs there may ever be: a bound on their numbers.
    ///
    /// A word that the kernel keeps, written before the first CPU is online and
    /// never again: every call reads it. Whoever counts CPUs in a device tree
    /// does so once, at boot.
    fn cpus(&self) -> usize;

    /// Keeps the thread on its CPU until the pin is dropped. Pre-emption is off
    /// meanwhile; interrupts stay as they are.
    fn pin(&self) -> Self::Pin;

    /// The CPU of the pinned thread.
    fn this_cpu(&self, pin: &Self::Pin) -> Cpu;

    /// Calls `body` with interrupts off on this CPU.
    ///
    /// What turns them off and on again is a barrier to the compiler: an `asm!`
    /// without `nomem`, which would let accesses of `body` move out.
    fn without_interrupts<R>(&self, body: impl FnOnce() -> R) -> R;

    /// A full barrier: `fence(SeqCst)`, Linux's `smp_mb()`.
    ///
    /// A machine may issue nothing for a site where something that it does at
    /// that place anyway is a full barrier (a write to CR3 between the hook and
    /// user mode is one for [`Site::SwitchMm`]).
    fn fence(&self, site: Site);

    /// Makes each of `cpus` serve its inbox soon. See the requirements above.
    ///
    /// What the caller stored before is visible to the handlers: a machine
    /// ships the barrier that its interrupt controller needs (x2APIC: `mfence;
    /// lfence` before the write; GICv3: `dsb ishst`; RISC-V: `fence` before the
    /// call). The proof does not lean on it.
    ///
    /// Never called for the CPU that calls it.
    fn poke<K: Kernel>(&self, cpus: &CpuSet<K>);

    /// Waits until `word` is at least `at_least`, or, *only if interrupts are
    /// off on this CPU*, until `inbox` has a bit of `wanted`.
    ///
    /// With interrupts off nobody else serves this CPU's inbox, and two callers
    /// that are each other's target would wait for ever.
    fn wait_until(&self, word: &Self::Word, at_least: u64, inbox: &Self::Word, wanted: u64) -> Woken;
}
