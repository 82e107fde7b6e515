//! Every call and every hook of every design, in a library that has `core` and
//! nothing else. If any of them can reach a panic, the library refers to a
//! symbol that exists nowhere and does not link.

#![no_std]

use core::panic::PanicInfo;
use core::sync::atomic::{Ordering, fence};

use bonfire_engine::abi::{Call, Cpu, to_return};
use bonfire_engine::core_sync::{CoreSync, RISCV, Return, Settle};
use bonfire_engine::{
    AddressSpace, AtomicWord, CpuSet, Engine, Everywhere, Groups, Kernel, LockedMask, Machine, Mask, Occupant, Parts,
    RunQueues, Running, Site, Task, Thread, ThreadList, Threads, Users, Woken, Word,
};

unsafe extern "C" {
    safe fn the_engine_can_panic() -> !;
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    the_engine_can_panic()
}

/// 64 groups of 64 CPUs.
const GROUPS: usize = 64;

struct Bare;

impl Machine for Bare {
    type Word = AtomicWord;
    type Pin = ();
    const CORE_SYNC: Option<CoreSync<Self>> =
        Some(CoreSync { row: RISCV, sync: |_, _| fence(Ordering::SeqCst), settle: Settle::BeforeUser });
    const RESTART_RSEQ: Option<fn(&Self)> = Some(|_| fence(Ordering::SeqCst));

    fn cpus(&self) -> usize {
        64 * GROUPS
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
        if cpus.iter().any(|cpu| cpu == Cpu(7)) {
            fence(Ordering::SeqCst);
        }
    }
    fn wait_until(&self, word: &AtomicWord, at_least: u64, inbox: &AtomicWord, wanted: u64) -> Woken {
        loop {
            if word.load(Ordering::Relaxed) >= at_least {
                return Woken::Reached;
            }
            if inbox.load(Ordering::Relaxed) & wanted != 0 {
                return Woken::Inbox;
            }
        }
    }
}

impl RunQueues for Bare {
    fn with_run_queue<R>(&self, _: Cpu, body: impl FnOnce() -> R) -> R {
        body()
    }
}

/// A kernel on this machine with one of the designs.
type With<D> = Parts<Bare, D, Groups<GROUPS>>;

impl ThreadList<With<Threads>> for Bare {
    fn for_each_thread(
        &self,
        space: &AddressSpace<With<Threads>>,
        mut visit: impl FnMut(&Thread<With<Threads>>),
    ) {
        if core::ptr::eq(space, &THREADS.space) {
            visit(&THREADS.thread);
        }
    }
}

struct Small<K: Kernel<Machine = Bare>> {
    engine: Engine<K>,
    space: AddressSpace<K>,
    child: AddressSpace<K>,
    thread: Thread<K>,
}

impl<K: Kernel<Machine = Bare>> Small<K> {
    const fn new() -> Self {
        Self {
            engine: Engine::new(Bare),
            space: AddressSpace::new(),
            child: AddressSpace::new(),
            thread: Thread::new(),
        }
    }

    /// Whatever the arguments: the compiler knows none of them.
    fn exercise(&self, cmd: u64, flags: u64, cpu_id: u64) -> isize {
        let cpu = Cpu(cpu_id as u32);
        let task = Task { space: &self.space, thread: &self.thread };
        let child = Task { space: &self.child, thread: &self.thread };
        let _ = self.engine.online(cpu);
        self.engine.switch(cpu, Occupant::Kernel, Occupant::User(task));
        let result = self.engine.membarrier(task, Users::Several, Call::from_registers(cmd, flags, cpu_id));
        self.engine.fork(&self.space, &self.child);
        self.engine.handle_poke(cpu);
        self.engine.before_user(cpu, Return::SystemCall);
        self.engine.exec(cpu, task, &self.child);
        self.engine.exit(cpu, child);
        self.engine.borrow_space(cpu, Occupant::Borrower(&self.child), task);
        self.engine.return_space(cpu, task);
        self.engine.switch(cpu, Occupant::Borrower(&self.space), Occupant::Kernel);
        self.engine.offline(cpu);
        to_return(result) + self.engine.mismatches() as isize
    }
}

static EVERYWHERE: Small<With<Everywhere>> = Small::new();
static RUNNING: Small<With<Running>> = Small::new();
static MASK: Small<With<Mask>> = Small::new();
static LOCKED_MASK: Small<With<LockedMask>> = Small::new();
static THREADS: Small<With<Threads>> = Small::new();

/// The entry of the library.
// SAFETY: no other symbol of this name is linked.
#[unsafe(no_mangle)]
pub extern "C" fn kernel_entry(cmd: u64, flags: u64, cpu_id: u64) -> isize {
    #[cfg(feature = "panics")]
    if cpu_id > 4096 {
        panic!("a kernel that can panic");
    }
    EVERYWHERE.exercise(cmd, flags, cpu_id)
        + RUNNING.exercise(cmd, flags, cpu_id)
        + MASK.exercise(cmd, flags, cpu_id)
        + LOCKED_MASK.exercise(cmd, flags, cpu_id)
        + THREADS.exercise(cmd, flags, cpu_id)
}
