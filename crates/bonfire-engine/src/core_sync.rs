//! Core serialisation: what each architecture does on its way to user mode,
//! as data, and what the engine therefore owes at which hook.
//!
//! `SYNC_CORE` promises that no thread of the address space runs instructions
//! that were replaced before the call. An architecture keeps half of that
//! promise by itself if its ways back to user mode serialise the instruction
//! stream; the [`Row`] of a machine says which of them do, and [`Row::owes`]
//! derives the rest. It is a serialisation of the core, not a flush of its
//! instruction cache: where caches are not coherent, the program cleans them
//! before the call.

use core::sync::atomic::Ordering::{Relaxed, Release};

use bonfire_abi::Cpu;

use crate::kernel::Kernel;
use crate::machine::{Machine, Word};
use crate::space::AddressSpace;
use crate::targets::Choose;
use crate::{Engine, Site};

/// How a machine serialises a core, and when it wants to be asked.
pub struct CoreSync<M> {
    /// What the ways back to user mode do by themselves.
    pub row: Row,
    /// Serialises this core. Called with interrupts off, by name.
    pub sync: fn(&M, Site),
    /// When an owed serialisation is done.
    pub settle: Settle,
}

impl<M> CoreSync<M> {
    /// The core serialisation of a machine whose every way back to user mode
    /// serialises: nothing is ever owed, so there is nothing to call.
    ///
    /// # Panics
    /// If `row` owes anything: when the constant is evaluated, so the kernel does
    /// not compile.
    ///
    /// ```
    /// use bonfire_engine::core_sync::{ARM64, CoreSync};
    /// const NOTHING_OWED: Option<CoreSync<()>> = Some(CoreSync::by_returns(ARM64));
    /// ```
    /// ```compile_fail
    /// use bonfire_engine::core_sync::{CoreSync, X86};
    /// const SYSRET_DOES_NOT_SERIALISE: Option<CoreSync<()>> = Some(CoreSync::by_returns(X86));
    /// # assert!(SYSRET_DOES_NOT_SERIALISE.is_some());
    /// ```
    #[must_use]
    pub const fn by_returns(row: Row) -> Self {
        assert!(
            row.interrupt_return && row.system_call_return,
            "this architecture owes a core serialisation: fill in `CoreSync` with the function that does it"
        );
        Self { row, sync: |_, _| {}, settle: Settle::AtOnce }
    }
}

/// When a core serialisation that is owed is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settle {
    /// Where it becomes owed: in the handler, in the switch hook, in the call.
    AtOnce,
    /// On the next way to user mode that does not serialise by itself: the
    /// kernel calls [`Engine::before_user`](crate::Engine::before_user) on every
    /// one. Cheaper where most ways do.
    BeforeUser,
    /// In the handler and in the call at once; in the hooks only if a call was made
    /// for the address space since this CPU last serialised in it. A process that
    /// replaces no code pays nothing, though a library registered it. Cheaper
    /// where no way serialises, as in Linux on RISC-V (`prepare_sync_core_cmd`).
    ///
    /// An engine for more than 64 CPUs knows only whether there ever was such a
    /// call, as several CPUs share a bit.
    IfStale,
}

/// Where instructions of an address space may be stale: a bit for each 64th part of
/// the engine's capacity, as in [`Visited`](crate::Visited).
///
/// A call marks all parts. A CPU that enters the address space, and has a part to
/// itself, takes its mark before it serialises.
///
/// # Invariants
/// A CPU that enters, and that a call skipped, finds the mark of this call; or it has
/// taken the mark, and serialised behind all that the caller stored before. The
/// call marks before `SysEntry`, so a CPU whose entry it did not see finds the mark
/// (edge A). But a CPU that takes the mark at once, and leaves, is skipped, too: so the
/// mark comes behind the new code, and the code is seen by whoever takes it (edge M).
/// Linux on RISC-V (6.9, `prepare_sync_core_cmd`) marks without that order; in the
/// explorer, old code then runs behind the call. Scenario S6.
pub(crate) struct Stale<W>(W);

impl<W: Word> Stale<W> {
    /// Nowhere.
    pub(crate) const NEW: Self = Self(W::ZERO);

    /// Everywhere.
    #[inline]
    pub(crate) fn mark(&self) {
        // Release: PAIRS(M), with StaleMb of whoever takes this mark.
        self.0.store(u64::MAX, Release);
    }

    /// Whether this part is marked.
    #[inline]
    fn is_marked(&self, part: u32) -> bool {
        // Relaxed: PAIRS(A), behind the barrier of the hook.
        self.0.load(Relaxed) >> part & 1 != 0
    }

    /// Takes the mark of this part.
    #[inline]
    fn take(&self, part: u32) {
        // Relaxed: PAIRS(M), StaleMb follows.
        self.0.clear(1 << part, Relaxed);
    }
}

/// A way from the kernel back to user mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Return {
    /// From an interrupt or an exception.
    Interrupt,
    /// From a system call.
    SystemCall,
}

