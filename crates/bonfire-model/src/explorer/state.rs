//! A state of the machine, and its bytes.
//!
//! What a state holds is what decides the future: where each program stands,
//! what waits in each CPU's window, which versions of each word can still be
//! read and by whom. Two paths that lead to equal bytes are one from there on.

use super::op::{Barrier, Change, Register, WordId};
use super::program::{Answer, Node, Words, bit};

/// The most CPUs that a state can hold.
pub const MAX_CPUS: usize = 4;
/// The most registers of a test.
pub(crate) const MAX_REGISTERS: usize = 12;
const MAX_WORDS: usize = 64;
const MAX_WINDOW: usize = 20;
const MAX_LOG: usize = 48;
const MAX_CODE: usize = 3;

/// A list of limited length, in place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct List<T, const N: usize> {
    items: [T; N],
    len: u8,
}

impl<T: Copy, const N: usize> List<T, N> {
    pub(crate) const fn new(filler: T) -> Self {
        Self { items: [filler; N], len: 0 }
    }

    pub(crate) fn push(&mut self, item: T) {
        self.items[usize::from(self.len)] = item;
        self.len += 1;
    }

    pub(crate) fn remove(&mut self, index: usize) -> T {
        let removed = self.items[index];
        self.items.copy_within(index + 1..usize::from(self.len), index);
        self.len -= 1;
        removed
    }

    pub(crate) fn clear(&mut self) {
        self.len = 0;
    }
}

impl<T, const N: usize> std::ops::Deref for List<T, N> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.items[..usize::from(self.len)]
    }
}

/// Something that a program has asked for and that has not happened yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// A load that only an observer looks at.
    Observe {
        word: WordId,
        register: Register,
    },
    Store {
        word: WordId,
        value: Answer,
        release: bool,
    },
    /// The write of a read-modify-write that has read: until it has happened
    /// nobody else writes the word.
    Exclusive {
        word: WordId,
        value: Answer,
    },
    /// A read-modify-write, both halves of it.
    Posted {
        word: WordId,
        change: Posted,
        bits: Answer,
        release: bool,
    },
    /// Stores after it wait for everything of that kind before it.
    Fence(Barrier),
    /// An interrupt on its way to a CPU.
    Poke(u8),
}

/// What a posted read-modify-write does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Posted {
    Swap,
    Set,
    Clear,
    Add,
}

impl Posted {
    pub(crate) const fn of(change: Change) -> (Self, u64) {
        match change {
            Change::Swap(new) => (Self::Swap, new),
            Change::Set(bits) => (Self::Set, bits),
            Change::Clear(bits) => (Self::Clear, bits),
            Change::Add(count) => (Self::Add, count),
        }
    }

    pub(crate) const fn with(self, operand: u64) -> Change {
        match self {
            Self::Swap => Change::Swap(operand),
            Self::Set => Change::Set(operand),
            Self::Clear => Change::Clear(operand),
            Self::Add => Change::Add(operand),
        }
    }
}

impl Entry {
    /// The word that the entry writes.
    pub(crate) const fn writes(self) -> Option<WordId> {
        match self {
            Self::Store { word, .. } | Self::Exclusive { word, .. } | Self::Posted { word, .. } => Some(word),
            Self::Observe { .. } | Self::Fence(_) | Self::Poke(_) => None,
        }
    }

    /// Whether the entry is an access of memory.
    pub(crate) const fn is_access(self) -> bool {
        !matches!(self, Self::Fence(_) | Self::Poke(_))
    }

    /// Whether the entry waits for all accesses before it.
    pub(crate) const fn releases(self) -> bool {
        matches!(self, Self::Store { release: true, .. } | Self::Posted { release: true, .. })
    }
}

/// One CPU.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CpuState {
    /// Where its programs stand: the body, and on top of it a handler.
    pub(crate) frames: List<Node, 2>,
    /// An interrupt has arrived and was not taken yet.
    pub(crate) pending: bool,
    /// Pokes are dropped.
    pub(crate) dead: bool,
    /// What has not happened yet, oldest first.
    pub(crate) window: List<Entry, MAX_WINDOW>,
    /// For each word, the oldest version that it may still read, counted from
    /// the one in `base`.
    pub(crate) oldest: [u8; MAX_WORDS],
    /// The same for instruction fetches, for each word that holds code.
    pub(crate) oldest_code: [u8; MAX_CODE],
}

/// All of the machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct State {
    pub(crate) cpus: [CpuState; MAX_CPUS],
    pub(crate) registers: [Answer; MAX_REGISTERS],
    /// The oldest version of each word that anybody can still read.
    pub(crate) base: [Answer; MAX_WORDS],
    /// The newer versions of all words, in the order in which they were
    /// written: all CPUs agree on it (multi-copy atomicity).
    pub(crate) log: List<(WordId, Answer), MAX_LOG>,
}

/// The sizes that the bytes of a state depend on.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub(crate) cpus: usize,
    pub(crate) registers: usize,
    pub(crate) code: Vec<WordId>,
    /// The first values of all words.
    pub(crate) first: Vec<Answer>,
}

impl State {
    pub(crate) fn new(layout: &Layout) -> Self {
        let cpu = CpuState {
            frames: List::new(0),
            pending: false,
            dead: false,
            window: List::new(Entry::Poke(0)),
            oldest: [0; MAX_WORDS],
            oldest_code: [0; MAX_CODE],
        };
        let mut base = [0; MAX_WORDS];
        base[..layout.first.len()].copy_from_slice(&layout.first);
        Self { cpus: [cpu; MAX_CPUS], registers: [0; MAX_REGISTERS], base, log: List::new((0, 0)) }
    }

