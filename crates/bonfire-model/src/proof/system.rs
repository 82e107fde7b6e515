//! What a program can ask of the kernel below it, and that kernel: the engine's.

use std::rc::Rc;

use bonfire_abi::Command;
use bonfire_engine as engine;

use crate::architecture::Architecture;
use crate::explorer::{self, Body, Exploration, IsFlaw, Plan, Pokes, Rules, Test};
use crate::kernel::{Boot, Kernel};
use crate::machine::{Capabilities, Model};
use crate::vocabulary::{Act, On};

/// The kernel, as far as a program sees it.
pub(crate) trait System {
    /// Does what `act` says; whether it was granted.
    fn act(&self, act: Act) -> bool;
}

impl<C: Capabilities, K: engine::Kernel<Machine = Model<C>>> System for Kernel<K> {
    fn act(&self, act: Act) -> bool {
        Self::act(self, act).is_some()
    }
}

/// A program: what each CPU is occupied by and runs.
pub(crate) struct Program {
    /// What occupies each CPU.
    pub(crate) on: Vec<On>,
    /// For what the process has registered before.
    pub(crate) registered: &'static [Command],
    /// Runs before everything, each operation at once.
    pub(crate) set_up: Part,
    /// What each CPU runs.
    pub(crate) bodies: Vec<Part>,
    /// What the word at an address is called.
    pub(crate) name_at: Rc<dyn Fn(usize) -> Option<String>>,
    /// How many registers the bodies use.
    pub(crate) registers: usize,
    /// Whether an interrupt of anybody is a flaw.
    pub(crate) is_quiet: bool,
    /// Which outcomes are flaws.
    pub(crate) is_flaw: IsFlaw,
}

type Part = Box<dyn Fn(&Rc<dyn System>)>;

/// Looks at everything that `program` can do on the kernel `K`.
pub(crate) fn explore<C, K>(program: Program, rules: Rules, limit_bytes: usize) -> Exploration
where
    C: Capabilities,
    K: engine::Kernel<Machine = Model<C>>,
{
    let Program { on, registered, set_up, bodies, name_at, registers, is_quiet, is_flaw } = program;
    let kernel = Rc::new(Kernel::<K>::new(on.len(), Vec::new(), Architecture::Bare));
    let system: Rc<dyn System> = Rc::<Kernel<K>>::clone(&kernel);
    let bodies = bodies.into_iter().map(|body| {
        let system = Rc::clone(&system);
        Box::new(move || body(&system)) as Body
    });
    let bodies = bodies.collect();
    let (booted, interrupted) = (Rc::clone(&kernel), kernel);
    let test = Test {
        set_up: Box::new(move || {
            let (named, name_at) = (Rc::clone(&booted), Rc::clone(&name_at));
            explorer::name_words_by(move |address| name_at(address).or_else(|| named.name_at(address)));
            boot(&booted, &on, registered);
            set_up(&system);
        }),
        bodies,
        handler: Rc::new(move |cpu, occupant| interrupted.interrupt(cpu, occupant)),
        registers,
        pokes: if is_quiet { Pokes::None } else { Pokes::Any },
        is_flaw,
    };
    explorer::explore(test, rules, Plan::within(limit_bytes))
}

/// One process, a thread for each CPU.
fn boot<C, K>(kernel: &Kernel<K>, on: &[On], registered: &[Command])
where
    C: Capabilities,
    K: engine::Kernel<Machine = Model<C>>,
{
    let registered: Vec<_> = registered.iter().map(|&command| (0, command)).collect();
    let threads: Vec<_> = (0..on.len()).map(|thread| (thread, Some(0))).collect();
    kernel.boot(&Boot {
        cpus: &on.iter().map(|&on| Some(on)).collect::<Vec<_>>(),
        registered: &registered,
        threads: &threads,
        shown: &[],
    });
}