/// What an architecture's ways back to user mode do to the instruction stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The name of the architecture.
    pub name: &'static str,
    /// The return from an interrupt serialises.
    pub interrupt_return: bool,
    /// The return from a system call serialises.
    pub system_call_return: bool,
    /// Changing the address space serialises.
    pub space_change: bool,
    /// The instruction that serialises when asked.
    pub instruction: &'static str,
    /// What the 2017 list said of it.
    pub in_2017: &'static str,
    /// Where the row comes from.
    pub cites: &'static str,
}

impl Row {
    /// Whether the engine owes a core serialisation at `site` on this
    /// architecture.
    ///
    /// Nothing is owed where every way back to user mode serialises. Otherwise
    /// any of them may be the next one taken: an interrupt that arrives by a
    /// serialising return may switch to a thread that leaves by the other.
    #[must_use]
    pub const fn owes(&self, site: Site) -> bool {
        if self.interrupt_return && self.system_call_return {
            return false;
        }
        match site {
            Site::SwitchCoreSync => !self.space_change,
            site => site.is_core_sync(),
        }
    }

    /// Whether this way back to user mode serialises by itself.
    #[must_use]
    pub const fn serialises(&self, way: Return) -> bool {
        match way {
            Return::Interrupt => self.interrupt_return,
            Return::SystemCall => self.system_call_return,
        }
    }
}

impl<K: Kernel> Engine<K> {
    /// A core serialisation is owed here: now, or before user mode.
    ///
    /// Interrupts are off.
    #[inline]
    pub(crate) fn owe_core_sync(&self, cpu: Cpu, site: Site) {
        let Some(core) = K::Machine::CORE_SYNC else { return };
        if !core.row.owes(site) {
            return;
        }
        match (core.settle, self.slot(cpu)) {
            (Settle::BeforeUser, Some(slot)) => slot.own.owed.store(1, Relaxed),
            _ => (core.sync)(&self.machine, site),
        }
    }

    /// The instructions of `space` are being replaced, or are those of an address
    /// space whose were: no CPU may run it before it has serialised.
    #[inline]
    pub(crate) fn mark_stale(space: &AddressSpace<K>) {
        if Self::ASKS_IF_STALE {
            space.stale.mark();
        }
    }

    /// Whether the instructions of `space` may be stale on this CPU, which enters it
    /// and serialises if they are.
    ///
    /// Interrupts are off, and the barrier behind the change of occupant was passed.
    #[inline]
    pub(crate) fn takes_stale(&self, cpu: Cpu, space: &AddressSpace<K>) -> bool {
        if !Self::ASKS_IF_STALE {
            return true;
        }
        let part = self.part(cpu);
        let is_stale = space.stale.is_marked(part);
        if is_stale && self.has_own_part() {
            space.stale.take(part);
            // PAIRS(M): with the mark. It may be that of a call that has just begun, and
            // that will skip this CPU if it leaves at once: what the caller stored before
            // it is what this CPU serialises on.
            self.machine.fence(Site::StaleMb);
        }
        is_stale
    }

    /// Whether a CPU that enters an address space serialises only if that is stale.
    const ASKS_IF_STALE: bool = K::Design::SERIALISES_ON_SWITCH
        && matches!(K::Machine::CORE_SYNC, Some(CoreSync { settle: Settle::IfStale, .. }));

    /// Whether a core serialisation was put off on this CPU; it is not, from now
    /// on.
    ///
    /// Interrupts are off.
    #[inline]
    pub(crate) fn take_owed(&self, cpu: Cpu) -> bool {
        let Some(slot) = self.slot(cpu) else { return false };
        let owed = slot.own.owed.load(Relaxed) != 0;
        if owed {
            slot.own.owed.store(0, Relaxed);
        }
        owed
    }
}

/// x86: `iret` serialises, `sysret` and `sysexit` do not.
pub const X86: Row = Row {
    name: "x86",
    interrupt_return: true,
    system_call_return: false,
    space_change: true,
    instruction: "serialize, or iret to itself",
    in_2017: "iret OK, sysexit needs care",
    cites: "Intel SDM vol. 3A 11.3, Serializing Instructions; AMD APM vol. 2 7.6.4",
};

/// x86 with a kernel that always leaves by `iret`.
pub const X86_IRET_ONLY: Row = Row { name: "x86, iret only", system_call_return: true, ..X86 };

/// arm64: an exception return is a context synchronisation event.
pub const ARM64: Row = Row {
    name: "arm64",
    interrupt_return: true,
    system_call_return: true,
    space_change: true,
    instruction: "isb",
    in_2017: "eret OK",
    cites: "Arm ARM (DDI 0487) D1.4 and B2.6.5, Context synchronization event; SCTLR_ELx.EOS set",
};

/// 32-bit Arm: an exception return synchronises.
pub const ARM: Row = Row {
    name: "arm",
    instruction: "isb",
    in_2017: "exception return OK",
    cites: "Arm ARM (DDI 0406) A3.8.3, Context synchronization operations",
    ..ARM64
};

