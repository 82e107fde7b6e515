//! What the engine costs in bytes: the numbers that `docs/porting.md` states.

use std::mem::{size_of, size_of_val};

use crate::allocations::Bare;
use bonfire_engine::abi::Cpu;
use bonfire_engine::{AddressSpace, Engine, Everywhere, LockedMask, Mask, Running, Thread, Threads};

#[test]
fn a_cpu_costs_two_cache_lines_in_every_design() {
    let group = 64 * 128;
    assert_eq!(size_of::<Engine<Bare, Running, 2>>() - size_of::<Engine<Bare, Running, 1>>(), group);
    assert_eq!(size_of::<Engine<Bare, Running, 64>>() - size_of::<Engine<Bare, Running, 1>>(), 63 * group);
    assert_eq!(size_of::<Engine<Bare, Threads, 4>>(), size_of::<Engine<Bare, Running, 4>>());
}

#[test]
fn an_address_space_costs_one_cache_line_and_its_mask() {
    assert_eq!(size_of::<AddressSpace<Bare, Everywhere, 64>>(), 64);
    assert_eq!(size_of::<AddressSpace<Bare, Running, 64>>(), 64);
    assert_eq!(size_of::<AddressSpace<Bare, Threads, 4>>(), 64);
    // Up to 448 CPUs the mask fits beside the state; then 64 bytes for each 512.
    assert_eq!(size_of::<AddressSpace<Bare, Mask, 7>>(), 64);
    assert_eq!(size_of::<AddressSpace<Bare, LockedMask, 8>>(), 128);
    assert_eq!(size_of::<AddressSpace<Bare, Mask, 64>>(), 576);
}

#[test]
fn a_thread_costs_nothing_but_where_threads_are_walked() {
    assert_eq!(size_of::<Thread<Bare, Running, 64>>(), 0);
    assert_eq!(size_of::<Thread<Bare, Mask, 64>>(), 0);
    assert_eq!(size_of::<Thread<Bare, Threads, 4>>(), 8);
}

#[test]
fn each_word_of_each_cpu_has_a_name_and_nothing_else_has() {
    let engine: Engine<Bare, Running, 1> = Engine::new(Bare::default());
    let start = std::ptr::from_ref(&engine).addr();
    let named: Vec<_> = (start..start + size_of_val(&engine)).filter_map(|at| engine.word_at(at)).collect();
    for cpu in (0..64).map(Cpu) {
        let mut names: Vec<&str> = named.iter().filter(|(of, _)| *of == cpu).map(|(_, name)| *name).collect();
        names.sort_unstable();
        assert_eq!(names, ["done", "occupant", "owed", "request"]);
    }
    assert_eq!(named.len(), 4 * 64);
    assert_eq!(engine.word_at(start + size_of_val(&engine)), None);
}
