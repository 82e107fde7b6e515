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
    AddressSpace, AtomicWord, CpuSet, Engine, Everywhere, Machine, Mask, Occupant, Running, Site, Targets,
    Task, Thread, Users, Woken, Word,
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
    fn poke<const GROUPS: usize>(&self, _: &CpuSet<GROUPS>) {}
    fn wait_until(&self, word: &AtomicWord, at_least: u64, _: &AtomicWord, _: u64) -> Woken {
        while word.load(Ordering::Relaxed) < at_least {}
        Woken::Reached
    }
}

/// A kernel of two address spaces, on one design.
struct Kernel<T: Targets<TwoCpus, 1>> {
    engine: Engine<TwoCpus, T, 1>,
    one: AddressSpace<TwoCpus, T, 1>,
    other: AddressSpace<TwoCpus, T, 1>,
    thread: Thread<TwoCpus, T, 1>,
}

impl<T: Targets<TwoCpus, 1>> Kernel<T> {
    fn new() -> Self {
        let kernel = Self {
            engine: Engine::new(TwoCpus),
            one: AddressSpace::new(),
            other: AddressSpace::new(),
            thread: Thread::new(),
        };
        for cpu in 0..2 {
            kernel.engine.online(Cpu(cpu)).expect("two CPUs fit");
        }
        kernel.engine.switch(Cpu(0), Occupant::Kernel, Occupant::User(kernel.caller()));
        kernel
    }

    fn caller(&self) -> Task<'_, TwoCpus, T, 1> {
        Task { space: &self.one, thread: &self.thread }
    }

    fn register(self, command: Command) -> Self {
        self.engine.membarrier(self.caller(), Users::Sole, Call::new(command)).expect("the machine has it");
        self
    }

    /// The hook as a scheduler has it: which CPU and which address spaces is
    /// known at run time only.
    #[inline(never)]
    fn counted_switch(&self, cpu: Cpu, from: &AddressSpace<TwoCpus, T, 1>, to: &AddressSpace<TwoCpus, T, 1>) {
        let user = |space| Occupant::User(Task { space, thread: &self.thread });
        self.engine.switch(cpu, user(from), user(to));
    }

    #[inline(never)]
    fn counted_poke(&self, cpu: Cpu) {
        self.engine.handle_poke(cpu, Occupant::User(self.caller()));
    }

    #[inline(never)]
    fn counted_exit(&self, cpu: Cpu) {
        self.engine.exit(cpu, self.caller());
    }

    #[inline(never)]
    fn counted_call(&self, call: Call) {
        let _ = black_box(self.engine.membarrier(self.caller(), Users::Several, call));
    }
}

const COUNTED: [Counted; 14] = [
    ("switch, unregistered, Running", Some(16), || switches(&Kernel::<Running>::new())),
    ("switch, unregistered, Mask", None, || switches(&Kernel::<Mask>::new())),
    ("switch, unregistered, Everywhere", None, || switches(&Kernel::<Everywhere>::new())),
    ("switch out of a registered, Running", None, || switches(&registered::<Running>())),
    ("switch into a registered, Running", None, || {
        repeat(&registered::<Running>(), |kernel| kernel.counted_switch(cpu_0(), &kernel.other, &kernel.one));
    }),
    ("switch between siblings, Running", None, || {
        repeat(&registered::<Running>(), |kernel| kernel.counted_switch(cpu_0(), &kernel.one, &kernel.one));
    }),
    ("exit of a registered, Running", None, || {
        repeat(&registered::<Running>(), |kernel| kernel.counted_exit(cpu_0()));
    }),
    ("handle_poke, Running", None, || {
        repeat(&Kernel::<Running>::new(), |kernel| kernel.counted_poke(cpu_0()))
    }),
    ("before_user, nothing owed", None, || {
        let engine: Engine<TwoCpus<true>, Running, 1> = Engine::new(TwoCpus);
        (0..CALLS).for_each(|_| counted_before_user(black_box(&engine), cpu_0()));
    }),
    ("QUERY", Some(40), || calls(&Kernel::<Running>::new(), Command::Query)),
    ("PRIVATE_EXPEDITED, no target, Running", Some(150), || {
        calls(&registered::<Running>(), Command::PrivateExpedited);
    }),
    ("PRIVATE_EXPEDITED, no target, Mask", None, || calls(&registered::<Mask>(), Command::PrivateExpedited)),
    ("GLOBAL_EXPEDITED, no target, Running", None, || {
        calls(&Kernel::<Running>::new(), Command::GlobalExpedited)
    }),
    ("PRIVATE_EXPEDITED, not registered", None, || {
        calls(&Kernel::<Running>::new(), Command::PrivateExpedited)
    }),
];

#[inline(never)]
fn counted_before_user(engine: &Engine<TwoCpus<true>, Running, 1>, cpu: Cpu) {
    engine.before_user(cpu, Return::SystemCall);
}

/// The CPU that every hook is called for; the compiler does not know it.
fn cpu_0() -> Cpu {
    black_box(Cpu(0))
}

fn registered<T: Targets<TwoCpus, 1>>() -> Kernel<T> {
    Kernel::new().register(Command::RegisterPrivateExpedited)
}

fn repeat<T: Targets<TwoCpus, 1>>(kernel: &Kernel<T>, counted: impl Fn(&Kernel<T>)) {
    (0..CALLS).for_each(|_| counted(black_box(kernel)));
}

fn switches<T: Targets<TwoCpus, 1>>(kernel: &Kernel<T>) {
    repeat(kernel, |kernel| kernel.counted_switch(cpu_0(), &kernel.one, &kernel.other));
}

fn calls<T: Targets<TwoCpus, 1>>(kernel: &Kernel<T>, command: Command) {
    repeat(kernel, |kernel| kernel.counted_call(black_box(Call::new(command))));
}

fn main() -> ExitCode {
    count_all(&COUNTED)
}