/// Power: `rfi` and its kin are context-synchronising.
pub const POWERPC: Row = Row {
    name: "powerpc",
    instruction: "isync",
    in_2017: "rfi OK",
    cites: "Power ISA v3.1 book III 1.2.3 and 4.3.1, rfid, rfscv",
    ..ARM64
};

/// s390: `lpswe` serialises.
pub const S390: Row = Row {
    name: "s390",
    instruction: "bcr 15,0",
    in_2017: "lpswe OK",
    cites: "z/Architecture Principles of Operation, CPU serialization; LOAD PSW EXTENDED",
    ..ARM64
};

/// RISC-V: no return serialises instruction fetch; only `fence.i` does.
pub const RISCV: Row = Row {
    name: "riscv",
    interrupt_return: false,
    system_call_return: false,
    space_change: false,
    instruction: "fence.i",
    in_2017: "not mentioned",
    cites: "RISC-V unprivileged ISA, Zifencei; privileged ISA 3.3.2, xRET",
};

/// Itanium: `rfi` serialises.
pub const IA64: Row = Row {
    name: "ia64",
    instruction: "srlz.i",
    in_2017: "rfi OK",
    cites: "Itanium SDM vol. 2 3.2, Serialization; never selected by Linux, port removed",
    ..ARM64
};

/// PA-RISC: seven instructions after the change, which a return does not
/// promise to have executed.
pub const PARISC: Row = Row {
    name: "parisc",
    instruction: "sync and seven instructions",
    in_2017: "at least 7 instructions, around a bonfire",
    cites: "PA-RISC 2.0 architecture, chapter F, SYNC; not selected by Linux",
    ..RISCV
};

/// MIPS with several CPUs: `eret` clears instruction hazards.
pub const MIPS: Row = Row {
    name: "mips",
    instruction: "eret, or jr.hb",
    in_2017: "eret OK",
    cites: "MIPS32 architecture vol. III 8.2, Execution hazards; not selected by Linux",
    ..ARM64
};

/// Alpha: only `imb` makes instruction fetch coherent.
pub const ALPHA: Row = Row {
    name: "alpha",
    instruction: "imb",
    in_2017: "needs imb",
    cites: "Alpha architecture handbook 5.5.3 and 6.6, CALL_PAL IMB; not selected by Linux",
    ..RISCV
};

/// SPARC: `flush` and up to five instructions.
pub const SPARC: Row = Row {
    name: "sparc",
    instruction: "flush and five instructions",
    in_2017: "needs flush and 5 instructions",
    cites: "SPARC V9 A.20, FLUSH; not selected by Linux",
    ..RISCV
};

/// The whole table: every architecture of the 2017 list, and the one that came
/// after it.
pub const TABLE: [Row; 11] = [X86, ARM64, ARM, POWERPC, S390, RISCV, IA64, PARISC, MIPS, ALPHA, SPARC];

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::vec::Vec;

    fn owed(row: &Row) -> Vec<Site> {
        Site::ALL.into_iter().filter(|&site| row.owes(site)).collect()
    }

    #[test]
    fn what_each_class_of_architecture_owes() {
        use Site::{ExitCoreSync, IpiCoreSync, RetCoreSync, SelfCoreSync, SwitchCoreSync};
        for row in [ARM64, ARM, POWERPC, S390, IA64, MIPS, X86_IRET_ONLY] {
            assert_eq!(owed(&row), [], "{}", row.name);
        }
        assert_eq!(owed(&X86), [IpiCoreSync, SelfCoreSync, RetCoreSync, ExitCoreSync]);
        for row in [RISCV, PARISC, ALPHA, SPARC] {
            let all = [IpiCoreSync, SelfCoreSync, SwitchCoreSync, RetCoreSync, ExitCoreSync];
            assert_eq!(owed(&row), all, "{}", row.name);
        }
    }

    /// Rows are made of one another, and what is said of one must not be left to
    /// be said of the next.
    #[test]
    fn each_row_says_its_own() {
        let distinct = |said: fn(&Row) -> &'static str| {
            let rows = TABLE.iter().chain([&X86_IRET_ONLY]);
            rows.map(said).collect::<std::collections::BTreeSet<_>>().len()
        };
        assert_eq!(distinct(|row| row.name), 12);
        assert_eq!(distinct(|row| row.cites), 11, "x86 has two rows");
        assert_eq!(distinct(|row| row.instruction), 10, "both Arms have isb");
        assert_eq!(distinct(|row| row.in_2017), 9, "eret and rfi are named twice");
    }

    #[test]
    fn every_row_of_the_2017_list_is_there_and_cited() {
        for name in
            ["x86", "arm64", "arm", "powerpc", "s390", "ia64", "parisc", "mips", "alpha", "sparc", "riscv"]
        {
            let row = TABLE.iter().find(|row| row.name == name);
            assert!(row.is_some_and(|row| !row.cites.is_empty() && !row.in_2017.is_empty()), "{name}");
        }
    }
}
