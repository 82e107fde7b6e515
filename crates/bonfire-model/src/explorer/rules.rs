//! The machine: how weak its memory is, what its pokes order, and what is wrong
//! with it on purpose. What that means, step by step, is told in
//! [`step`](super::step).

/// How memory behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Memory {
    /// Out-of-order windows, early loads, and user loads that may happen after
    /// later stores. All CPUs agree on one order of writes.
    Weak,
    /// [`Weak`](Self::Weak) without the last: a store waits for earlier loads.
    NoLoadBuffering,
    /// Total store order, as x86 has it: stores leave the window in order, loads
    /// are not early, and a read-modify-write is a full barrier.
    Tso,
    /// Sequential consistency: everything happens at once.
    Sc,
}

/// What a poke says about order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PokeOrder {
    /// Nothing; but it does not leave before the read-modify-write that decided
    /// on it has happened.
    None,
    /// What a machine promises at best: it leaves after the stores before it,
    /// and its handler sees them, and all that happened until it began.
    Full,
}

/// A fault in the machine itself, planted to see that the tests of the machine
/// find it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// Taking an interrupt is a full barrier.
    InterruptIsBarrier,
    /// A poke waits for the stores before it.
    PokeWaitsForStores,
    /// A read-modify-write is seen by all as soon as it has read.
    ModifyCommitsAtOnce,
    /// A CPU that drops its pokes takes them.
    DropsNoPoke,
}

/// The machine that a search runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rules {
    /// How memory behaves.
    pub memory: Memory,
    /// What a poke says about order.
    pub pokes: PokeOrder,
    /// What is wrong with it on purpose.
    pub fault: Option<Fault>,
}

impl Rules {
    /// The weakest machine.
    pub const WEAK: Self = Self { memory: Memory::Weak, pokes: PokeOrder::None, fault: None };

    /// Whether this is wrong with the machine on purpose.
    pub(crate) fn has(self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    /// Whether stores wait anywhere.
    pub(crate) fn has_window(self) -> bool {
        self.memory != Memory::Sc
    }

    /// Whether a load can return anything but the newest value.
    pub(crate) fn loads_are_early(self) -> bool {
        matches!(self.memory, Memory::Weak | Memory::NoLoadBuffering)
    }
}
