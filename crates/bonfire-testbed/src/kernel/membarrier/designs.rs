//! All designs in one kernel, one of them chosen at boot.
//!
//! The engine takes its design as a type, which costs nothing; to have the
//! choice at run time this kernel makes an engine of each, gives every space and
//! thread what each of them keeps, and calls the chosen one by a table.

use super::machine::{GROUPS, Testbed};
use super::{Occupant, Space, Thread};
use crate::sched;
use bonfire_abi::{Call, Cpu, Result};
use bonfire_engine::core_sync::Return;
use bonfire_engine::{Engine, Everywhere, LockedMask, Machine, Mask, Running, Targets, Task, Threads, Users};
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering::Relaxed};

/// What a design needs to be one of several.
trait Design: Sized + 'static {
    type Machine: Machine;
    type Targets: Targets<Self::Machine, GROUPS>;

    fn engine() -> &'static EngineOf<Self>;
    fn space(space: &Space) -> &SpaceOf<Self>;
    fn thread(thread: &Thread) -> &ThreadOf<Self>;

    /// Calls `hook` as the design wants its hooks called.
    fn hooked(_: Cpu, hook: impl FnOnce(&'static EngineOf<Self>)) {
        hook(Self::engine());
    }
}

type EngineOf<D> = Engine<<D as Design>::Machine, <D as Design>::Targets, GROUPS>;
type SpaceOf<D> = bonfire_engine::AddressSpace<<D as Design>::Machine, <D as Design>::Targets, GROUPS>;
type ThreadOf<D> = bonfire_engine::Thread<<D as Design>::Machine, <D as Design>::Targets, GROUPS>;
type TaskOf<'a, D> = Task<'a, <D as Design>::Machine, <D as Design>::Targets, GROUPS>;

macro_rules! designs {
    ($($field:ident: $name:ident = $targets:ident on $machine:ty { $($more:item)* })*) => {
        /// What the engines keep of a space, and how many threads are in it.
        pub(crate) struct PerSpace {
            $(pub(super) $field: bonfire_engine::AddressSpace<$machine, $targets, GROUPS>,)*
            /// Linux's `mm_users`.
            pub(super) users: AtomicU32,
            pub(super) registered: super::owed::Registered,
        }

        /// What the engines keep of a thread.
        pub(crate) struct PerThread {
            $(pub(super) $field: bonfire_engine::Thread<$machine, $targets, GROUPS>,)*
        }

        impl PerSpace {
            /// Of a new space.
            pub(crate) const fn new() -> Self {
                Self {
                    $($field: bonfire_engine::AddressSpace::new(),)*
                    users: AtomicU32::new(0),
                    registered: super::owed::Registered::new(),
                }
            }
        }

        impl PerThread {
            /// Of a new thread.
            pub(crate) const fn new() -> Self {
                Self { $($field: bonfire_engine::Thread::new(),)* }
            }
        }

        $(struct $name;

        impl Design for $name {
            type Machine = $machine;
            type Targets = $targets;

            fn engine() -> &'static EngineOf<Self> {
                static ENGINE: EngineOf<$name> = Engine::new(Testbed);
                &ENGINE
            }
            fn space(space: &Space) -> &SpaceOf<Self> {
                &space.membarrier.$field
            }
            fn thread(thread: &Thread) -> &ThreadOf<Self> {
                &thread.membarrier.$field
            }
            $($more)*
        })*

        /// The designs by their numbers.
        const DESIGNS: &[&'static dyn Hooks] = &[$(&Chosen::<$name>(core::marker::PhantomData)),*];
    };
}

// In the order of `bonfire_testbed::Design`.
designs! {
    everywhere: InEverywhere = Everywhere on Testbed {}
    running: InRunning = Running on Testbed {}
    running_late: InRunningLate = Running on Testbed<true> {}
    mask: InMask = Mask on Testbed {}
    locked_mask: InLockedMask = LockedMask on Testbed {
        fn hooked(cpu: Cpu, hook: impl FnOnce(&'static EngineOf<Self>)) {
            sched::with_run_queue(cpu.0 as usize, || hook(Self::engine()));
        }
    }
    threads: InThreads = Threads on Testbed {}
}

static CHOSEN: AtomicUsize = AtomicUsize::new(bonfire_testbed::Design::Running as usize);

/// Chooses the design, before the first CPU is online.
pub(crate) fn choose(design: bonfire_testbed::Design) {
    CHOSEN.store(design as usize, Relaxed);
}

/// The number of the chosen one.
pub(super) fn chosen() -> usize {
    CHOSEN.load(Relaxed)
}

/// The chosen one.
pub(super) fn design() -> &'static dyn Hooks {
    DESIGNS[chosen()]
}

