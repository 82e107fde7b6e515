//! A complete port, to a kernel of two CPUs small enough to read: its CPUs are
//! threads, and take an interrupt where they look for one.
//!
//! ```sh
//! cargo run -p bonfire-engine --example port
//! ```
//!
//! `docs/porting.md` walks through it. The numbers are its steps.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering, fence};
use std::thread;

use bonfire_engine::abi::{Call, Command, Cpu, to_return};
use bonfire_engine::{
    AddressSpace, AtomicWord, CpuSet, Engine, Groups, Kernel, Machine, Occupant, Running, Site, Task, Users,
    Woken, Word,
};

/// What the kernel has already.
mod kernel {
    use super::*;

    pub(super) const CPUS: usize = 2;

    thread_local! {
        /// The CPU that this code runs on.
        pub(super) static CPU: Cell<Cpu> = const { Cell::new(Cpu(0)) };
        /// What it runs.
        pub(super) static CURRENT: Cell<Option<&'static Process>> = const { Cell::new(None) };
    }

    /// The interrupt controller: one line for each CPU.
    pub(super) static LINES: [AtomicBool; CPUS] = [const { AtomicBool::new(false) }; CPUS];

    /// Takes an interrupt, if one is pending.
    pub(super) fn take_interrupt() {
        let cpu = CPU.get();
        if LINES[cpu.0 as usize].swap(false, Ordering::Acquire) {
            // Step 3: the handler.
            ENGINE.handle_poke(cpu);
        }
    }

    /// Step 4: the scheduler, with the hook where one thread has given way and
    /// the other has not begun. Interrupts are off: nobody looks for one here.
    pub(super) fn switch_to(next: Option<&'static Process>) {
        ENGINE.switch(CPU.get(), occupant(CURRENT.get()), occupant(next));
        CURRENT.set(next);
    }

    /// Step 5: the system call, for the process that runs here.
    pub(super) fn sys_membarrier(cmd: u64, flags: u64, cpu_id: u64) -> isize {
        let Some(process) = CURRENT.get() else { return -1 };
        let call = Call::from_registers(cmd, flags, cpu_id);
        to_return(ENGINE.membarrier(Task::of(&process.space), Users::Several, call))
    }
}

/// Step 1: the machine. What the engine asks for is what the kernel has.
struct Port;

impl Kernel for Port {
    type Machine = Self;
    type Design = Running;
    type Capacity = Groups<1>;
}

impl Machine for Port {
    type Word = AtomicWord;
    /// This kernel never migrates a thread, so a pin is nothing. Elsewhere: the
    /// guard that disables pre-emption.
    type Pin = ();

    fn cpus(&self) -> usize {
        kernel::CPUS
    }

    fn pin(&self) {}

    fn this_cpu(&self, (): &()) -> Cpu {
        kernel::CPU.get()
    }

    fn without_interrupts<R>(&self, body: impl FnOnce() -> R) -> R {
        body()
    }

    fn fence(&self, _: Site) {
        fence(Ordering::SeqCst);
    }

    fn poke<K: Kernel>(&self, cpus: &CpuSet<K>) {
        for cpu in cpus.iter() {
            // Release: what was stored before is visible to the handler.
            kernel::LINES[cpu.0 as usize].store(true, Ordering::Release);
        }
    }

    fn wait_until(&self, word: &AtomicWord, at_least: u64, inbox: &AtomicWord, wanted: u64) -> Woken {
        loop {
            if word.load(Ordering::Relaxed) >= at_least {
                return Woken::Reached;
            }
            // A CPU that waits takes no interrupt in this kernel, so it serves its
            // own inbox. With interrupts on, this arm is left out.
            if inbox.load(Ordering::Relaxed) & wanted != 0 {
                return Woken::Inbox;
            }
            thread::yield_now();
        }
    }
}

static ENGINE: Engine<Port> = Engine::new(Port);

/// Step 2: the state, in the address space; a process with one thread has one.
struct Process {
    space: AddressSpace<Port>,
}

fn occupant(process: Option<&'static Process>) -> Occupant<'static, Port> {
    process.map_or(Occupant::Kernel, |process| Occupant::User(Task::of(&process.space)))
}

static PROCESS: Process = Process { space: AddressSpace::new() };
static STRANGER: Process = Process { space: AddressSpace::new() };
/// User memory: what the reader on CPU 1 does, and whether it goes on.
static ROUNDS: AtomicU32 = AtomicU32::new(0);
static GOES_ON: AtomicBool = AtomicBool::new(true);

/// CPU 1 runs a thread of `PROCESS` until it is told to stop.
fn cpu_1() {
    kernel::CPU.set(Cpu(1));
    ENGINE.online(Cpu(1)).expect("two CPUs fit into one group");
    kernel::switch_to(Some(&PROCESS));
    while GOES_ON.load(Ordering::Relaxed) {
        ROUNDS.fetch_add(1, Ordering::Relaxed);
        kernel::take_interrupt();
    }
    kernel::switch_to(None);
    ENGINE.offline(Cpu(1));
}

fn main() {
    ENGINE.online(Cpu(0)).expect("two CPUs fit into one group");
    let other = thread::spawn(cpu_1);
    while ROUNDS.load(Ordering::Relaxed) == 0 {
        thread::yield_now();
    }
    let command = |command: Command| kernel::sys_membarrier(command.number() as u64, 0, 0);

    kernel::switch_to(Some(&PROCESS));
    assert_eq!(command(Command::PrivateExpedited), -1, "EPERM before registration");
    assert_eq!(command(Command::RegisterPrivateExpedited), 0);
    for _ in 0..100 {
        assert_eq!(command(Command::PrivateExpedited), 0);
    }
    kernel::switch_to(Some(&STRANGER));
    assert_eq!(command(Command::PrivateExpedited), -1, "a stranger's registrations are its own");

    GOES_ON.store(false, Ordering::Relaxed);
    other.join().expect("CPU 1 stops");
    assert_eq!(ENGINE.mismatches(), 0, "the hooks told the truth");
    println!("100 calls, each a barrier on CPU 1, which went {} rounds", ROUNDS.load(Ordering::Relaxed));
}

#[test]
fn the_port_works() {
    main();
}
