//! From an address to a function.

use crate::Function;
use crate::memory::Space;
use crate::sys::Memory;

/// An address at which code is executed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Address(pub(crate) *const u8);

// SAFETY: an address. Who executes what stands there says why that is right.
unsafe impl Send for Address {}
// SAFETY: as above.
unsafe impl Sync for Address {}

/// The function that stands in `space`.
#[inline(always)]
pub(crate) fn to_function<F: Function, M: Memory>(space: &Space<M>) -> F {
    const { assert!(size_of::<F>() == size_of::<*const u8>(), "a function pointer") };
    let address = space.executable();
    // SAFETY: `Function` is sealed, and implemented by pointers to functions alone, which are
    // of the size and the form of this pointer on the architectures in `arch`. Whoever made the
    // space vouched for the function that stands there (`Arena::place`).
    unsafe { std::mem::transmute_copy::<*const u8, F>(&address) }
}
