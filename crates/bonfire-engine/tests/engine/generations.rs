//! Properties of requests and generations, with interrupts that come late.
//!
//! A machine in one thread whose pokes wait until something delivers them: a
//! random choice, or a wait that would otherwise last for ever. While one CPU
//! waits, others call, go offline and come online. Whatever the order:
//! 1. a CPU never has two interrupts undelivered;
//! 2. no wait lasts for ever;
//! 3. when a call returns, each CPU that was online when it began has served
//!    since then, or is or was offline since then.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering::Relaxed;

use bonfire_engine::abi::{Call, Command, Cpu};
use bonfire_engine::{
    AddressSpace, AtomicWord, CpuSet, Engine, Everywhere, Kernel, Machine, Parts, Site, Task, Users, Woken,
    Word,
};
use proptest::prelude::*;

const CPUS: usize = 4;

/// What happens while a CPU waits.
#[derive(Clone, Copy, Debug)]
enum Meanwhile {
    Deliver(u32),
    Call(u32),
    Offline(u32),
    Online(u32),
}

fn meanwhile() -> impl Strategy<Value = Meanwhile> {
    let cpu = || 0..CPUS as u32;
    prop_oneof![
        4 => cpu().prop_map(Meanwhile::Deliver),
        3 => cpu().prop_map(Meanwhile::Call),
        1 => cpu().prop_map(Meanwhile::Offline),
        1 => cpu().prop_map(Meanwhile::Online),
    ]
}

type LateEngine = Engine<Parts<Late, Everywhere>>;

/// The machine.
struct Late {
    kernel: Cell<Option<&'static LateEngine>>,
    me: Cell<u32>,
    /// Pokes that were sent and not delivered.
    pending: RefCell<Vec<u32>>,
    /// What is still to happen, last first.
    script: RefCell<Vec<Meanwhile>>,
    /// CPUs in the middle of a call: they neither call again nor go offline.
    calling: RefCell<Vec<u32>>,
    online: RefCell<[bool; CPUS]>,
    /// A clock that ticks at each event, and when each CPU last served or was
    /// offline.
    now: Cell<u64>,
    excused: RefCell<[u64; CPUS]>,
    /// The planted fault: this many pokes arrive, and then no more.
    arrive: Cell<usize>,
}

impl Machine for Late {
    type Word = AtomicWord;
    type Pin = ();

    fn cpus(&self) -> usize {
        CPUS
    }
    fn pin(&self) {}
    fn this_cpu(&self, (): &()) -> Cpu {
        Cpu(self.me.get())
    }
    fn without_interrupts<R>(&self, body: impl FnOnce() -> R) -> R {
        body()
    }
    fn fence(&self, _: Site) {}
    fn poke<K: Kernel>(&self, cpus: &CpuSet<K>) {
        for Cpu(cpu) in cpus.iter() {
            assert!(!self.pending.borrow().contains(&cpu), "two interrupts undelivered at CPU {cpu}");
            if self.arrive.get() > 0 {
                self.arrive.set(self.arrive.get() - 1);
                self.pending.borrow_mut().push(cpu);
            }
        }
    }
    fn wait_until(&self, word: &AtomicWord, at_least: u64, _: &AtomicWord, _: u64) -> Woken {
        while word.load(Relaxed) < at_least {
            let step = self.script.borrow_mut().pop();
            match step {
                Some(step) => self.happen(step),
                None => {
                    let next = self.pending.borrow().first().copied();
                    self.deliver(next.expect("this wait would last for ever"));
                }
            }
        }
        Woken::Reached
    }
}

