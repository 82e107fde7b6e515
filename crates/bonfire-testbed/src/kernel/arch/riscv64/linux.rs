//! What Linux tells programs differently on each architecture.

/// Whether `struct sigaction` has a word for the code by which handlers go back.
pub(crate) const HAS_RESTORER: bool = false;

/// What a program is told of its machine: the extensions I, M, A, F, D and C.
pub(crate) fn auxiliary() -> [[u64; 2]; 1] {
    const HWCAP: u64 = 16;
    let extensions = b"imafdc".iter().fold(0, |set, letter| set | 1 << (letter - b'a'));
    [[HWCAP, extensions]]
}
