//! The `bonfire` command from the outside: the real binary, run as users,
//! scripts and other programs run it.

mod bench;
mod command;
mod denied;
mod emulated;
mod fences;
mod filters;
mod interrupts;
mod needs;
#[expect(unsafe_code, reason = "no safe library has seccomp's notifications")]
#[path = "sys/notify.rs"]
mod notify;
mod report;
#[cfg(not(any(target_arch = "powerpc64", target_arch = "s390x")))]
mod scale;
mod support;
mod young;
