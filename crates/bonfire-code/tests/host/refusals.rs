//! Kernels, filters and policies that refuse: the cause is named, and nothing weaker is done.
//!
//! What a filter refuses is remembered by the process, so each of these is a process of its
//! own: the test runs itself, with the name of one situation.
#![cfg(target_os = "linux")]

use std::process::Command;

use bonfire_code::{Arena, Fault, Options, Protection, Publisher};

use crate::machine::number;
use crate::sys;

/// A situation: its name, and what happens in it.
type Situation = (&'static str, fn());

const SITUATIONS: [Situation; 6] = [
    ("membarrier is refused", || {
        sys::refuse(libc::SYS_membarrier, None, libc::EPERM);
        let fault = Publisher::register_allowed().map(drop).expect_err("refused");
        assert!(matches!(fault, Fault::NoSyncCore(_)), "{fault}");
        assert!(fault.to_string().contains("Announcer"), "{fault}");
    }),
    ("there is no file in memory", || {
        sys::refuse(libc::SYS_memfd_create, None, libc::ENOSYS);
        let fault = Arena::new().map(drop).expect_err("refused");
        assert!(fault.to_string().contains("make a file in memory"), "{fault}");
        Arena::<Protection>::of(Options::default()).expect("the other kind of memory");
    }),
    ("a policy refuses to map a file as code", || {
        sys::refuse(libc::SYS_mmap, Some(libc::PROT_EXEC as u32), libc::EACCES);
        let fault = Arena::new().map(drop).expect_err("refused");
        assert!(fault.to_string().contains("security policy"), "{fault}");
    }),
    ("a policy refuses to make memory executable", || {
        sys::refuse(libc::SYS_mprotect, Some(libc::PROT_EXEC as u32), libc::EACCES);
        let arena = Arena::<Protection>::of(Options::default()).expect("nothing is executable yet");
        let fault = sys::place(&arena, &number(1)).map(drop).expect_err("refused");
        assert!(fault.to_string().contains("security policy"), "{fault}");
        assert_eq!(arena.taken(), 0, "and nothing is kept");
    }),
    ("a child does not execute its parent's code", || {
        let arena = Arena::new().expect("memory");
        let is_refused = sys::in_child(|| matches!(sys::place(&arena, &number(1)), Err(Fault::Forked)));
        assert!(is_refused);
        drop(sys::place(&arena, &number(1)).expect("the parent goes on"));
    }),
    #[cfg(target_arch = "riscv64")]
    ("the caches cannot be maintained", || {
        sys::refuse(259, None, libc::EPERM);
        let arena = Arena::new().expect("memory");
        let fault = sys::clear_cache(&arena).expect_err("refused");
        assert!(fault.to_string().contains("riscv_flush_icache"), "{fault}");
    }),
    #[cfg(not(target_arch = "riscv64"))]
    ("no call is made for caches", || {
        let arena = Arena::new().expect("memory");
        sys::clear_cache(&arena).expect("maintained by instructions");
    }),
];

const NAME: &str = "BONFIRE_CODE_SITUATION";

#[test]
fn what_is_refused_is_told_by_its_cause() {
    if let Ok(name) = std::env::var(NAME) {
        let situation = SITUATIONS.iter().find(|(known, _)| *known == name).expect("a situation");
        return situation.1();
    }
    for (name, _) in SITUATIONS {
        let itself = std::env::current_exe().expect("this program");
        let child = Command::new(itself)
            .args([
                "--exact",
                "refusals::what_is_refused_is_told_by_its_cause",
                "--nocapture",
                "--test-threads=1",
            ])
            .env(NAME, name)
            .output()
            .expect("started");
        assert!(child.status.success(), "{name}: {}", String::from_utf8_lossy(&child.stderr));
    }
}
