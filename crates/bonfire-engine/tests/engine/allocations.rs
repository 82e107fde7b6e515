//! No call and no hook allocates.

use std::cell::Cell;
use std::sync::atomic::{Ordering, fence};

use bonfire_engine::abi::{Call, Command, Cpu, Flavour};
use bonfire_engine::core_sync::{CoreSync, RISCV, Settle};
use bonfire_engine::{
    AddressSpace, AtomicWord, CpuSet, Engine, Everywhere, Groups, Kernel, LockedMask, Machine, Mask,
    Occupant, Parts, RunQueues, Running, Site, Task, Thread, ThreadList, Threads, Users, Woken, Word,
};

use crate::sys::allocations;

/// A machine that keeps nothing: CPU 1 answers when it is waited for.
#[derive(Default)]
pub(crate) struct Bare(Cell<u32>);

impl Machine for Bare {
    type Word = AtomicWord;
    type Pin = ();
    const CORE_SYNC: Option<CoreSync<Self>> =
        Some(CoreSync { row: RISCV, sync: |_, _| fence(Ordering::SeqCst), settle: Settle::AtOnce });
    const RESTART_RSEQ: Option<fn(&Self)> = Some(|_| ());

    fn cpus(&self) -> usize {
        200
    }
    fn pin(&self) {}
    fn this_cpu(&self, (): &()) -> Cpu {
        Cpu(0)
    }
    fn without_interrupts<R>(&self, body: impl FnOnce() -> R) -> R {
        body()
    }
    fn fence(&self, _: Site) {
        fence(Ordering::SeqCst);
    }
    fn poke<K: Kernel>(&self, cpus: &CpuSet<K>) {
        let count = cpus.iter().count();
        self.0.set(self.0.get() + u32::try_from(count).unwrap_or(u32::MAX));
    }
    fn wait_until(&self, word: &AtomicWord, at_least: u64, _: &AtomicWord, _: u64) -> Woken {
        // Nobody else is there to answer.
        word.store(at_least, Ordering::Relaxed);
        Woken::Reached
    }
}

impl RunQueues for Bare {
    fn with_run_queue<R>(&self, _: Cpu, body: impl FnOnce() -> R) -> R {
        body()
    }
}

/// A kernel on this machine, with room for that many times 64 CPUs.
pub(crate) type With<D, const N: usize = 4> = Parts<Bare, D, Groups<N>>;

impl<const N: usize> ThreadList<With<Threads, N>> for Bare {
    fn for_each_thread(&self, _: &AddressSpace<With<Threads, N>>, _: impl FnMut(&Thread<With<Threads, N>>)) {}
}

/// Every call and every hook of one design; returns how many CPUs were poked.
fn exercise<K: Kernel<Machine = Bare>>() -> u32 {
    let engine: Engine<K> = Engine::new(Bare(Cell::new(0)));
    let (space, child, thread) = (AddressSpace::new(), AddressSpace::new(), Thread::new());
    let task = Task { space: &space, thread: &thread };
    for cpu in 0..200 {
        assert!(engine.online(Cpu(cpu)).is_ok());
    }
    engine.switch(Cpu(0), Occupant::Kernel, Occupant::User(task));
    for number in (0..12).map(|bit| 1 << bit).chain([0, 3, -1]) {
        for flags in [0, 1] {
            let _ = engine.membarrier(task, Users::Several, Call { number, flags, cpu_id: 130 });
        }
    }
    for flavour in Flavour::ALL {
        assert!(engine.membarrier(task, Users::Several, Call::new(flavour.command())).is_ok());
    }
    assert!(engine.membarrier(task, Users::Several, Call::new(Command::Global)).is_ok());
    engine.fork(&space, &child);
    engine.handle_poke(Cpu(0));
    engine.exec(Cpu(0), task, &child);
    engine.exit(Cpu(0), Task { space: &child, thread: &thread });
    engine.borrow_space(Cpu(0), Occupant::Borrower(&child), task);
    engine.return_space(Cpu(0), task);
    engine.switch(Cpu(0), Occupant::Borrower(&space), Occupant::Kernel);
    engine.offline(Cpu(0));
    engine.machine().0.get()
}

#[test]
fn no_call_and_no_hook_allocates_in_any_design() {
    let before = allocations();
    let poked = [
        exercise::<With<Everywhere>>(),
        exercise::<With<Running>>(),
        exercise::<With<Mask>>(),
        exercise::<With<LockedMask>>(),
        exercise::<With<Threads>>(),
    ];
    assert_eq!(allocations(), before);
    assert!(poked.iter().all(|&poked| poked >= 199), "GLOBAL reaches everybody: {poked:?}");

    // The counter counts.
    drop(std::hint::black_box(Box::new(0)));
    assert_eq!(allocations(), before + 1);
}