impl Late {
    fn boot(script: Vec<Meanwhile>, arrive: usize) -> &'static LateEngine {
        let kernel: &'static LateEngine = Box::leak(Box::new(Engine::new(Self {
            kernel: Cell::new(None),
            me: Cell::new(0),
            pending: RefCell::default(),
            script: RefCell::new(script),
            calling: RefCell::default(),
            online: RefCell::default(),
            now: Cell::new(0),
            excused: RefCell::default(),
            arrive: Cell::new(arrive),
        })));
        kernel.machine().kernel.set(Some(kernel));
        (0..CPUS as u32).for_each(|cpu| kernel.machine().happen(Meanwhile::Online(cpu)));
        kernel
    }

    fn happen(&self, step: Meanwhile) {
        let kernel = self.kernel.get().expect("booted");
        let caller = self.me.get();
        let is_online = |cpu: u32| self.online.borrow()[cpu as usize];
        let is_calling = |cpu: u32| self.calling.borrow().contains(&cpu);
        match step {
            Meanwhile::Deliver(cpu) => self.deliver(cpu),
            Meanwhile::Call(cpu) if is_online(cpu) && !is_calling(cpu) => {
                self.me.set(cpu);
                self.call(kernel, cpu);
            }
            Meanwhile::Offline(cpu) if is_online(cpu) && !is_calling(cpu) => {
                kernel.offline(Cpu(cpu));
                self.online.borrow_mut()[cpu as usize] = false;
                self.excuse(cpu);
            }
            Meanwhile::Online(cpu) if !is_online(cpu) => {
                // What was pending is lost on the way down, or arrives later: both
                // are allowed, and the engine must not care.
                self.pending.borrow_mut().retain(|&pending| pending != cpu);
                kernel.online(Cpu(cpu)).expect("it fits");
                self.online.borrow_mut()[cpu as usize] = true;
                self.excuse(cpu);
            }
            _ => {}
        }
        self.me.set(caller);
    }

    /// The interrupt of `cpu`, if one is pending.
    fn deliver(&self, cpu: u32) {
        let mut pending = self.pending.borrow_mut();
        let Some(at) = pending.iter().position(|&pending| pending == cpu) else { return };
        pending.remove(at);
        drop(pending);
        self.kernel.get().expect("booted").handle_poke(Cpu(cpu));
        self.excuse(cpu);
    }

    fn excuse(&self, cpu: u32) {
        self.excused.borrow_mut()[cpu as usize] = self.tick();
    }

    fn tick(&self) -> u64 {
        self.now.set(self.now.get() + 1);
        self.now.get()
    }

    /// One call by `cpu`, and what must hold when it returns.
    fn call(&self, kernel: &LateEngine, cpu: u32) {
        let space = AddressSpace::new();
        let task = Task::of(&space);
        self.calling.borrow_mut().push(cpu);
        let began = self.tick();
        let online = *self.online.borrow();
        assert_eq!(kernel.membarrier(task, Users::Several, Call::new(Command::GlobalExpedited)), Ok(0));
        self.calling.borrow_mut().retain(|&calling| calling != cpu);
        let excused = self.excused.borrow();
        for other in (0..CPUS).filter(|&other| online[other] && other as u32 != cpu) {
            let served = excused[other] > began;
            assert!(served, "CPU {cpu} returned, and CPU {other} has done nothing since it called");
        }
    }
}

/// Lets every CPU call twice, with `script` going on meanwhile.
fn run(script: Vec<Meanwhile>, arrive: usize) {
    let kernel = Late::boot(script, arrive);
    for cpu in (0..CPUS as u32).chain(0..CPUS as u32) {
        kernel.machine().happen(Meanwhile::Call(cpu));
    }
}

proptest! {
    #[test]
    fn calls_return_when_they_may_and_not_before(script in prop::collection::vec(meanwhile(), 0..60)) {
        run(script, usize::MAX);
    }

    /// The twin: a machine that loses a poke is seen to hang.
    #[test]
    fn a_poke_that_is_lost_is_noticed(arrive in 0..8usize) {
        let lost = catch_unwind(AssertUnwindSafe(|| run(Vec::new(), arrive)));
        prop_assert!(lost.is_err());
    }
}
