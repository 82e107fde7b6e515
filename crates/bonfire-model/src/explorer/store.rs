//! The states that were found: their bytes, each once.
//!
//! A state is told from every other by all of its bytes; the hash only finds
//! where to look.

/// A set of byte strings with numbers, in the order in which they came.
#[derive(Default)]
pub(crate) struct Store {
    bytes: Vec<u8>,
    /// Where each state's bytes end.
    ends: Vec<u64>,
    parents: Vec<u32>,
    /// For each slot, the upper half of the hash and the number plus one.
    table: Vec<u64>,
}

impl Store {
    /// How many states there are.
    pub(crate) fn len(&self) -> u32 {
        self.ends.len() as u32
    }

    /// How many bytes all this takes.
    pub(crate) fn size(&self) -> usize {
        self.bytes.capacity() + 8 * (self.table.len() + self.ends.capacity()) + 4 * self.parents.capacity()
    }

    /// The bytes of a state.
    pub(crate) fn get(&self, number: u32) -> &[u8] {
        let number = number as usize;
        let start = if number == 0 { 0 } else { self.ends[number - 1] };
        &self.bytes[start as usize..self.ends[number] as usize]
    }

    /// The state from which a state was first reached.
    pub(crate) fn parent(&self, number: u32) -> u32 {
        self.parents[number as usize]
    }

    /// Adds a state that was reached from `parent`; its number, unless it was
    /// there.
    pub(crate) fn insert(&mut self, state: &[u8], parent: u32) -> Option<u32> {
        if self.ends.len() * 3 >= self.table.len() * 2 {
            self.grow();
        }
        let hash = hash(state);
        let mask = self.table.len() - 1;
        let mut slot = hash as usize & mask;
        while self.table[slot] != 0 {
            let entry = self.table[slot];
            if entry >> 32 == hash >> 32 && self.get(entry as u32 - 1) == state {
                return None;
            }
            slot = (slot + 1) & mask;
        }
        self.bytes.extend_from_slice(state);
        self.ends.push(self.bytes.len() as u64);
        self.parents.push(parent);
        self.table[slot] = hash >> 32 << 32 | u64::from(self.len());
        Some(self.len() - 1)
    }

    fn grow(&mut self) {
        let slots = (2 * self.table.len()).max(1024);
        let mut table = vec![0; slots];
        let mask = slots - 1;
        for number in 0..self.len() {
            let hash = hash(self.get(number));
            let mut slot = hash as usize & mask;
            while table[slot] != 0 {
                slot = (slot + 1) & mask;
            }
            table[slot] = hash >> 32 << 32 | u64::from(number + 1);
        }
        self.table = table;
    }
}

/// A hash of bytes, eight at a time: multiply and fold.
fn hash(bytes: &[u8]) -> u64 {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |hash: u64, word: u64| {
        let product = u128::from(hash ^ word) * u128::from(FACTOR);
        (product as u64) ^ (product >> 64) as u64
    };
    let mut chunks = bytes.chunks_exact(8);
    let mut hash = FACTOR.wrapping_add(bytes.len() as u64);
    for chunk in &mut chunks {
        hash = mix(hash, u64::from_le_bytes(chunk.try_into().expect("eight bytes")));
    }
    let mut last = [0; 8];
    last[..chunks.remainder().len()].copy_from_slice(chunks.remainder());
    mix(mix(hash, u64::from_le_bytes(last)), FACTOR)
}
