//! What reports say of a thread: what the system calls it, and where it is.

use core::panic::Location;
use core::ptr;

/// The number of the calling thread, by which a debugger or `/proc` finds it; where the
/// system does not say, one that no other thread of the process has.
pub(crate) fn this_thread() -> u64 {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    // SAFETY: takes nothing and cannot fail.
    return unsafe { libc::syscall(libc::SYS_gettid) } as u64;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    {
        use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
        static NEXT: AtomicU64 = AtomicU64::new(1);
        std::thread_local!(static NUMBER: u64 = NEXT.fetch_add(1, Relaxed));
        NUMBER.try_with(|number| *number).unwrap_or(0)
    }
}

/// A place in the source as a number.
#[cfg(feature = "where")]
#[inline(always)]
pub(crate) fn to_number(place: &'static Location<'static>) -> u64 {
    ptr::from_ref(place).expose_provenance() as u64
}

/// The place that a record notes, if it notes any.
pub(crate) fn to_place(number: u64) -> Option<&'static Location<'static>> {
    // SAFETY: null, or what `to_number` made of a place that is there for ever: nothing else
    // is noted.
    unsafe { ptr::with_exposed_provenance::<Location<'static>>(number as usize).as_ref() }
}
