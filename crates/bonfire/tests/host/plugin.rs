//! Two copies of the crate in one process: the program's, and a loaded library's.

use std::thread;

use bonfire::process;
use bonfire_skip::{Cause, skip};

use crate::common::{assert_success, rounds, scenario, store_buffering};
use crate::sys::library::Plugin;

scenario!(two_copies_in_one_process_are_each_sound, two_copies, assert_success, || {
    // More than one thread, so that registering in an initialiser would stall.
    let (_keep, wait) = std::sync::mpsc::channel::<()>();
    thread::spawn(move || wait.recv());
    if bonfire::register().is_err() {
        skip!(Cause::Kernel("lets nobody register for membarrier here"));
    }
    let Some(plugin) = Plugin::load() else { skip!(Cause::Program { build: Plugin::BUILD }) };
    assert!(!(plugin.is_registered)(), "the copy learns for itself, with `early` too");
    // Until then its fences are full ones, on both sides.
    let (light, heavy) = (|| (plugin.light)(), || (plugin.heavy)());
    assert_eq!(store_buffering(rounds(500), 1, &light, &heavy).forbidden, 0);
    assert!((plugin.register)() && (plugin.is_registered)());
    check(&plugin);
});

/// Once both are registered, fences of one copy pair with those of the other.
fn check(plugin: &Plugin) {
    let light = || (plugin.light)();
    let heavy = || (plugin.heavy)();
    assert_eq!(store_buffering(rounds(500), 1, &light, &process::heavy).forbidden, 0);
    assert_eq!(store_buffering(rounds(500), 1, &process::light, &heavy).forbidden, 0);
    assert_eq!(store_buffering(rounds(500), 1, &light, &heavy).forbidden, 0);
}
