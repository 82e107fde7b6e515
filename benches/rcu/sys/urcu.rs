//! liburcu's flavours, inlined in C.

use core::ffi::c_ulong;
use std::sync::atomic::AtomicPtr;

use super::boxed;
use crate::peers::{Peer, Value};

macro_rules! flavour {
    ($flavour:ident, $name:literal, $register:ident, $unregister:ident, $sections:ident, $swap:ident) => {
        pub(crate) mod $flavour {
            use super::*;

            unsafe extern "C" {
                fn $register();
                fn $unregister();
                fn $sections(shared: *const AtomicPtr<Value>, count: c_ulong) -> c_ulong;
                fn $swap(shared: *const AtomicPtr<Value>, new: *mut Value) -> *mut Value;
            }

            pub(crate) struct Flavour(AtomicPtr<Value>);

            impl Flavour {
                pub(crate) fn new() -> Self {
                    Self(boxed())
                }
            }

            impl Peer for Flavour {
                fn name(&self) -> &'static str {
                    $name
                }

                fn sections(&self, count: u64) -> u64 {
                    // SAFETY: a thread registers once, here.
                    unsafe { $register() };
                    // SAFETY: the pointer lives through the call, and is to a value whose
                    // first word is read; what it was is freed behind a grace period.
                    let sum = unsafe { $sections(&raw const self.0, count as c_ulong) };
                    // SAFETY: it has registered.
                    unsafe { $unregister() };
                    sum
                }

                fn update(&self) {
                    let new = Box::into_raw(Box::new(Value::new(2)));
                    // SAFETY: the calling thread is in no section.
                    let old = unsafe { $swap(&raw const self.0, new) };
                    // SAFETY: it came from a box, was replaced, and a grace period is over.
                    drop(unsafe { Box::from_raw(old) });
                }
            }
        }
    };
}

flavour!(
    memb,
    "liburcu-memb, inlined",
    bonfire_register_memb,
    bonfire_unregister_memb,
    bonfire_sections_memb,
    bonfire_swap_memb
);
flavour!(
    bp,
    "liburcu-bp, inlined",
    bonfire_register_bp,
    bonfire_unregister_bp,
    bonfire_sections_bp,
    bonfire_swap_bp
);
flavour!(
    qsbr,
    "liburcu-qsbr, inlined",
    bonfire_register_qsbr,
    bonfire_unregister_qsbr,
    bonfire_sections_qsbr,
    bonfire_swap_qsbr
);

/// All of them.
pub(crate) fn all() -> [Box<dyn Peer>; 3] {
    [Box::new(memb::Flavour::new()), Box::new(bp::Flavour::new()), Box::new(qsbr::Flavour::new())]
}

/// Waits for a grace period of liburcu-memb.
pub(crate) fn synchronize_memb() {
    unsafe extern "C" {
        fn bonfire_synchronize_memb();
    }
    // SAFETY: takes nothing, and the calling thread is in no section.
    unsafe { bonfire_synchronize_memb() }
}
