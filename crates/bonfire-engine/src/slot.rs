//! What the engine keeps of each CPU: two cache lines.
//!
//! Callers write the first, the CPU itself the second. Nothing here is ever
//! followed as an address; what a CPU was told is compared and no more.

use core::sync::atomic::Ordering::Relaxed;

use bonfire_abi::Cpu;

use crate::cpus::{Ones, group};
use crate::kernel::sealed::Array as _;
use crate::kernel::{Kernel, WordOf};
use crate::machine::{Machine, Word};
use crate::{CpuSet, Engine};

/// What the engine keeps of a CPU: 128 bytes.
pub struct Slot<W> {
    pub(crate) inbox: Inbox<W>,
    pub(crate) own: Own<W>,
}

/// The slots of 64 CPUs.
pub(crate) type Group<W> = [Slot<W>; 64];

/// The cache line that callers write.
#[repr(align(64))]
pub(crate) struct Inbox<W> {
    /// A generation and flags: see [`request`](crate::request).
    pub(crate) request: W,
}

/// The cache line that only the CPU itself writes.
#[repr(align(64))]
pub(crate) struct Own<W> {
    /// The last generation answered; the top bit while the CPU is offline.
    pub(crate) done: W,
    /// What the last hook was told that occupies the CPU: see
    /// [`told`](crate::told).
    pub(crate) told: W,
    /// Not 0 if a core serialisation is owed before user mode.
    pub(crate) owed: W,
    /// How often what was told turned out not to be so.
    pub(crate) mismatches: W,
}

/// Every part of the machine: see [`part`](Engine::part).
pub(crate) const EVERY_PART: u64 = u64::MAX;

/// The top bit of `done`.
pub(crate) const OFFLINE: u64 = 1 << 63;

impl<W: Word> Slot<W> {
    /// A CPU that has never been online.
    pub(crate) const NEW: Self = Self {
        inbox: Inbox { request: W::ZERO },
        own: Own { done: W::TOP_BIT, told: W::ZERO, owed: W::ZERO, mismatches: W::ZERO },
    };

    /// What the word at this address is called, if it is one of these.
    fn name_at(&self, address: usize) -> Option<&'static str> {
        let Self { inbox: Inbox { request }, own: Own { done, told, owed, mismatches } } = self;
        let words = [
            (request, "request"),
            (done, "done"),
            (told, "told"),
            (owed, "owed"),
            (mismatches, "mismatches"),
        ];
        words.into_iter().find(|(word, _)| is_at(*word, address)).map(|(_, name)| name)
    }

    /// Whether the CPU is online.
    #[inline]
    pub(crate) fn is_online(&self) -> bool {
        self.own.done.load(Relaxed) & OFFLINE == 0
    }
}

fn is_at<W>(word: &W, address: usize) -> bool {
    core::ptr::from_ref(word).addr() == address
}

impl<K: Kernel> Engine<K> {
    /// What the engine keeps of `cpu`; `None` beyond its capacity.
    #[inline]
    pub(crate) fn slot(&self, cpu: Cpu) -> Option<&Slot<WordOf<K>>> {
        self.slots.all().get(group(cpu))?.get((cpu.0 % 64) as usize)
    }

    /// The CPUs whose slot is `picked`, of those there may ever be in `parts`.
    #[inline]
    pub(crate) fn choose(&self, parts: u64, picked: impl Fn(&Slot<WordOf<K>>) -> bool) -> CpuSet<K> {
        let cpus = self.machine.cpus();
        let mut chosen = CpuSet::EMPTY;
        for part in Ones(parts) {
            let first = part * self.part_size();
            if first as usize >= cpus {
                break;
            }
            for cpu in (first..first + self.part_size()).take_while(|&cpu| (cpu as usize) < cpus).map(Cpu) {
                if self.slot(cpu).is_some_and(&picked) {
                    chosen.add(cpu);
                }
            }
        }
        chosen
    }

    /// The CPUs that are online.
    pub(crate) fn online_cpus(&self) -> CpuSet<K> {
        self.choose(EVERY_PART, Slot::is_online)
    }

    /// The part that `cpu` is in, of 64: CPUs of neighbouring numbers are of one part.
    #[inline]
    pub(crate) fn part(&self, cpu: Cpu) -> u32 {
        cpu.0 / self.part_size()
    }

    /// These parts, without that of `me` if there is no room in it for another CPU.
    #[inline]
    pub(crate) fn parts_beside(&self, me: Cpu, parts: u64) -> u64 {
        if self.has_own_part() { parts & !1_u64.rotate_left(self.part(me)) } else { parts }
    }

    /// Whether each CPU is a part of its own.
    #[inline]
    pub(crate) fn has_own_part(&self) -> bool {
        self.part_size() == 1
    }

    /// How many CPUs a part has. The compiler knows it: the 64th part of the
    /// capacity.
    #[inline]
    fn part_size(&self) -> u32 {
        // CAST: the slots of so many groups would fit into no memory.
        (self.slots.all().len() as u32).max(1)
    }

    /// What the word at this address is, if the engine keeps it of a CPU: of
    /// which, and its name. For debuggers, reports of lock-ups, and models.
    ///
    /// The names are `request`, `done`, `told`, `owed`, `mismatches`; and
    /// `doubted`, of 64 CPUs, of which the first is returned.
    #[must_use]
    pub fn word_at(&self, address: usize) -> Option<(Cpu, &'static str)> {
        let slots = (0u32..).zip(self.slots.all().iter().flatten());
        let groups = (0u32..).step_by(64).zip(self.doubted.0.all());
        let of_a_cpu = slots.into_iter().find_map(|(cpu, slot)| Some((Cpu(cpu), slot.name_at(address)?)));
        of_a_cpu.or_else(|| {
            let (first, _) = groups.into_iter().find(|(_, word)| is_at(*word, address))?;
            Some((Cpu(first), "doubted"))
        })
    }
}
