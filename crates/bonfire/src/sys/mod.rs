//! The platform: what the rest of the crate asks of the system underneath.
//!
//! Each platform is one file (Linux a folder) with the same functions:
//!
//! - `light()`, the light fence: nothing but an order to the compiler where
//!   `call` can reach the other threads, a full fence where it cannot;
//! - `call(call)`, the call as it is;
//! - `register(flavour)`, which opens the gate of a barrier that there is;
//! - `may_call(commands)`, whether a filter kills for them, asked so that asking harms
//!   nobody, and `may_be_filtered()`, what was seen of one on the way;
//! - `word()`, a word that is zero again in a forked child, once `prepare()` was called;
//! - `complain(text)`, which says why the process is about to die;
//! - `settler()`, which gives each thread of the self-test a CPU of its own, and
//!   `cpus()`, how many there are for it;
//! - `signal`, fences by signals, or the refusal of them (feature `signal`);
//! - `process_id()` and `is_single_threaded()`, which say what they are called.
//!
//! Where the system is known but the instruction that traps into it is not,
//! under Miri, and with `--cfg bonfire_fences`, it is `platform.rs`: full fences
//! on both sides.

// Without any of these paths it is `platform.rs`, of full fences.
#[cfg_attr(any(loom, feature = "loom"), path = "loom.rs")]
#[cfg_attr(
    all(
        not(any(loom, feature = "loom", miri, bonfire_fences)),
        any(target_os = "linux", target_os = "android"),
        any(
            target_arch = "x86_64",
            target_arch = "x86",
            target_arch = "aarch64",
            target_arch = "arm",
            target_arch = "riscv64",
            target_arch = "powerpc64",
            target_arch = "s390x",
        )
    ),
    path = "linux/mod.rs"
)]
#[cfg_attr(
    all(not(any(loom, feature = "loom", miri, bonfire_fences)), target_os = "freebsd"),
    path = "freebsd.rs"
)]
#[cfg_attr(all(not(any(loom, feature = "loom", miri, bonfire_fences)), windows), path = "windows.rs")]
mod platform;

#[cfg(feature = "std")]
pub(crate) mod cold;

#[cfg(all(
    feature = "early",
    not(any(loom, feature = "loom", miri, bonfire_fences)),
    any(target_os = "linux", target_os = "freebsd")
))]
mod early;

/// The atomics of what loom is to see.
#[cfg(not(any(loom, feature = "loom")))]
pub(crate) use core::sync::atomic;
#[cfg(any(loom, feature = "loom"))]
pub(crate) use loom::sync::atomic;

pub(crate) use atomic::fence;
pub(crate) use platform::*;
