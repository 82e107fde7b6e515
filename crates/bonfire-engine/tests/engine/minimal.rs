//! The least that a machine can declare, with 128 CPUs: what it refuses, whom it
//! reaches beyond the first group of 64, and that the caller stays pinned.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::atomic::Ordering;

use bonfire_engine::abi::{Call, Command, Cpu};
use bonfire_engine::{
    AddressSpace, AtomicWord, CpuSet, Design, Engine, Everywhere, Groups, Kernel, Machine, Mask, Occupant,
    Parts, Refused, Running, Site, Task, Thread, Users, Woken, Word,
};

/// Two groups of CPUs, which answer when they are waited for.
#[derive(Default)]
struct Minimal {
    pokes: RefCell<Vec<u32>>,
    /// How many pins live, and at which barriers and waits.
    pins: Rc<Cell<u32>>,
    pinned_at: RefCell<Vec<(&'static str, u32)>>,
}

struct Pin(Rc<Cell<u32>>);

impl Drop for Pin {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

impl Minimal {
    fn happens(&self, what: &'static str) {
        self.pinned_at.borrow_mut().push((what, self.pins.get()));
    }
}

impl Machine for Minimal {
    type Word = AtomicWord;
    type Pin = Pin;

    fn cpus(&self) -> usize {
        128
    }
    fn pin(&self) -> Pin {
        self.pins.set(self.pins.get() + 1);
        Pin(Rc::clone(&self.pins))
    }
    fn this_cpu(&self, _: &Pin) -> Cpu {
        Cpu(0)
    }
    fn without_interrupts<R>(&self, body: impl FnOnce() -> R) -> R {
        body()
    }
    fn fence(&self, site: Site) {
        self.happens(site.name());
    }
    fn poke<K: Kernel>(&self, cpus: &CpuSet<K>) {
        self.happens("poke");
        self.pokes.borrow_mut().extend(cpus.iter().map(|cpu| cpu.0));
    }
    fn wait_until(&self, word: &AtomicWord, at_least: u64, _: &AtomicWord, _: u64) -> Woken {
        self.happens("wait");
        // Nobody else is there to answer.
        word.store(at_least, Ordering::Relaxed);
        Woken::Reached
    }
}

type With<D> = Parts<Minimal, D, Groups<2>>;

/// The CPUs at either end of either group, online, each told of `space`.
const ENDS: [u32; 4] = [0, 63, 64, 127];

fn boot<K: Kernel<Machine = Minimal>>(space: &AddressSpace<K>, thread: &Thread<K>) -> Engine<K> {
    let engine = Engine::new(Minimal::default());
    for cpu in ENDS.map(Cpu) {
        engine.online(cpu).expect("there is room");
        engine.switch(cpu, Occupant::Kernel, Occupant::User(Task { space, thread }));
    }
    engine
}

fn call<K: Kernel>(
    engine: &Engine<K>,
    space: &AddressSpace<K>,
    thread: &Thread<K>,
    command: Command,
) -> Result<u32, Refused> {
    engine.membarrier(Task { space, thread }, Users::Several, Call::new(command))
}

/// And not `EPERM`: what is there is looked at before what was registered.
#[test]
fn a_minimal_machine_knows_neither_core_serialisation_nor_rseq() {
    let (space, thread) = (AddressSpace::new(), Thread::new());
    let engine = boot::<With<Running>>(&space, &thread);
    for command in [Command::SyncCore, Command::RegisterSyncCore, Command::Rseq, Command::RegisterRseq] {
        assert_eq!(call(&engine, &space, &thread, command), Err(Refused::InvalidArgument), "{command}");
    }
    assert_eq!(call(&engine, &space, &thread, Command::Query), Ok(0x21f));
    assert_eq!(call(&engine, &space, &thread, Command::GetRegistrations), Ok(0), "nothing was begun");
}

#[test]
fn a_refused_call_disturbs_nobody() {
    let (space, thread) = (AddressSpace::new(), Thread::new());
    let engine = boot::<With<Running>>(&space, &thread);
    engine.machine().pinned_at.take();
    for command in [Command::PrivateExpedited, Command::SyncCore, Command::Rseq] {
        assert!(call(&engine, &space, &thread, command).is_err());
    }
    assert_eq!(engine.machine().pokes.take(), []);
    assert_eq!(engine.machine().pinned_at.take(), [], "no barrier, no wait");
}

#[test]
fn cpus_of_every_group_are_reached_and_told_apart() {
    fn check<K: Kernel<Machine = Minimal>>() {
        let (space, thread) = (AddressSpace::new(), Thread::new());
        let engine = boot::<K>(&space, &thread);
        call(&engine, &space, &thread, Command::RegisterPrivateExpedited).unwrap();
        engine.machine().pokes.take();
        for command in [Command::PrivateExpedited, Command::Global] {
            call(&engine, &space, &thread, command).unwrap();
            // Nobody took what was asked, so nobody is poked twice.
            let pokes = engine.machine().pokes.take();
            assert!(pokes.is_empty() || pokes == [63, 64, 127], "{}: {pokes:?}", Engine::<K>::DESIGN);
        }
        for cpu in [63, 64, 127].map(Cpu) {
            engine.handle_poke(cpu);
        }
        call(&engine, &space, &thread, Command::PrivateExpedited).unwrap();
        assert_eq!(engine.machine().pokes.take(), [63, 64, 127], "{}", Engine::<K>::DESIGN);
        // One of each pair leaves; the other, at the other end, is still asked.
        for (leaves, stays) in [(63, [64, 127]), (64, [63, 127]), (127, [63, 64])] {
            [63, 64, 127].into_iter().for_each(|cpu| engine.handle_poke(Cpu(cpu)));
            let task = Occupant::User(Task { space: &space, thread: &thread });
            engine.switch(Cpu(leaves), task, Occupant::Kernel);
            call(&engine, &space, &thread, Command::PrivateExpedited).unwrap();
            let expected: &[u32] =
                if Engine::<K>::DESIGN == Design::Everywhere { &[63, 64, 127] } else { &stays };
            assert_eq!(engine.machine().pokes.take(), expected, "{}", Engine::<K>::DESIGN);
            engine.switch(Cpu(leaves), Occupant::Kernel, task);
        }
        assert_eq!(engine.mismatches(), 0);
    }
    check::<With<Everywhere>>();
    check::<With<Running>>();
    check::<With<Mask>>();
}

/// A registration by the only thread finds that one, and each hook from then on its
/// own CPU: into either half of the machine, and of a part of it.
#[test]
fn whoever_enters_after_a_registration_is_asked() {
    let (space, thread) = (AddressSpace::new(), Thread::new());
    let engine: Engine<With<Running>> = Engine::new(Minimal::default());
    let task = Task { space: &space, thread: &thread };
    for cpu in (0..128).map(Cpu) {
        engine.online(cpu).expect("there is room");
        engine.switch(cpu, Occupant::Kernel, Occupant::Kernel);
    }
    engine.switch(Cpu(0), Occupant::Kernel, Occupant::User(task));
    engine.membarrier(task, Users::Sole, Call::new(Command::RegisterPrivateExpedited)).unwrap();
    assert_eq!(engine.machine().pokes.take(), []);
    let mut entered = Vec::new();
    for cpu in [127, 1, 126, 64] {
        engine.switch(Cpu(cpu), Occupant::Kernel, Occupant::User(task));
        call(&engine, &space, &thread, Command::PrivateExpedited).unwrap();
        entered.push(cpu);
        entered.sort_unstable();
        assert_eq!(engine.machine().pokes.take(), entered);
        (1..128).for_each(|cpu| engine.handle_poke(Cpu(cpu)));
    }
}

#[test]
fn the_caller_is_pinned_from_its_first_barrier_to_its_last() {
    let (space, thread) = (AddressSpace::new(), Thread::new());
    let engine = boot::<With<Running>>(&space, &thread);
    let commands = [
        Command::RegisterPrivateExpedited,
        Command::PrivateExpedited,
        Command::GlobalExpedited,
        Command::Global,
    ];
    for command in commands {
        engine.machine().pinned_at.take();
        call(&engine, &space, &thread, command).unwrap();
        let happened = engine.machine().pinned_at.take();
        assert!(
            happened.len() >= 2 && happened.iter().all(|&(_, pins)| pins == 1),
            "{command}: {happened:?}"
        );
        assert_eq!(engine.machine().pins.get(), 0, "{command}");
    }
}