/// The engine's face without its types.
pub(super) trait Hooks: Sync {
    fn membarrier(&self, space: &Space, thread: &Thread, users: Users, call: Call) -> Result<u32>;
    fn fork(&self, parent: &Space, child: &Space);
    fn switch(&self, cpu: Cpu, from: Occupant, to: Occupant);
    fn exit(&self, cpu: Cpu, space: &Space, thread: &Thread);
    fn exec(&self, cpu: Cpu, old: &Space, new: &Space, thread: &Thread);
    fn use_mm(&self, cpu: Cpu, from: Occupant, space: &Space, thread: &Thread);
    fn unuse_mm(&self, cpu: Cpu, space: &Space, thread: &Thread);
    fn handle_poke(&self, cpu: Cpu, occupant: Occupant);
    fn before_user(&self, cpu: Cpu, way: Return);
    fn online(&self, cpu: Cpu);
    fn offline(&self, cpu: Cpu);
}

struct Chosen<D>(core::marker::PhantomData<fn() -> D>);

impl<D: Design> Hooks for Chosen<D> {
    fn membarrier(&self, space: &Space, thread: &Thread, users: Users, call: Call) -> Result<u32> {
        D::engine().membarrier(task::<D>(space, thread), users, call)
    }

    fn fork(&self, parent: &Space, child: &Space) {
        D::engine().fork(D::space(parent), D::space(child));
    }

    fn switch(&self, cpu: Cpu, from: Occupant, to: Occupant) {
        D::hooked(cpu, |engine| engine.switch(cpu, occupant::<D>(from), occupant::<D>(to)));
    }

    fn exit(&self, cpu: Cpu, space: &Space, thread: &Thread) {
        D::hooked(cpu, |engine| engine.exit(cpu, task::<D>(space, thread)));
    }

    fn exec(&self, cpu: Cpu, old: &Space, new: &Space, thread: &Thread) {
        D::hooked(cpu, |engine| engine.exec(cpu, task::<D>(old, thread), D::space(new)));
    }

    fn use_mm(&self, cpu: Cpu, from: Occupant, space: &Space, thread: &Thread) {
        D::hooked(cpu, |engine| engine.borrow_space(cpu, occupant::<D>(from), task::<D>(space, thread)));
    }

    fn unuse_mm(&self, cpu: Cpu, space: &Space, thread: &Thread) {
        D::hooked(cpu, |engine| engine.return_space(cpu, task::<D>(space, thread)));
    }

    fn handle_poke(&self, cpu: Cpu, who: Occupant) {
        D::engine().handle_poke(cpu, occupant::<D>(who));
    }

    fn before_user(&self, cpu: Cpu, way: Return) {
        D::engine().before_user(cpu, way);
    }

    fn online(&self, cpu: Cpu) {
        D::hooked(cpu, |engine| engine.online(cpu).expect("boot looked at the number of CPUs"));
    }

    fn offline(&self, cpu: Cpu) {
        D::hooked(cpu, |engine| engine.offline(cpu));
    }
}

fn task<'a, D: Design>(space: &'a Space, thread: &'a Thread) -> TaskOf<'a, D> {
    Task { space: D::space(space), thread: D::thread(thread) }
}

fn occupant<D: Design>(who: Occupant) -> bonfire_engine::Occupant<D::Machine, D::Targets, GROUPS> {
    match who {
        Occupant::User(space, thread) => bonfire_engine::Occupant::User(task::<D>(space, thread)),
        Occupant::Borrower(space) => bonfire_engine::Occupant::Borrower(D::space(space)),
        Occupant::Kernel => bonfire_engine::Occupant::Kernel,
    }
}