    /// Whether there is room for what one step can add.
    pub(crate) fn has_room(&self, cpus: usize) -> bool {
        self.log.len() < MAX_LOG
            && self.cpus[..cpus].iter().all(|cpu| cpu.window.len() + MAX_CPUS < MAX_WINDOW)
    }

    /// The words with more than one version.
    pub(crate) fn versioned(&self) -> Words {
        self.log.iter().fold(0, |words, &(word, _)| words | bit(word))
    }

    /// Appends the bytes of the state.
    pub(crate) fn encode(&self, layout: &Layout, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.base[..layout.first.len()]);
        bytes.extend_from_slice(&self.registers[..layout.registers]);
        bytes.push(self.log.len() as u8);
        for &(word, value) in self.log.iter() {
            bytes.extend_from_slice(&[word, value]);
        }
        let versioned = self.versioned();
        for cpu in &self.cpus[..layout.cpus] {
            cpu.encode(versioned, &layout.code, bytes);
        }
    }

    /// The state of these bytes.
    pub(crate) fn decode(&mut self, layout: &Layout, bytes: &[u8]) {
        let mut bytes = Bytes(bytes);
        self.base[..layout.first.len()].copy_from_slice(bytes.take(layout.first.len()));
        self.registers[..layout.registers].copy_from_slice(bytes.take(layout.registers));
        self.log.clear();
        for _ in 0..bytes.one() {
            let (word, value) = (bytes.one(), bytes.one());
            self.log.push((word, value));
        }
        let versioned = self.versioned();
        for cpu in &mut self.cpus[..layout.cpus] {
            cpu.decode(versioned, &layout.code, &mut bytes);
        }
    }
}

impl CpuState {
    fn encode(&self, versioned: Words, code: &[WordId], bytes: &mut Vec<u8>) {
        let nested = self.frames.len() as u8 - 1;
        bytes.push(
            nested | u8::from(self.pending) << 1 | u8::from(self.dead) << 2 | (self.window.len() as u8) << 3,
        );
        for &node in self.frames.iter() {
            bytes.extend_from_slice(&node.to_le_bytes()[..3]);
        }
        for &entry in self.window.iter() {
            bytes.extend_from_slice(&entry.encode());
        }
        each(versioned, |word| bytes.push(self.oldest[usize::from(word)]));
        for (&word, &oldest) in code.iter().zip(&self.oldest_code) {
            if versioned & bit(word) != 0 {
                bytes.push(oldest);
            }
        }
    }

    fn decode(&mut self, versioned: Words, code: &[WordId], bytes: &mut Bytes<'_>) {
        let head = bytes.one();
        self.pending = head & 2 != 0;
        self.dead = head & 4 != 0;
        self.frames.clear();
        for _ in 0..=head & 1 {
            let node = bytes.take(3);
            self.frames.push(u32::from_le_bytes([node[0], node[1], node[2], 0]));
        }
        self.window.clear();
        for _ in 0..head >> 3 {
            self.window.push(Entry::decode(bytes.take(3)));
        }
        self.oldest = [0; MAX_WORDS];
        each(versioned, |word| self.oldest[usize::from(word)] = bytes.one());
        self.oldest_code = [0; MAX_CODE];
        for (&word, oldest) in code.iter().zip(&mut self.oldest_code) {
            if versioned & bit(word) != 0 {
                *oldest = bytes.one();
            }
        }
    }
}

impl Entry {
    const BARRIERS: [Barrier; 4] = [Barrier::Full, Barrier::Write, Barrier::Acquire, Barrier::Release];

    fn encode(self) -> [u8; 3] {
        match self {
            Self::Observe { word, register } => [0, word, register],
            Self::Store { word, value, release } => [1 + u8::from(release), word, value],
            Self::Exclusive { word, value } => [3, word, value],
            Self::Posted { word, change, bits, release } => {
                [4 + change as u8 + 4 * u8::from(release), word, bits]
            }
            Self::Fence(barrier) => [12, barrier as u8, 0],
            Self::Poke(cpu) => [13, cpu, 0],
        }
    }

    fn decode(bytes: &[u8]) -> Self {
        let (word, operand) = (bytes[1], bytes[2]);
        match bytes[0] {
            0 => Self::Observe { word, register: operand },
            kind @ 1..=2 => Self::Store { word, value: operand, release: kind == 2 },
            3 => Self::Exclusive { word, value: operand },
            kind @ 4..=11 => {
                let change =
                    [Posted::Swap, Posted::Set, Posted::Clear, Posted::Add][usize::from((kind - 4) % 4)];
                Self::Posted { word, change, bits: operand, release: kind >= 8 }
            }
            12 => Self::Fence(Self::BARRIERS[usize::from(word)]),
            _ => Self::Poke(word),
        }
    }
}

/// Calls `body` for each word of a set, lowest first.
pub(crate) fn each(mut words: Words, mut body: impl FnMut(WordId)) {
    while words != 0 {
        body(words.trailing_zeros() as WordId);
        words &= words - 1;
    }
}

struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count);
        self.0 = rest;
        taken
    }

    fn one(&mut self) -> u8 {
        self.take(1)[0]
    }
}
