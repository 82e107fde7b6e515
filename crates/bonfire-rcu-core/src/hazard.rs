//! Hazards: a slot that holds one pointer, for as long as it takes and on any thread.
//!
//! The slot first says that it holds [`ANY`] pointer; behind a light fence the pointer is
//! loaded; then the slot says which it is. So there is no second load to compare with, no
//! loop, and nothing that another thread could make it repeat. A scan that meets `ANY`
//! frees nothing this time.
//!
//! A scan needs a heavy fence between unpublishing and itself; a grace period has one.

use crate::roster::{Claimable, vacate};
use crate::{Machine, Roster, Site, Table, Word};

/// What a slot says while its owner loads a pointer. Not the address of anything.
pub const ANY: u64 = 1;
const NOTHING: u64 = 0;

/// A slot. Its owner is whoever took it last; it may be handed to another thread.
#[repr(align(64))]
pub struct Slot<M: Machine> {
    held: M::Word,
    taken: M::Word,
}

impl<M: Machine> Slot<M> {
    /// A slot that nobody has.
    pub const NEW: Self = Self { held: M::Word::ZERO, taken: M::Word::ZERO };

    /// The words, with their names; for a model.
    pub fn words(&self) -> [(&'static str, &M::Word); 2] {
        [("held", &self.held), ("taken", &self.taken)]
    }

    /// Gives the slot back if it says [`ANY`]; for a machine on which its owner can be gone
    /// that was loading a pointer.
    pub fn give_back_if_any(&self) {
        if self.held.load(Site::Scan) == ANY {
            let_go(self);
            self.give_back();
        }
    }

    /// Gives the slot back.
    pub fn give_back(&self) {
        vacate::<M>(self);
    }
}

impl<M: Machine> Claimable<M> for Slot<M> {
    fn taken(&self) -> &M::Word {
        &self.taken
    }
}

/// Loads a pointer, which is then held: not freed until [`let_go`].
#[inline]
pub fn hold<M: Machine>(machine: &M, slot: &Slot<M>, load: impl FnOnce() -> u64) -> u64 {
    // PAIRS(let go): with `is_held`, of whoever waits for what the slot held before.
    slot.held.store(ANY, Site::HoldAny);
    if machine.is_ready() {
        // PAIRS(hazard): with the heavy fence of a grace period. Either its updater sees that
        // we hold something, or we load what it published.
        machine.light(Site::HoldLight);
    } else {
        machine.full(Site::HoldFull);
    }
    let pointer = load();
    // PAIRS(let go): with `is_held`.
    slot.held.store(pointer, Site::Hold);
    pointer
}

/// Holds nothing any more.
#[inline]
pub fn let_go<M: Machine>(slot: &Slot<M>) {
    // PAIRS(let go): with `is_held`. Our reads are done.
    slot.held.store(NOTHING, Site::LetGo);
}

/// What `slots` hold: each pointer that is held, and [`ANY`] if one is being loaded.
///
/// A pointer that was unpublished before the last heavy fence, and is not among them, is
/// held by nobody and will not be.
pub fn scan<'a, M: Machine + 'a, T: Table<Slot<M>>>(
    slots: &'a Roster<M, T>,
) -> impl Iterator<Item = u64> + 'a {
    // PAIRS(let go): with `let_go` and `hold`.
    slots.iter().map(|slot| slot.held.load(Site::Scan)).filter(|&held| held != NOTHING)
}
