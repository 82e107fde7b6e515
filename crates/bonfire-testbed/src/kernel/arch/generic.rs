//! What Linux tells programs alike on all architectures that came after its first.

/// Linux's `struct stat`, of which the mode, the links, the length and the size of a block are
/// filled in.
pub(crate) fn status_words(mode: u64, length: u64) -> [u64; 16] {
    const MODE_AND_LINKS: usize = 2;
    const LENGTH: usize = 6;
    const BLOCK: usize = 7;
    let mut words = [0u64; 16];
    (words[MODE_AND_LINKS], words[LENGTH], words[BLOCK]) = (mode | 1 << 32, length, 4096);
    words
}
