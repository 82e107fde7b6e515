//! All designs in one kernel, one of them chosen at boot.
//!
//! The engine takes its design as a type, which costs nothing; to have the
//! choice at run time this kernel makes an engine of each, gives every space and
//! thread what each of them keeps, and calls the chosen one by a table.

use super::machine::{BEFORE_USER, IF_STALE, Testbed, With};
use super::{Occupant, Space, Thread};
use crate::sched;
use bonfire_abi::{Call, Cpu};
use bonfire_engine::core_sync::Return;
use bonfire_engine::{
    AddressSpace, Design, Engine, Everywhere, Kernel, LockedMask, Mask, Refused, Running, Task, Threads,
    Users,
};
use bonfire_testbed::Variant;
use core::marker::PhantomData;
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering::Relaxed};

/// What a variant needs to be one of several.
trait OneOfSeveral: Kernel {
    fn engine() -> &'static Engine<Self>;
    fn space(space: &Space) -> &AddressSpace<Self>;
    fn thread(thread: &Thread) -> &bonfire_engine::Thread<Self>;
}

macro_rules! variants {
    ($($field:ident: $kernel:ty),* $(,)?) => {
        /// What the engines keep of a space, and how many threads are in it.
        pub(crate) struct PerSpace {
            $(pub(super) $field: AddressSpace<$kernel>,)*
            /// Linux's `mm_users`.
            pub(super) users: AtomicU32,
            pub(super) registered: super::owed::Registered,
        }

        /// What the engines keep of a thread.
        pub(crate) struct PerThread {
            $(pub(super) $field: bonfire_engine::Thread<$kernel>,)*
        }

        impl PerSpace {
            /// Of a new space.
            pub(crate) const fn new() -> Self {
                Self {
                    $($field: AddressSpace::new(),)*
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

        $(impl OneOfSeveral for $kernel {
            fn engine() -> &'static Engine<Self> {
                static ENGINE: Engine<$kernel> = Engine::new(Testbed);
                &ENGINE
            }
            fn space(space: &Space) -> &AddressSpace<Self> {
                &space.membarrier.$field
            }
            fn thread(thread: &Thread) -> &bonfire_engine::Thread<Self> {
                &thread.membarrier.$field
            }
        })*

        /// The variants by their numbers.
        const VARIANTS: &[&'static dyn Hooks] = &[$(&Chosen::<$kernel>(PhantomData)),*];
    };
}

// In the order of `Variant::ALL`.
variants! {
    everywhere: With<Everywhere>,
    running: With<Running>,
    mask: With<Mask>,
    locked_mask: With<LockedMask>,
    threads: With<Threads>,
    running_late: With<Running, BEFORE_USER>,
    running_if_stale: With<Running, IF_STALE>,
}

static CHOSEN: AtomicUsize = AtomicUsize::new(0);

/// Chooses the variant, before the first CPU is online.
pub(super) fn choose(variant: Variant) {
    CHOSEN.store(variant.number(), Relaxed);
}

/// The chosen one.
pub(super) fn chosen() -> Variant {
    Variant::ALL[CHOSEN.load(Relaxed)]
}

/// The chosen engine.
pub(super) fn engine() -> &'static dyn Hooks {
    VARIANTS[CHOSEN.load(Relaxed)]
}

/// The engine's face without its types.
pub(super) trait Hooks: Sync {
    fn membarrier(&self, space: &Space, thread: &Thread, users: Users, call: Call) -> Result<u32, Refused>;
    fn mismatches(&self) -> u64;
    fn fork(&self, parent: &Space, child: &Space);
    fn switch(&self, cpu: Cpu, from: Occupant, to: Occupant);
    fn exit(&self, cpu: Cpu, space: &Space, thread: &Thread);
    fn exec(&self, cpu: Cpu, old: &Space, new: &Space, thread: &Thread);
    fn use_mm(&self, cpu: Cpu, from: Occupant, space: &Space, thread: &Thread);
    fn unuse_mm(&self, cpu: Cpu, space: &Space, thread: &Thread);
    fn handle_poke(&self, cpu: Cpu);
    fn before_user(&self, cpu: Cpu, way: Return);
    fn online(&self, cpu: Cpu);
    fn offline(&self, cpu: Cpu);
}

struct Chosen<K>(PhantomData<fn() -> K>);

/// Calls `hook` as the design wants its hooks called.
fn hooked<K: OneOfSeveral>(cpu: Cpu, hook: impl FnOnce(&'static Engine<K>)) {
    if Engine::<K>::DESIGN == Design::LockedMask {
        sched::with_run_queue(cpu.0 as usize, || hook(K::engine()));
    } else {
        hook(K::engine());
    }
}

impl<K: OneOfSeveral> Hooks for Chosen<K> {
    fn membarrier(&self, space: &Space, thread: &Thread, users: Users, call: Call) -> Result<u32, Refused> {
        K::engine().membarrier(task::<K>(space, thread), users, call)
    }

    fn mismatches(&self) -> u64 {
        K::engine().mismatches()
    }

    fn fork(&self, parent: &Space, child: &Space) {
        K::engine().fork(K::space(parent), K::space(child));
    }

    fn switch(&self, cpu: Cpu, from: Occupant, to: Occupant) {
        hooked::<K>(cpu, |engine| engine.switch(cpu, occupant::<K>(from), occupant::<K>(to)));
    }

    fn exit(&self, cpu: Cpu, space: &Space, thread: &Thread) {
        hooked::<K>(cpu, |engine| engine.exit(cpu, task::<K>(space, thread)));
    }

    fn exec(&self, cpu: Cpu, old: &Space, new: &Space, thread: &Thread) {
        hooked::<K>(cpu, |engine| engine.exec(cpu, task::<K>(old, thread), K::space(new)));
    }

    fn use_mm(&self, cpu: Cpu, from: Occupant, space: &Space, thread: &Thread) {
        hooked::<K>(cpu, |engine| engine.borrow_space(cpu, occupant::<K>(from), task::<K>(space, thread)));
    }

    fn unuse_mm(&self, cpu: Cpu, space: &Space, thread: &Thread) {
        hooked::<K>(cpu, |engine| engine.return_space(cpu, task::<K>(space, thread)));
    }

    fn handle_poke(&self, cpu: Cpu) {
        K::engine().handle_poke(cpu);
    }

    fn before_user(&self, cpu: Cpu, way: Return) {
        K::engine().before_user(cpu, way);
    }

    fn online(&self, cpu: Cpu) {
        hooked::<K>(cpu, |engine| engine.online(cpu).expect("boot looked at the number of CPUs"));
    }

    fn offline(&self, cpu: Cpu) {
        hooked::<K>(cpu, |engine| engine.offline(cpu));
    }
}

fn task<'a, K: OneOfSeveral>(space: &'a Space, thread: &'a Thread) -> Task<'a, K> {
    Task { space: K::space(space), thread: K::thread(thread) }
}

fn occupant<K: OneOfSeveral>(who: Occupant) -> bonfire_engine::Occupant<K> {
    match who {
        Occupant::User(space, thread) => bonfire_engine::Occupant::User(task::<K>(space, thread)),
        Occupant::Borrower(space) => bonfire_engine::Occupant::Borrower(K::space(space)),
        Occupant::Kernel => bonfire_engine::Occupant::Kernel,
    }
}
