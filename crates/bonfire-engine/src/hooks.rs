//! The hooks that a kernel calls.
//!
//! Each takes what it needs as arguments and never asks which thread is current. All are
//! called with interrupts off on the CPU they name, and stay off until the
//! kernel's own idea of what runs there agrees with the hook's: a poke must not
//! find the one changed and not the other. Other locks may be held; no hook
//! waits, but for [`Engine::online`] none touches a word that another CPU
//! writes, and every one is a handful of instructions for an address space that
//! never registered.
//!
//! A number beyond the engine's capacity, or beyond [`Machine::cpus`], is
//! reported by [`Engine::online`]; the other hooks ignore it. A hook for a CPU
//! that is offline publishes its occupant and no more: nobody waits for that
//! CPU, and nobody may run user threads on it.

use core::fmt;

use bonfire_abi::Cpu;

use crate::core_sync::Return;
use crate::kernel::{Kernel, WordOf};
use crate::machine::Machine;
use crate::slot::Slot;
use crate::space::{AddressSpace, Occupant, Task};
use crate::targets::Choose;
use crate::told::Switch;
use crate::{Engine, Site};

/// There are more CPUs than the engine was made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BeyondCapacity(pub Cpu);

impl<K: Kernel> Engine<K> {
    /// The CPU switches from one thread to another.
    ///
    /// *When*: in the scheduler, when the thread that leaves makes no more user
    /// accesses here and the one that enters has not yet made any. Where changing
    /// the page tables is a full barrier that the machine counts on, before that.
    ///
    /// *Orders*: what the leaving thread did before what the next caller sees;
    /// what a caller did before what the entering thread sees. Only for address
    /// spaces that registered.
    ///
    /// *Without it*: every call asks this CPU, and counts. Scenarios C1 to C9, F1,
    /// F2, u1, u2.
    ///
    /// Switching between kernel threads may be told or not.
    #[inline]
    pub fn switch(&self, cpu: Cpu, from: Occupant<'_, K>, to: Occupant<'_, K>) {
        self.change(cpu, from, to, Switch);
    }

    /// A thread leaves its address space because it exits, and goes on in the
    /// kernel, on the same page tables.
    ///
    /// *When*: before the kernel forgets which address space the thread had.
    ///
    /// *Orders*: what the thread did before what the next caller sees.
    ///
    /// *Without its barrier*: a caller that finds the thread gone misses its last
    /// stores. Scenario D; in Linux until 5.10.
    pub fn exit(&self, cpu: Cpu, task: Task<'_, K>) {
        self.change(cpu, Occupant::User(task), Occupant::Borrower(task.space), Site::ExitMm);
    }

    /// A thread replaces its address space by a new one.
    ///
    /// *When*: when the page tables change. `new` registered for nothing; whoever
    /// shared the old one keeps it, and its registrations.
    ///
    /// *Orders*: what the thread did in the old address space before what the
    /// next caller in it sees.
    ///
    /// *Without its barrier*: as for [`exit`](Self::exit). Scenarios X1 to X3.
    ///
    /// *Without it*: the first registration or call on this CPU is a mismatch.
    pub fn exec(&self, cpu: Cpu, old: Task<'_, K>, new: &AddressSpace<K>) {
        let to = Occupant::User(Task { space: new, thread: old.thread });
        self.change(cpu, Occupant::User(old), to, Site::ExecMb);
    }

    /// A fork makes `child`, which no CPU runs yet, from `parent`: it inherits
    /// the registrations.
    ///
    /// *When*: after the child's address space is made, before its first thread
    /// can be picked. Interrupts need not be off.
    ///
    /// *Without it*: the child's calls fail with `EPERM`, and a library that
    /// registered in the parent fails in the child.
    pub fn fork(&self, parent: &AddressSpace<K>, child: &AddressSpace<K>) {
        let registered = parent.state.read();
        child.state.inherit(registered);
        if registered.wants_core_sync() {
            // PAIRS(S): the child has the pages that the parent replaced code in.
            Self::mark_stale(child);
        }
    }

    /// A kernel thread begins to use an address space: it will access its user
    /// memory (Linux's `kthread_use_mm`).
    ///
    /// *When*: when the page tables are loaded, before the first access. `from`
    /// is what the CPU was on: [`Occupant::Borrower`] or [`Occupant::Kernel`].
    ///
    /// *Orders*: what a caller did before what the kernel thread sees.
    ///
    /// *Without its barrier*: a caller skips the kernel thread. Scenario E1; in Linux
    /// until 5.10.
    pub fn borrow_space(&self, cpu: Cpu, from: Occupant<'_, K>, task: Task<'_, K>) {
        debug_assert!(from.thread().is_none(), "borrow_space is for kernel threads");
        self.change(cpu, from, Occupant::User(task), Site::UseMm);
    }

