//! Memory of the calling program, as far as it can be believed.
//!
//! An address from user mode is an allegation. The functions here look at what the space
//! has mapped, and go through the kernel's own view of the frames, with the space
//! locked: what another thread unmaps meanwhile goes after they are done. What
//! stands there may change at any time: it is read once, and never borrowed.

use crate::arch::PAGE;
use crate::space::{Space, Touch, Untouchable};
use core::mem::MaybeUninit;
use core::sync::atomic::AtomicU32;
use core::sync::atomic::Ordering::{AcqRel, Relaxed};

/// The address is not mapped, or not for that.
#[derive(Debug)]
pub(crate) struct Fault;

impl From<Untouchable> for Fault {
    fn from(_: Untouchable) -> Self {
        Self
    }
}

/// Reads a value; in one piece, if it is aligned. `T` is plain: any bytes are one.
pub(crate) fn read<T: Plain>(space: &Space, address: u64) -> Result<T, Fault> {
    if is_within_page::<T>(address) {
        return Ok(space.view(address, size_of::<T>() as u64, Touch::Read, |from| {
            // SAFETY: mapped while we are here; any bytes are a `T`.
            unsafe { from.cast::<T>().read_unaligned() }
        })?);
    }
    let mut value = MaybeUninit::<T>::zeroed();
    // SAFETY: as many bytes as a `T` has, all of them zero, and ours.
    let bytes = unsafe { core::slice::from_raw_parts_mut(value.as_mut_ptr().cast::<u8>(), size_of::<T>()) };
    read_bytes(space, address, bytes)?;
    // SAFETY: any bytes are a `T`.
    Ok(unsafe { value.assume_init() })
}

/// Writes a value; in one piece, if it is aligned.
pub(crate) fn write<T: Plain>(space: &Space, address: u64, value: T) -> Result<(), Fault> {
    if is_within_page::<T>(address) {
        return Ok(space.view(address, size_of::<T>() as u64, Touch::Write, |to| {
            // SAFETY: mapped while we are here; no Rust object of the kernel's lies there.
            unsafe { to.cast::<T>().write_unaligned(value) }
        })?);
    }
    // SAFETY: a plain value has no padding.
    let bytes = unsafe { core::slice::from_raw_parts((&raw const value).cast::<u8>(), size_of::<T>()) };
    write_bytes(space, address, bytes)
}

/// Stores `new` in the word if it is `old`, which nobody can change in between; whether it was.
pub(crate) fn exchange(space: &Space, address: u64, old: u32, new: u32) -> Result<bool, Fault> {
    if !address.is_multiple_of(size_of::<u32>() as u64) {
        return Err(Fault);
    }
    Ok(space.view(address, size_of::<u32>() as u64, Touch::Write, |word| {
        // SAFETY: mapped while we are here, aligned, and none of the kernel's objects.
        let word = unsafe { AtomicU32::from_ptr(word.cast()) };
        // AcqRel: UNPAIRED here; a program that takes the lock over finds what its holder did.
        word.compare_exchange(old, new, AcqRel, Relaxed).is_ok()
    })?)
}

fn is_within_page<T>(address: u64) -> bool {
    address % PAGE + size_of::<T>() as u64 <= PAGE
}

/// Copies bytes into `to`.
pub(crate) fn read_bytes(space: &Space, address: u64, to: &mut [u8]) -> Result<(), Fault> {
    let mut done = 0;
    while done < to.len() {
        let at = address.checked_add(done as u64).ok_or(Fault)?;
        let part = &mut to[done..];
        let length = part.len().min((PAGE - at % PAGE) as usize);
        space.view(at, length as u64, Touch::Read, |from| {
            // SAFETY: mapped while we are here, and none of the kernel's objects.
            unsafe { from.copy_to_nonoverlapping(part.as_mut_ptr(), length) }
        })?;
        done += length;
    }
    Ok(())
}

/// Copies bytes to the program.
pub(crate) fn write_bytes(space: &Space, address: u64, from: &[u8]) -> Result<(), Fault> {
    let mut done = 0;
    while done < from.len() {
        let at = address.checked_add(done as u64).ok_or(Fault)?;
        let part = &from[done..];
        let length = part.len().min((PAGE - at % PAGE) as usize);
        space.view(at, length as u64, Touch::Write, |to| {
            // SAFETY: mapped while we are here, and none of the kernel's objects.
            unsafe { to.copy_from_nonoverlapping(part.as_ptr(), length) }
        })?;
        done += length;
    }
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
