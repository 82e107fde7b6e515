//! The peers that only the table of sections needs.
#![expect(unsafe_code, reason = "a read side that is unsafe, and C")]

use std::sync::atomic::Ordering::Acquire;

/// A section of sdd's.
#[inline(always)]
pub(crate) fn sdd(shared: &sdd::AtomicShared<u64>) -> u64 {
    let guard = sdd::Guard::new();
    // SAFETY: the value is never replaced here.
    *unsafe { shared.load(Acquire, &guard).as_ref_unchecked() }.expect("it is not null")
}

/// liburcu's flavours.
#[cfg(urcu)]
pub(crate) mod urcu {
    use core::ffi::c_ulong;

    macro_rules! flavour {
        ($flavour:ident, $register:ident, $unregister:ident, $sections:ident) => {
            pub(crate) mod $flavour {
                use super::c_ulong;
                unsafe extern "C" {
                    fn $register();
                    fn $unregister();
                    fn $sections(shared: *mut *mut c_ulong, count: c_ulong) -> c_ulong;
                }
                /// Registers the calling thread as a reader while `body` runs.
                pub(crate) fn registered<R>(body: impl FnOnce() -> R) -> R {
                    // SAFETY: a thread may register once, and does.
                    unsafe { $register() };
                    let result = body();
                    // SAFETY: it has registered.
                    unsafe { $unregister() };
                    result
                }
                /// So many sections of a registered thread.
                pub(crate) fn sections(count: u64) -> u64 {
                    let mut value: c_ulong = 1;
                    let mut shared = &raw mut value;
                    // SAFETY: pointer and value live through the call.
                    unsafe { $sections(&raw mut shared, count as c_ulong) }
                }
            }
        };
    }
    flavour!(memb, bonfire_register_memb, bonfire_unregister_memb, bonfire_sections_memb);
    flavour!(qsbr, bonfire_register_qsbr, bonfire_unregister_qsbr, bonfire_sections_qsbr);
    flavour!(bp, bonfire_register_bp, bonfire_unregister_bp, bonfire_sections_bp);
}

/// Waits for a grace period of liburcu-memb.
#[cfg(urcu)]
pub(crate) fn synchronize_memb() {
    unsafe extern "C" {
        fn bonfire_synchronize_memb();
    }
    // SAFETY: takes nothing, and the calling thread is in no section.
    unsafe { bonfire_synchronize_memb() }
}
