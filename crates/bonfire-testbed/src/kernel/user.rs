//! Memory of the calling program, as far as it can be believed.
//!
//! An address from ring 3 is an allegation. The functions here compare it with
//! what the space has mapped; since areas never go, the answer stays true. What
//! stands there may change at any time: it is read once, and never borrowed.

use crate::space::Space;

/// The address is not mapped, or not writable.
#[derive(Debug)]
pub(crate) struct Fault;

/// Reads a value. `T` is plain: any bytes are one.
pub(crate) fn read<T: Plain>(space: &Space, address: u64) -> Result<T, Fault> {
    if !space.covers(address, size_of::<T>() as u64, false) {
        return Err(Fault);
    }
    // SAFETY: mapped, in the space that is loaded; any bytes are a `T`.
    Ok(unsafe { (address as *const T).read_unaligned() })
}

/// Writes a value.
pub(crate) fn write<T: Plain>(space: &Space, address: u64, value: T) -> Result<(), Fault> {
    if !space.covers(address, size_of::<T>() as u64, true) {
        return Err(Fault);
    }
    // SAFETY: mapped and writable, in the space that is loaded; no Rust object
    // of the kernel's lies in the user's half.
    unsafe { (address as *mut T).write_unaligned(value) };
    Ok(())
}

/// Copies bytes into `to`.
pub(crate) fn read_bytes(space: &Space, address: u64, to: &mut [u8]) -> Result<(), Fault> {
    if !space.covers(address, to.len() as u64, false) {
        return Err(Fault);
    }
    // SAFETY: mapped, in the space that is loaded, and not in the kernel's half.
    unsafe { (address as *const u8).copy_to_nonoverlapping(to.as_mut_ptr(), to.len()) };
    Ok(())
}

/// Values of which every byte pattern is one.
///
/// # Safety
/// They are, and they have no padding.
pub(crate) unsafe trait Plain: Copy {}
// SAFETY: integers.
unsafe impl Plain for u32 {}
// SAFETY: integers.
unsafe impl Plain for u64 {}
// SAFETY: arrays of integers.
unsafe impl<const N: usize> Plain for [u32; N] {}
// SAFETY: arrays of integers.
unsafe impl<const N: usize> Plain for [u64; N] {}
