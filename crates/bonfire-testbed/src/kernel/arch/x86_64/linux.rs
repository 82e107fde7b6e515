//! What Linux tells programs differently on each architecture.

/// Whether `struct sigaction` has a word for the code by which handlers go back.
pub(crate) const HAS_RESTORER: bool = true;

/// What a program is told of its machine: the time stamp counter and what else every x86-64 has,
/// it asks the CPU for.
pub(crate) fn auxiliary() -> [[u64; 2]; 0] {
    []
}

/// Linux's `struct stat`, of which the links, the mode, the length and the size of a block are
/// filled in.
pub(crate) fn status_words(mode: u64, length: u64) -> [u64; 18] {
    const LINKS: usize = 2;
    const MODE: usize = 3;
    const LENGTH: usize = 6;
    const BLOCK: usize = 7;
    let mut words = [0u64; 18];
    (words[LINKS], words[MODE], words[LENGTH], words[BLOCK]) = (1, mode, length, 4096);
    words
}
