//! What the engine costs in bytes: the numbers that `docs/porting.md` states.

use std::mem::{size_of, size_of_val};

use crate::allocations::{Bare, With};
use bonfire_engine::abi::Cpu;
use bonfire_engine::{AddressSpace, CpuSet, Engine, Everywhere, LockedMask, Mask, Running, Thread, Threads};

#[test]
fn a_cpu_costs_two_cache_lines_and_a_bit_in_every_design() {
    let group = 64 * 128;
    let of = |groups: usize| groups * group + (8 * groups).next_multiple_of(64);
    let machine = size_of::<Engine<With<Running, 1>>>() - of(1);
    assert_eq!(machine, 64, "the machine, on a line of its own");
    assert_eq!(size_of::<Engine<With<Running, 2>>>(), of(2) + machine);
    assert_eq!(size_of::<Engine<With<Running, 64>>>(), of(64) + machine);
    assert_eq!(size_of::<Engine<With<Threads, 4>>>(), size_of::<Engine<With<Running, 4>>>());
}

#[test]
fn a_set_holds_what_was_added_and_forgets_what_was_removed() {
    let mut set = CpuSet::<With<Everywhere, 3>>::EMPTY;
    assert!(set.is_empty());
    for cpu in [0, 63, 64, 191, 192, u32::MAX] {
        set.add(Cpu(cpu));
    }
    assert_eq!(set.iter().map(|cpu| cpu.0).collect::<Vec<_>>(), [0, 63, 64, 191]);
    assert!(!set.contains(Cpu(192)), "beyond the set");
    assert!(set.remove(Cpu(63)) && !set.remove(Cpu(63)) && !set.remove(Cpu(500)));
    assert_eq!(set.iter().map(|cpu| cpu.0).collect::<Vec<_>>(), [0, 64, 191]);
    assert_eq!(set.words(), [1, 1, 1 << 63]);
    assert_eq!(format!("{set:?}"), "{0, 64, 191}");
}

#[test]
fn an_address_space_costs_one_cache_line_and_its_mask() {
    assert_eq!(size_of::<AddressSpace<With<Everywhere, 64>>>(), 64);
    assert_eq!(size_of::<AddressSpace<With<Running, 64>>>(), 64);
    assert_eq!(size_of::<AddressSpace<With<Threads, 4>>>(), 64);
    // Up to 384 CPUs the mask fits beside the state; then 64 bytes for each 512.
    assert_eq!(size_of::<AddressSpace<With<Mask, 6>>>(), 64);
    assert_eq!(size_of::<AddressSpace<With<LockedMask, 8>>>(), 128);
    assert_eq!(size_of::<AddressSpace<With<Mask, 64>>>(), 576);
}

#[test]
fn a_thread_costs_nothing_but_where_threads_are_walked() {
    assert_eq!(size_of::<Thread<With<Running, 64>>>(), 0);
    assert_eq!(size_of::<Thread<With<Mask, 64>>>(), 0);
    assert_eq!(size_of::<Thread<With<Threads, 4>>>(), 8);
}

#[test]
fn each_word_of_each_cpu_has_a_name_and_nothing_else_has() {
    let engine: Engine<With<Running, 1>> = Engine::new(Bare::default());
    let start = std::ptr::from_ref(&engine).addr();
    let named: Vec<_> = (start..start + size_of_val(&engine)).filter_map(|at| engine.word_at(at)).collect();
    for cpu in (0..64).map(Cpu) {
        let mut names: Vec<&str> = named.iter().filter(|(of, _)| *of == cpu).map(|(_, name)| *name).collect();
        names.sort_unstable();
        let of_its_group: &[&str] = if cpu == Cpu(0) { &["doubted"] } else { &[] };
        let mut expected = [&["done", "mismatches", "owed", "request", "told"], of_its_group].concat();
        expected.sort_unstable();
        assert_eq!(names, expected);
    }
    assert_eq!(named.len(), 5 * 64 + 1);
    assert_eq!(engine.word_at(start + size_of_val(&engine)), None);
}
