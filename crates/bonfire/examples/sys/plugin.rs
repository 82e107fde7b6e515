//! A library with its own copy of this crate, to be loaded into a program that
//! has one too: the tests do so.
//!
//! What it exports is what a plugin would do behind its own face.
#![expect(unsafe_code, reason = "exported names are promises to the linker")]

use bonfire::process;

/// Whether this copy knows that the process is registered.
// SAFETY: no other library of the tests exports this name.
#[unsafe(no_mangle)]
pub extern "C" fn plugin_is_registered() -> bool {
    process::is_registered()
}

/// Registers through this copy.
// SAFETY: no other library of the tests exports this name.
#[unsafe(no_mangle)]
pub extern "C" fn plugin_register() -> bool {
    bonfire::register().is_ok()
}

/// This copy's light fence.
// SAFETY: no other library of the tests exports this name.
#[unsafe(no_mangle)]
pub extern "C" fn plugin_light() {
    process::light();
}

/// This copy's heavy fence.
// SAFETY: no other library of the tests exports this name.
#[unsafe(no_mangle)]
pub extern "C" fn plugin_heavy() {
    process::heavy();
}

/// Installs a signal for this copy's heavy fences.
// SAFETY: no other library of the tests exports this name.
#[cfg(feature = "signal")]
#[unsafe(no_mangle)]
pub extern "C" fn plugin_install_signal(number: i32) -> bool {
    bonfire::Signal::install(number).is_ok()
}
