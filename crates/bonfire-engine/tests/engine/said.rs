//! What the engine's types say of themselves.

use crate::inline::With;
use bonfire_engine::abi::Cpu;
use bonfire_engine::{BeyondCapacity, CpuSet, Refused, Running, Site};

#[test]
fn every_site_has_a_name_of_its_own() {
    let names: std::collections::BTreeSet<_> = Site::ALL.into_iter().map(Site::name).collect();
    assert_eq!(names.len(), Site::ALL.len());
    for site in Site::ALL {
        assert_eq!(site.name(), format!("{site:?}"));
    }
}

#[test]
fn an_error_says_what_to_do() {
    assert!(Refused::NotRegistered.to_string().contains("issue its REGISTER command first"));
    assert!(BeyondCapacity(Cpu(64)).to_string().contains("CPU 64 is beyond the engine's capacity"));
}

#[test]
fn sets_of_cpus_are_equal_that_have_the_same() {
    let set = |cpus: &[u32]| {
        let mut set = CpuSet::<With<Running>>::EMPTY;
        cpus.iter().for_each(|&cpu| set.add(Cpu(cpu)));
        set
    };
    assert!(set(&[1, 2]) == set(&[2, 1]));
    assert!(set(&[1, 2]) != set(&[1]));
}
