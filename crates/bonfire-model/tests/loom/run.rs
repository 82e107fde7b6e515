//! One run: a scenario, a design, an engine with or without its sites.

use std::collections::BTreeSet;
use std::panic;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};

use bonfire_abi::Command;
use bonfire_engine::{Site, for_design};
use bonfire_model::explorer::Outcome;
use bonfire_model::machine::Mutant;
use bonfire_model::run::Design;
use bonfire_model::scenario::{Part, Scenario};
use bonfire_model::vocabulary::Act;
use loom::model::Builder;
use loom::thread;

use crate::kernel::{Kernel, Modelled};
use crate::machine::{InLoom, become_cpu};

/// What the executions of a run came to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Run {
    /// Those in which every CPU came to its end.
    pub(crate) completed: u64,
    /// Those in which some CPU waited for what had not come: of no account.
    pub(crate) blocked: u64,
    /// What was seen in those that were completed.
    pub(crate) outcomes: BTreeSet<Outcome>,
    /// The sites that were passed, a bit for each.
    pub(crate) passed: u32,
}

impl Run {
    /// Whether something forbidden was seen.
    pub(crate) fn is_flawed(&self, scenario: &Scenario) -> bool {
        !self.outcomes.is_disjoint(&scenario.forbidden)
    }

    /// Whether this site was passed.
    pub(crate) fn passes(&self, site: Site) -> bool {
        self.passed >> site as u32 & 1 != 0
    }

    fn add(&mut self, other: Self) {
        self.completed += other.completed;
        self.blocked += other.blocked;
        self.outcomes.extend(other.outcomes);
        self.passed |= other.passed;
    }
}

/// Runs `scenario` on an engine of `design`, with some sites changed: every
/// execution that loom knows in which no more than so many pre-emptions happen,
/// with interrupts taken in every place; up to the first that shows something
/// forbidden.
pub(crate) fn run(design: Design, scenario: &Scenario, mutant: &Mutant, bound: Option<usize>) -> Run {
    let one = for_design!(design, D => run_with::<InLoom<D>>);
    let mut all = Run::default();
    for places in interruptions(scenario) {
        all.add(one(scenario, mutant, places, bound));
        if all.is_flawed(scenario) {
            break;
        }
    }
    all
}

/// The places at which each CPU may be interrupted, in every combination. A CPU
/// that nobody else pokes takes no interrupt.
fn interruptions(scenario: &Scenario) -> Vec<Vec<usize>> {
    const NEVER: usize = usize::MAX;
    let nobody_is_global = !scenario.registered.contains(&(0, Command::RegisterGlobalExpedited));
    let pokes = |part: &Part| {
        part.acts.iter().any(|act| match act {
            Act::Call(Command::GlobalExpedited) if nobody_is_global => false,
            Act::Call(_) => true,
            _ => false,
        })
    };
    let others_poke =
        |cpu| scenario.parts.iter().enumerate().any(|(other, part)| other != cpu && pokes(part));
    let mut all = vec![vec![]];
    for (cpu, part) in scenario.parts.iter().enumerate() {
        let places = if others_poke(cpu) { (0..=part.acts.len()).collect() } else { vec![NEVER] };
        let with = |before: &Vec<usize>| {
            places.iter().map(|&place| [before.as_slice(), &[place]].concat()).collect::<Vec<_>>()
        };
        all = all.iter().flat_map(with).collect();
    }
    all
}

/// The stack of the thread that makes the kernel.
const STACK_WORDS: usize = 1 << 15;

/// Thrown to end a model in the middle.
struct Enough;

fn run_with<K: Modelled>(
    scenario: &Scenario,
    mutant: &Mutant,
    places: Vec<usize>,
    bound: Option<usize>,
) -> Run {
    let run = Arc::new(Mutex::new(Run::default()));
    let passed = Arc::new(AtomicU32::new(0));
    let (noted, scenario, mutant) = (Arc::clone(&run), Arc::new(scenario.clone()), mutant.clone());
    let mut builder = Builder::new();
    builder.max_branches = 10_000;
    builder.preemption_bound = bound;
    let ended = panic::catch_unwind(panic::AssertUnwindSafe(|| {
        builder.check(move || {
            let first = {
                let (scenario, mutant) = (Arc::clone(&scenario), mutant.clone());
                let (passed, places) = (Arc::clone(&passed), places.clone());
                // The kernel is made on the stack, and is too large for that of the
                // thread that loom gives.
                thread::Builder::new().stack_size(STACK_WORDS).spawn(move || {
                    let kernel = Kernel::<K>::boot(&scenario, mutant, passed);
                    execute(&kernel, &scenario, &places)
                })
            };
            let outcome = first.expect("five threads at most").join().expect("threads throw nothing");
            let mut run = noted.lock().unwrap_or_else(PoisonError::into_inner);
            run.passed |= passed.load(Relaxed);
            match outcome {
                None => run.blocked += 1,
                Some(outcome) => {
                    run.completed += 1;
                    run.outcomes.insert(outcome);
                }
            }
            if run.is_flawed(&scenario) {
                drop(run);
                panic::resume_unwind(Box::new(Enough));
            }
        });
    }));
    match ended {
        Ok(()) => {}
        Err(thrown) if thrown.is::<Enough>() => {}
        Err(thrown) => panic::resume_unwind(thrown),
    }
    let run = run.lock().unwrap_or_else(PoisonError::into_inner);
    run.clone()
}

/// Runs each CPU as a thread, the first as this one; what came of it, if every
/// CPU came to its end.
fn execute<K: Modelled>(
    kernel: &Arc<Kernel<K>>,
    scenario: &Arc<Scenario>,
    places: &[usize],
) -> Option<Outcome> {
    let spawned: Vec<_> = (1..places.len())
        .map(|cpu| {
            let (kernel, scenario, place) = (Arc::clone(kernel), Arc::clone(scenario), places[cpu]);
            thread::spawn(move || {
                become_cpu(cpu);
                kernel.run(scenario.parts[cpu].on, &scenario.parts[cpu].acts, place)
            })
        })
        .collect();
    become_cpu(0);
    let mine = kernel.run(scenario.parts[0].on, &scenario.parts[0].acts, places[0]);
    let theirs = spawned.into_iter().map(|thread| thread.join().expect("threads throw nothing"));
    let reads: Vec<_> = [mine].into_iter().chain(theirs).collect();
    let mut outcome = vec![0; scenario.registers];
    for reads in reads {
        reads?.into_iter().for_each(|(register, value)| outcome[usize::from(register)] = value);
    }
    outcome.extend(scenario.shown.iter().map(|&var| kernel.last(var)));
    Some(outcome)
}
