//! One run: a scenario, a design, an engine with or without its sites.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

pub use bonfire_engine::Design;
use bonfire_engine::core_sync::{RISCV, Row, Settle, X86};
use bonfire_engine::{self as engine, Site, for_design};

use crate::architecture::Architecture;
use crate::explorer::{self, Body, Exploration, Flaw, Outcome, Plan, Rules, Test, Trace, Verdict};
use crate::kernel::{Boot, Kernel};
use crate::machine::{Capabilities, Model, Mutant, On};
use crate::mutate::interpose::{self, Points, Seen};
use crate::mutate::slip::Slip;
use crate::scenario::{Needs, Scenario};

/// What a run found.
#[derive(Clone, Debug)]
pub struct Run {
    /// What it came to.
    pub exploration: Exploration,
    /// The sites that were passed on some way.
    pub passed: Vec<Site>,
    /// The points that were passed.
    pub points: Points,
    /// Whether the engine did something unpinned for which it must be pinned.
    pub unpinned: bool,
    /// Whether what was to wait for a barrier or an access met one.
    pub crossed: bool,
    /// The outcomes that were expected and never seen. Of no account if a flaw
    /// ended the run.
    pub missing: Vec<Outcome>,
}

impl Run {
    /// The flaw that ended the run, and a way to it.
    #[must_use]
    pub fn flaw(&self) -> Option<(&Flaw, &Trace)> {
        match &self.exploration.verdict {
            Verdict::Flawed(flaw, trace) => Some((flaw, trace)),
            Verdict::Holds | Verdict::CouldNotFinish => None,
        }
    }
}

/// Explores `scenario` on an engine of `design`, with some sites changed.
#[must_use]
pub fn run(design: Design, scenario: &Scenario, mutant: &Mutant, rules: Rules, plan: Plan) -> Run {
    let architecture = Architecture::Bare;
    run_in(design, &Setting { architecture, scenario, mutant, slip: None, rules, plan })
}

/// The same in any setting.
///
/// # Panics
/// If a scenario asks for what cannot be, such as a call by a kernel thread; the
/// message names the design and the scenario.
#[must_use]
pub fn run_in(design: Design, setting: &Setting<'_>) -> Run {
    catch_unwind(AssertUnwindSafe(|| explore_in(design, setting))).unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<String>().map(String::as_str);
        let said =
            said.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without a message");
        panic!("{} in {}: {said}", design.name(), setting.scenario.name)
    })
}

fn explore_in(design: Design, setting: &Setting<'_>) -> Run {
    match setting.scenario.needs {
        Needs::Nothing => setting.explore_on::<Minimal>(design),
        Needs::CoreSync => setting.explore_on::<CoreSync>(design),
        Needs::CoreSyncLate => setting.explore_on::<CoreSyncLate>(design),
        Needs::CoreSyncIfStale => setting.explore_on::<CoreSyncIfStale>(design),
        Needs::CoreSyncX86 => setting.explore_on::<CoreSyncX86>(design),
        Needs::CoreSyncX86Late => setting.explore_on::<CoreSyncX86Late>(design),
        Needs::Rseq => setting.explore_on::<Rseq>(design),
        Needs::CoreSyncAndRseq => setting.explore_on::<CoreSyncAndRseq>(design),
        Needs::Grace => setting.explore_on::<Grace>(design),
    }
}

/// What is run, but for the design.
#[derive(Clone, Copy, Debug)]
pub struct Setting<'a> {
    /// What the machine gives without being asked.
    pub architecture: Architecture,
    /// What happens.
    pub scenario: &'a Scenario,
    /// The sites that are changed.
    pub mutant: &'a Mutant,
    /// What goes otherwise besides.
    pub slip: Option<&'a Slip>,
    /// The machine.
    pub rules: Rules,
    /// The search.
    pub plan: Plan,
}

impl Setting<'_> {
    fn explore_on<C: Capabilities>(&self, design: Design) -> Run {
        for_design!(design, D => self.explore::<C, On<C, D>>())
    }

    fn explore<C: Capabilities, K: engine::Kernel<Machine = Model<C>>>(&self) -> Run {
        let Self { architecture, scenario, mutant, slip, rules, plan } = *self;
        interpose::start(slip.cloned());
        let kernel = Rc::new(Kernel::<K>::new(scenario.parts.len(), mutant.clone(), architecture));
        let bodies = scenario.parts.iter().map(|part| {
            let (kernel, acts) = (Rc::clone(&kernel), part.acts.clone());
            Box::new(move || kernel.run(&acts)) as Body
        });
        let (booted, interrupted) = (Rc::clone(&kernel), Rc::clone(&kernel));
        let boot = scenario.clone();
        let forbidden = scenario.forbidden.clone();
        let test = Test {
            set_up: Box::new(move || {
                let named = Rc::clone(&booted);
                explorer::name_words_by(move |address| named.name_at(address));
                booted.boot(&Boot {
                    cpus: &boot.parts.iter().map(|part| part.on).collect::<Vec<_>>(),
                    registered: &boot.registered,
                    threads: &boot.threads(),
                    shown: &boot.shown,
                });
            }),
            bodies: bodies.collect(),
            handler: Rc::new(move |cpu, occupant| interrupted.interrupt(cpu, occupant)),
            registers: scenario.registers,
            pokes: scenario.pokes(),
            is_flaw: Box::new(move |outcome| forbidden.contains(outcome)),
        };
        let exploration = explorer::explore(test, rules, plan);
        let missing = scenario.expected.difference(&exploration.outcomes).cloned().collect();
        let Seen { points, unpinned, crossed } = interpose::seen();
        Run { exploration, passed: kernel.engine.machine().passed(), points, unpinned, crossed, missing }
    }
}

/// The minimum.
struct Minimal;
impl Capabilities for Minimal {}

macro_rules! core_sync {
    ($name:ident, $row:expr, $settle:expr) => {
        struct $name;
        impl Capabilities for $name {
            const CORE: Option<(Row, Settle)> = Some(($row, $settle));
        }
    };
}
core_sync!(CoreSync, RISCV, Settle::AtOnce);
core_sync!(CoreSyncLate, RISCV, Settle::BeforeUser);
core_sync!(CoreSyncIfStale, RISCV, Settle::IfStale);
core_sync!(CoreSyncX86, X86, Settle::AtOnce);
core_sync!(CoreSyncX86Late, X86, Settle::BeforeUser);

struct Rseq;
impl Capabilities for Rseq {
    const RSEQ: bool = true;
}

/// Both: a request may ask for either.
struct CoreSyncAndRseq;
impl Capabilities for CoreSyncAndRseq {
    const CORE: Option<(Row, Settle)> = Some((RISCV, Settle::AtOnce));
    const RSEQ: bool = true;
}

struct Grace;
impl Capabilities for Grace {
    const GRACE: bool = true;
}

#[cfg(test)]
mod tests {
    use bonfire_abi::Command;

    use super::*;
    use crate::scenario::Part;
    use crate::vocabulary::Act;

    #[test]
    #[should_panic(expected = "mask in nobody: only a thread can call")]
    fn a_scenario_that_cannot_be_is_named() {
        let part = Part { on: Some(crate::vocabulary::On::Kernel), acts: vec![Act::Call(Command::Global)] };
        let scenario = Scenario::bare("nobody", "a kernel thread calls", vec![part]);
        let _ = run(Design::Mask, &scenario, &Mutant::new(), Rules::WEAK, Plan::within(1 << 20));
    }
}