    /// A kernel thread stops using an address space (Linux's
    /// `kthread_unuse_mm`), and keeps its page tables loaded.
    ///
    /// *When*: after the last access.
    ///
    /// *Orders*: what the kernel thread did before what the next caller sees.
    ///
    /// *Without its barrier*: a caller misses the kernel thread's last stores. Scenario
    /// E2.
    pub fn return_space(&self, cpu: Cpu, task: Task<'_, K>) {
        self.change(cpu, Occupant::User(task), Occupant::Borrower(task.space), Site::UnuseMm);
    }

    /// This CPU is about to enter user mode by `way`.
    ///
    /// *When*: on every way to user mode, if the machine settles core
    /// serialisations there ([`Settle::BeforeUser`]); never needed otherwise. The
    /// last thing before the return, so that nothing can become owed in between.
    ///
    /// *Without it*: with that setting, stale instructions run. Scenario S4.
    ///
    /// [`Settle::BeforeUser`]: crate::core_sync::Settle::BeforeUser
    #[inline]
    pub fn before_user(&self, cpu: Cpu, way: Return) {
        let Some(core) = K::Machine::CORE_SYNC else { return };
        if self.take_owed(cpu) && !core.row.serialises(way) {
            // PAIRS(S): behind the barrier of the handler, the switch or the call
            // that owed it.
            (core.sync)(&self.machine, Site::ExitCoreSync);
        }
    }

    /// A poke arrived.
    ///
    /// *When*: in the interrupt handler, interrupts off; also spuriously. Not in
    /// a non-maskable interrupt, which may find this CPU serving already.
    ///
    /// *Orders*: all that ran here before the interrupt before what the caller
    /// does when it returns; all that the caller did before it called before all
    /// that runs here next.
    ///
    /// *Without it*: callers wait for ever. Scenarios AB, q1 to q4s.
    pub fn handle_poke(&self, cpu: Cpu) {
        self.serve(cpu);
    }

    /// This CPU takes pokes from now on, and may run user threads.
    ///
    /// *When*: on that CPU, interrupts off, when its interrupt controller takes
    /// pokes and before it runs its first user thread; for the boot CPU too.
    ///
    /// *Orders*: what a caller that did not wait for this CPU did, before all
    /// that runs here. And it answers what was asked while the CPU went offline,
    /// whose poke may have been lost, and sees to the core serialisations that
    /// nobody asked of it meanwhile. Scenarios h2, h3, h5, e4.
    ///
    /// # Errors
    /// [`BeyondCapacity`] if the engine keeps nothing for this CPU: no user
    /// thread may run on it, since no barrier would reach it. Make the engine
    /// with more groups of 64.
    pub fn online(&self, cpu: Cpu) -> Result<(), BeyondCapacity> {
        let slot = self.known_slot(cpu).ok_or(BeyondCapacity(cpu))?;
        self.is_unknown(cpu);
        self.open_inbox(slot);
        // PAIRS(A): the barrier of `serve` stands between the words that say this
        // CPU is online, and unknown, and the first user access.
        self.serve(cpu);
        if !K::Design::SERIALISES_ON_SWITCH {
            // PAIRS(S): nobody asked a CPU that was offline to serialise, and no
            // switch hook of this design does when a user thread comes here.
            self.owe_core_sync(cpu, Site::IpiCoreSync);
        }
        Ok(())
    }

    /// This CPU goes offline. Pokes may be lost from now on.
    ///
    /// *When*: on that CPU, interrupts off, when it runs no user thread any more
    /// and was told to the switch hook to run none.
    ///
    /// *Orders*: all that ran here before what a caller sees that no longer waits
    /// for this CPU. Scenarios h1, h3, h4.
    ///
    /// *Without it*: callers wait for ever.
    pub fn offline(&self, cpu: Cpu) {
        let Some(slot) = self.slot(cpu) else { return };
        // PAIRS(B): with SysExit. Whoever sees that this CPU is offline, and does
        // not wait for it, sees all that was done here.
        self.machine.fence(Site::OffPre);
        self.close_inbox(slot);
        self.is_of_no_account(slot, cpu);
    }

    /// What the engine keeps of `cpu`, if there may be such a CPU.
    pub(crate) fn known_slot(&self, cpu: Cpu) -> Option<&Slot<WordOf<K>>> {
        self.slot(cpu).filter(|_| (cpu.0 as usize) < self.machine.cpus())
    }
}

impl fmt::Display for BeyondCapacity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CPU {} is beyond the engine's capacity; make the engine with more groups of 64", self.0.0)
    }
}

impl core::error::Error for BeyondCapacity {}
