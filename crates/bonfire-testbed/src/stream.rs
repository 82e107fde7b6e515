//! The serial line of a machine that runs a given program: what the program writes, in
//! pieces that say where it wrote them, between lines of the kernel's.
//!
//! A piece is [`MARK`], the [`Source`], the length as two bytes, the lower first, and
//! that many bytes. The kernel sends each in one go.

/// The kernel's first byte: what came before it is firmware's.
pub const BEGIN: u8 = 0x01;
/// What a piece begins with; the kernel's lines are text and have no such byte.
pub const MARK: u8 = 0x02;
/// The longest piece.
pub const LONGEST: usize = 512;

/// What a piece is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Source {
    /// Written to standard output.
    Output = 1,
    /// Written to standard error.
    Error = 2,
    /// The program has ended: an [`End`].
    End = 3,
    /// The program is about to run its first instruction: a byte that says nothing.
    Start = 4,
}

impl Source {
    /// The head of a piece of so many bytes.
    #[must_use]
    pub const fn head(self, length: u16) -> [u8; 4] {
        let [low, high] = length.to_le_bytes();
        [MARK, self as u8, low, high]
    }

    const fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Output),
            2 => Some(Self::Error),
            3 => Some(Self::End),
            4 => Some(Self::Start),
            _ => None,
        }
    }
}

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// Its status word, as `wait4` has it.
    pub status: i32,
    /// The most memory that programs had at one time, in bytes.
    pub most_memory: u64,
}

impl End {
    /// How many bytes it is on the line.
    pub const LENGTH: usize = 12;

    /// As it goes over the line: the lowest byte of each number first.
    #[must_use]
    pub fn to_bytes(self) -> [u8; Self::LENGTH] {
        let mut bytes = [0; Self::LENGTH];
        bytes[..4].copy_from_slice(&self.status.to_le_bytes());
        bytes[4..].copy_from_slice(&self.most_memory.to_le_bytes());
        bytes
    }

    /// What came over the line; `None` if it is too short.
    ///
    /// ```
    /// use bonfire_testbed::stream::End;
    /// let end = End { status: 256, most_memory: 1 << 40 };
    /// assert_eq!(End::from_bytes(&end.to_bytes()), Some(end));
    /// assert_eq!(End::from_bytes(&[0; 4]), None);
    /// ```
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (status, rest) = bytes.split_first_chunk()?;
        let most_memory = rest.first_chunk()?;
        Some(Self { status: i32::from_le_bytes(*status), most_memory: u64::from_le_bytes(*most_memory) })
    }
}

/// Takes a line apart, byte by byte.
#[derive(Debug, Default)]
pub struct Splitter {
    head: [u8; 4],
    /// How much of a head has been seen.
    seen: usize,
    source: Option<Source>,
    left: u16,
}

/// Whose byte it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Byte {
    /// The kernel's.
    Kernel(u8),
    /// Part of a piece.
    Program(Source, u8),
    /// Part of a head: nobody's.
    Head,
}

impl Splitter {
    /// Says of the next byte whose it is. A damaged piece is the kernel's.
    ///
    /// ```
    /// use bonfire_testbed::stream::{Byte, Source, Splitter};
    /// let mut splitter = Splitter::default();
    /// let [first, rest @ ..] = Source::Error.head(1);
    /// assert_eq!(splitter.take(b'k'), Byte::Kernel(b'k'));
    /// assert_eq!(splitter.take(first), Byte::Head);
    /// assert!(rest.iter().all(|&byte| splitter.take(byte) == Byte::Head));
    /// assert_eq!(splitter.take(b'p'), Byte::Program(Source::Error, b'p'));
    /// assert_eq!(splitter.take(b'k'), Byte::Kernel(b'k'));
    /// ```
    pub fn take(&mut self, byte: u8) -> Byte {
        if let Some(source) = self.source.filter(|_| self.left > 0) {
            self.left -= 1;
            return Byte::Program(source, byte);
        }
        if self.seen == 0 && byte != MARK {
            return Byte::Kernel(byte);
        }
        self.head[self.seen] = byte;
        self.seen += 1;
        if self.seen == self.head.len() {
            let [_, number, low, high] = self.head;
            self.source = Source::from_number(number);
            self.left = u16::from_le_bytes([low, high]);
            self.seen = 0;
        }
        Byte::Head
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn pieces_come_back_whole_whatever_they_hold() {
        let every_byte: Vec<u8> = (0..=255).collect();
        for source in [Source::Output, Source::Error, Source::End, Source::Start] {
            let mut line = b"kernel: one\n".to_vec();
            line.extend(source.head(256));
            line.extend(&every_byte);
            line.extend(Source::Output.head(0));
            line.extend(b"two\n");
            let mut splitter = Splitter::default();
            let bytes: Vec<Byte> = line.into_iter().map(|byte| splitter.take(byte)).collect();
            let kernel: Vec<u8> =
                bytes.iter().filter_map(|b| if let Byte::Kernel(b) = b { Some(*b) } else { None }).collect();
            assert_eq!(kernel, b"kernel: one\ntwo\n");
            let program = bytes.iter().filter_map(|b| match b {
                Byte::Program(from, byte) if *from == source => Some(*byte),
                _ => None,
            });
            assert!(program.eq(every_byte.iter().copied()), "{source:?}");
        }
    }
}
