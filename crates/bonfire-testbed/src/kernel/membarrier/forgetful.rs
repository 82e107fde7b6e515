//! A port that forgets hooks, for the experiment that no forgotten hook loses a
//! barrier: the chosen engine, behind a face that calls only the others.

use super::designs::Hooks;
use super::{Occupant, Space, Thread};
use bonfire_abi::{Call, Cpu};
use bonfire_engine::core_sync::Return;
use bonfire_engine::{Refused, Users};
use bonfire_testbed::Hook;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

static FORGOTTEN: AtomicU32 = AtomicU32::new(0);

/// Forgets these hooks from now on: before the first CPU is online.
pub(super) fn forget(hooks: bonfire_testbed::Hooks) {
    FORGOTTEN.store(hooks.bits(), Relaxed);
}

/// Whether any hook is forgotten.
pub(super) fn is_forgetful() -> bool {
    FORGOTTEN.load(Relaxed) != 0
}

fn remembers(hook: Hook) -> bool {
    !bonfire_testbed::Hooks::from_bits(FORGOTTEN.load(Relaxed)).contains(hook)
}

/// The engine that the other one would be without the forgotten hooks.
pub(super) struct Forgetful;

/// What calls go to that are not forgotten.
fn engine() -> &'static dyn Hooks {
    super::designs::engine()
}

impl Hooks for Forgetful {
    fn membarrier(&self, space: &Space, thread: &Thread, users: Users, call: Call) -> Result<u32, Refused> {
        engine().membarrier(space, thread, users, call)
    }

    fn mismatches(&self) -> u64 {
        engine().mismatches()
    }

    fn fork(&self, parent: &Space, child: &Space) {
        if remembers(Hook::Fork) {
            engine().fork(parent, child);
        }
    }

    fn switch(&self, cpu: Cpu, from: Occupant, to: Occupant) {
        if remembers(Hook::Switch) {
            engine().switch(cpu, from, to);
        }
    }

    fn exit(&self, cpu: Cpu, space: &Space, thread: &Thread) {
        if remembers(Hook::Exit) {
            engine().exit(cpu, space, thread);
        }
    }

    fn exec(&self, cpu: Cpu, old: &Space, new: &Space, thread: &Thread) {
        if remembers(Hook::Exec) {
            engine().exec(cpu, old, new, thread);
        }
    }

    fn use_mm(&self, cpu: Cpu, from: Occupant, space: &Space, thread: &Thread) {
        if remembers(Hook::BorrowSpace) {
            engine().use_mm(cpu, from, space, thread);
        }
    }

    fn unuse_mm(&self, cpu: Cpu, space: &Space, thread: &Thread) {
        if remembers(Hook::ReturnSpace) {
            engine().unuse_mm(cpu, space, thread);
        }
    }

    fn handle_poke(&self, cpu: Cpu) {
        if remembers(Hook::HandlePoke) {
            engine().handle_poke(cpu);
        }
    }

    fn before_user(&self, cpu: Cpu, way: Return) {
        if remembers(Hook::BeforeUser) {
            engine().before_user(cpu, way);
        }
    }

    fn online(&self, cpu: Cpu) {
        if remembers(Hook::Online) {
            engine().online(cpu);
        }
    }

    fn offline(&self, cpu: Cpu) {
        if remembers(Hook::Offline) {
            engine().offline(cpu);
        }
    }
}
