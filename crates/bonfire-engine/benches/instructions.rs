//! How many instructions the hooks and commands take, counted by callgrind: the
//! same number on every run, whatever else the machine does.
//!
//! The machine is the smallest there can be: two CPUs, core atomics, a pin that
//! is nothing. What is counted is the body of one function that is not inlined,
//! from its first instruction to its return: the hook or the call and nothing
//! else.
//!
//! ```sh
//! cargo bench -p bonfire-engine --bench instructions
//! ```

#[path = "../../../benches/callgrind.rs"]
mod callgrind;

use std::hint::black_box;
use std::process::ExitCode;
use std::sync::atomic::{Ordering, fence};

use bonfire_engine::abi::{Call, Command, Cpu};
use bonfire_engine::core_sync::{CoreSync, Return, Settle, X86};
use bonfire_engine::{
    AddressSpace, AtomicWord, CpuSet, Engine, Everywhere, Groups, Kernel, Machine, Mask, Occupant, Parts,
    Running, Site, Task, Thread, Users, Woken, Word,
};
use callgrind::{CALLS, Counted, count_all};

/// Two CPUs; this thread is CPU 0 and CPU 1 never answers, as nobody asks it.
struct TwoCpus<const CORE_SYNC: bool = false>;

impl<const CORE_SYNC: bool> Machine for TwoCpus<CORE_SYNC> {
    type Word = AtomicWord;
    type Pin = ();
    const CORE_SYNC: Option<CoreSync<Self>> = if CORE_SYNC {
        Some(CoreSync { row: X86, sync: |_, _| fence(Ordering::SeqCst), settle: Settle::BeforeUser })
    } else {
        None
    };

    fn cpus(&self) -> usize {
        2
    }
    fn pin(&self) {}
    fn this_cpu(&self, (): &()) -> Cpu {
        Cpu(0)
    }
    fn without_interrupts<R>(&self, body: impl FnOnce() -> R) -> R {
        body()
    }
    #[inline]
    fn fence(&self, _: Site) {
        fence(Ordering::SeqCst);
    }
    fn poke<K: Kernel>(&self, _: &CpuSet<K>) {}
    fn wait_until(&self, word: &AtomicWord, at_least: u64, _: &AtomicWord, _: u64) -> Woken {
        while word.load(Ordering::Relaxed) < at_least {}
        Woken::Reached
    }
}

/// A kernel on that machine with one of the designs.
type With<D> = Parts<TwoCpus, D, Groups<1>>;

/// Two address spaces, and the engine.
struct Two<K: Kernel<Machine = TwoCpus>> {
    engine: Engine<K>,
    one: AddressSpace<K>,
    other: AddressSpace<K>,
    thread: Thread<K>,
}

impl<K: Kernel<Machine = TwoCpus>> Two<K> {
    /// In a box: an address space stays where it is while a CPU is on it.
    fn new() -> Box<Self> {
        let two = Box::new(Self {
            engine: Engine::new(TwoCpus),
            one: AddressSpace::new(),
            other: AddressSpace::new(),
            thread: Thread::new(),
        });
        for cpu in 0..2 {
            two.engine.online(Cpu(cpu)).expect("two CPUs fit");
            two.engine.switch(Cpu(cpu), Occupant::Kernel, Occupant::Kernel);
        }
        two.engine.switch(Cpu(0), Occupant::Kernel, Occupant::User(two.caller()));
        two
    }

    fn caller(&self) -> Task<'_, K> {
        Task { space: &self.one, thread: &self.thread }
    }

    fn register(self: Box<Self>, command: Command) -> Box<Self> {
        self.engine.membarrier(self.caller(), Users::Sole, Call::new(command)).expect("the machine has it");
        self
    }

    /// The hook as a scheduler has it: which CPU and which address spaces is
    /// known at run time only.
    #[inline(never)]
    fn counted_switch(&self, cpu: Cpu, from: &AddressSpace<K>, to: &AddressSpace<K>) {
        let user = |space| Occupant::User(Task { space, thread: &self.thread });
        self.engine.switch(cpu, user(from), user(to));
    }

    #[inline(never)]
    fn counted_poke(&self, cpu: Cpu) {
        self.engine.handle_poke(cpu);
    }

    #[inline(never)]
    fn counted_exit(&self, cpu: Cpu) {
        self.engine.exit(cpu, self.caller());
    }

    #[inline(never)]
    fn counted_call(&self, call: Call) {
        let _ = black_box(self.engine.membarrier(self.caller(), Users::Several, call));
    }

    /// Puts the first of the two where a hook that is counted expects it.
    fn back(&self, from: &AddressSpace<K>, to: &AddressSpace<K>) {
        let user = |space| Occupant::User(Task { space, thread: &self.thread });
        self.engine.switch(cpu_0(), user(from), user(to));
    }
}

