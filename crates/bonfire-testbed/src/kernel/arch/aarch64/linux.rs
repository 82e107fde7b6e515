//! What Linux tells programs differently on each architecture.

/// Whether `struct sigaction` has a word for the code by which handlers go back.
pub(crate) const HAS_RESTORER: bool = true;

/// What a program is told of its machine: floating point, vectors, atomic instructions.
pub(crate) fn auxiliary() -> [[u64; 2]; 1] {
    const HWCAP: u64 = 16;
    const FLOAT: u64 = 1 << 0;
    const VECTORS: u64 = 1 << 1;
    const ATOMICS: u64 = 1 << 8;
    [[HWCAP, FLOAT | VECTORS | ATOMICS]]
}