const COUNTED: [Counted; 14] = [
    ("switch, unregistered, Running", Some(17), || switches(&Two::<With<Running>>::new())),
    ("switch, unregistered, Mask", None, || switches(&Two::<With<Mask>>::new())),
    ("switch, unregistered, Everywhere", None, || switches(&Two::<With<Everywhere>>::new())),
    ("switch out of a registered, Running", None, || switches(&registered::<With<Running>>())),
    ("switch into a registered, Running", Some(24), || {
        repeat(&registered::<With<Running>>(), |two| {
            two.back(&two.one, &two.other);
            two.counted_switch(cpu_0(), &two.other, &two.one);
        });
    }),
    ("switch between siblings, Running", None, || {
        repeat(&registered::<With<Running>>(), |two| two.counted_switch(cpu_0(), &two.one, &two.one));
    }),
    ("exit of a registered, Running", None, || {
        repeat(&registered::<With<Running>>(), |two| {
            two.counted_exit(cpu_0());
            two.engine.switch(cpu_0(), Occupant::Borrower(&two.one), Occupant::User(two.caller()));
        });
    }),
    ("handle_poke, Running", None, || repeat(&Two::<With<Running>>::new(), |two| two.counted_poke(cpu_0()))),
    ("before_user, nothing owed", None, || {
        let engine: Engine<Parts<TwoCpus<true>, Running>> = Engine::new(TwoCpus);
        (0..CALLS).for_each(|_| counted_before_user(black_box(&engine), cpu_0()));
    }),
    ("QUERY", Some(31), || calls(&Two::<With<Running>>::new(), Command::Query)),
    ("PRIVATE_EXPEDITED, no target, Running", Some(61), || {
        calls(&registered::<With<Running>>(), Command::PrivateExpedited);
    }),
    ("PRIVATE_EXPEDITED, no target, Mask", None, || {
        calls(&registered::<With<Mask>>(), Command::PrivateExpedited);
    }),
    ("GLOBAL_EXPEDITED, no target, Running", None, || {
        calls(&Two::<With<Running>>::new(), Command::GlobalExpedited)
    }),
    ("PRIVATE_EXPEDITED, not registered", None, || {
        calls(&Two::<With<Running>>::new(), Command::PrivateExpedited)
    }),
];

#[inline(never)]
fn counted_before_user(engine: &Engine<Parts<TwoCpus<true>, Running>>, cpu: Cpu) {
    engine.before_user(cpu, Return::SystemCall);
}

/// The CPU that every hook is called for; the compiler does not know it.
fn cpu_0() -> Cpu {
    black_box(Cpu(0))
}

fn registered<K: Kernel<Machine = TwoCpus>>() -> Box<Two<K>> {
    Two::new().register(Command::RegisterPrivateExpedited)
}

/// Does what is counted in a kernel whose hooks tell the truth.
fn repeat<K: Kernel<Machine = TwoCpus>>(two: &Two<K>, counted: impl Fn(&Two<K>)) {
    (0..CALLS).for_each(|_| counted(black_box(two)));
    assert_eq!(two.engine.mismatches(), 0, "this would not be what a right kernel pays");
}

fn switches<K: Kernel<Machine = TwoCpus>>(two: &Two<K>) {
    repeat(two, |two| {
        two.counted_switch(cpu_0(), &two.one, &two.other);
        two.back(&two.other, &two.one);
    });
}

fn calls<K: Kernel<Machine = TwoCpus>>(two: &Two<K>, command: Command) {
    repeat(two, |two| two.counted_call(black_box(Call::new(command))));
}

fn main() -> ExitCode {
    count_all(&COUNTED)
}
