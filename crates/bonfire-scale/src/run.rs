//! A run: one design, one workload, one machine, one seed.

use std::fmt;
use std::rc::Rc;

use serde::{Deserialize, Serialize};

use crate::barriers::{Barriers, Who};
use crate::clock::Clock;
use crate::design::Design;
use crate::hardware::{Hardware, Ps, SECOND};
use crate::lock::Lock;
use crate::measure::Measure;
use crate::os::{Limits, Os, Task};
use crate::workload::{Group, Place, Workload};

/// What is to be run.
#[derive(Clone, Debug)]
pub struct Job {
    /// The machine.
    pub hardware: Hardware,
    /// What its programs do.
    pub workload: Workload,
    /// Who makes the barriers.
    pub design: Design,
    /// Where random numbers begin.
    pub seed: u64,
    /// After how many steps it ends, whatever else: what it may cost.
    pub steps: u64,
    /// Loses the interrupt of this number, to see that it is missed.
    pub loses: Option<u64>,
}

/// What came of a run. Times are virtual.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The machine's name.
    pub machine: String,
    /// Whether nobody measured a machine like it.
    pub extrapolated: bool,
    /// The workload's name.
    pub workload: String,
    /// Who made the barriers.
    pub design: Design,
    /// How many CPUs.
    pub cpus: usize,
    /// How many threads called.
    pub callers: usize,
    /// How many threads there were.
    pub threads: usize,
    /// The seed.
    pub seed: u64,
    /// How long it ran, in microseconds.
    pub time_us: f64,
    /// How many things took time.
    pub steps: u64,
    /// How many calls returned.
    pub calls: u64,
    /// How many did a second, all callers together.
    pub calls_per_second: f64,
    /// How long a call took, in nanoseconds.
    pub latency_ns: Option<Latency>,
    /// Interrupts for each call.
    pub interrupts_per_call: f64,
    /// Interrupts for each second of a CPU.
    pub interrupts_per_cpu_second: f64,
    /// How much of its time a CPU spent in interrupts.
    pub interrupted_share: f64,
    /// Lines that moved, for each call.
    pub lines_per_call: f64,
    /// How long a call waited for locks, in nanoseconds, those of the kernel's
    /// own switches included.
    pub lock_wait_ns: f64,
    /// How long it took to choose the CPUs, in nanoseconds, where that is seen.
    pub scan_ns: Option<f64>,
    /// What a switch paid in the hook: of a process that registered.
    pub switch_registered_ns: Option<f64>,
    /// Of one that did not.
    pub switch_other_ns: Option<f64>,
    /// The most interrupts that were under way to one CPU.
    pub most_pending: u32,
    /// The share of its work that a bystander lost to the callers; nothing where
    /// the run was too short to tell.
    pub bystander_loss: Option<f64>,
}

/// How long calls took, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// Half were faster.
    pub median: f64,
    /// One in a hundred was slower.
    pub p99: f64,
    /// One in a thousand was slower.
    pub p999: f64,
}

/// Why there is no outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// There is no memory for the CPUs' stacks.
    Memory(String),
    /// CPUs that wait for ever.
    Stuck(Vec<usize>),
    /// Something did not hold that always must.
    Broken(Vec<&'static str>),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory(error) => write!(f, "no memory for the stacks of the CPUs: {error}"),
            Self::Stuck(cpus) => {
                write!(f, "{} CPUs wait for ever, the first of them CPU {}", cpus.len(), cpus[0])
            }
            Self::Broken(what) => write!(f, "the machine is broken: {}", what.join("; ")),
        }
    }
}

impl std::error::Error for Failure {}

/// A shorter run is all beginning: what bystanders lost in it says nothing.
const TELLING: Ps = 2 * crate::measure::BEGUN;

impl Job {
    /// How much memory a run takes at most, in bytes: a rough estimate, from
    /// above.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        const STACK: u64 = 40 << 10;
        const LINE: u64 = 256;
        let cpus = self.hardware.cpus as u64;
        let (callers, threads) = self.workload.threads(self.hardware.cpus);
        let (callers, threads) = ((callers as u64).min(cpus), threads as u64);
        let readers = cpus.div_ceil(64) * 8 + LINE;
        let engine = cpus * 2 * readers;
        let comparator = callers * cpus * (64 + LINE);
        let shared = if self.design.is_engine() { engine } else { engine + comparator };
        let calls = self.workload.calls.min(self.steps / 8) * 16;
        cpus * STACK + shared + threads * (64 + 2 * LINE) + calls + (64 << 20)
    }

    /// Runs it.
    ///
    /// # Errors
    /// [`Failure`], which is a fault of the design, or of this crate.
    pub fn run(&self) -> Result<Outcome, Failure> {
        self.traced(false).map(|(outcome, _)| outcome)
    }

    /// Runs it, and returns who interrupted whom: a timeline in the Trace Event
    /// Format.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn trace(&self) -> Result<(Outcome, String), Failure> {
        self.traced(true)
    }

    fn traced(&self, traced: bool) -> Result<(Outcome, String), Failure> {
        let ran = self.once(&self.workload, self.steps, traced)?;
        let alone = self.workload.without_callers().map(|alone| {
            // As long as it took with the callers, and at no other cost.
            self.once(&alone.with_time(ran.ended).with_calls(u64::MAX), u64::MAX, false)
        });
        let alone = alone.transpose()?.filter(|_| ran.ended >= TELLING);
        let loss = alone.map(|alone| 1.0 - ran.useful() / alone.useful()).filter(|loss| loss.is_finite());
        let trace = ran.clock.trace.as_ref().map(crate::trace::Trace::json).unwrap_or_default();
        Ok((self.outcome(&ran, loss), trace))
    }

    fn once(&self, workload: &Workload, steps: u64, traced: bool) -> Result<Ran, Failure> {
        let measure = Rc::new(Measure::default());
        let clock = Clock::new(self.hardware.clone(), traced, self.loses, Rc::clone(&measure));
        let run_queues = (0..self.hardware.cpus).map(|_| Lock::new()).collect::<Rc<[Lock]>>();
        let barriers = self.design.barriers(&clock, &run_queues);
        let tasks = place(workload, self.hardware.cpus, barriers.as_ref());
        let limits = Limits { time: workload.time, calls: workload.calls, steps };
        let os =
            Os::new(Rc::clone(&clock), barriers, run_queues, tasks, limits, Rc::clone(&measure), self.seed);
        let os = Rc::new(os);
        let stuck = clock.run(&os, || os.finish());
        let stuck = stuck.map_err(|error| Failure::Memory(error.to_string()))?;
        if !stuck.is_empty() {
            return Err(Failure::Stuck(stuck));
        }
        let broken = clock.counts.broken();
        if !broken.is_empty() {
            return Err(Failure::Broken(broken));
        }
        Ok(Ran { ended: os.ended(), clock, measure })
    }

    fn outcome(&self, ran: &Ran, bystander_loss: Option<f64>) -> Outcome {
        let cpus = self.hardware.cpus;
        let (callers, threads) = self.workload.threads(cpus);
        let (calls_per_second, took) = ran.measure.settled(ran.ended);
        let counts = &ran.clock.counts;
        let calls = ran.measure.calls();
        let per_call = |count: f64| if calls == 0 { 0.0 } else { count / calls as f64 };
        let cpu_seconds = cpus as f64 * ran.clock.end().max(1) as f64 / SECOND as f64;
        let [switch_registered_ns, switch_other_ns] = ran.measure.switch_ns();
        Outcome {
            machine: self.hardware.name.clone(),
            extrapolated: self.hardware.extrapolated,
            workload: self.workload.name.clone(),
            design: self.design,
            cpus,
            callers,
            threads,
            seed: self.seed,
            time_us: ran.ended as f64 / 1e6,
            steps: counts.steps(),
            calls,
            calls_per_second,
            latency_ns: Latency::of(&took),
            interrupts_per_call: per_call(counts.interrupts() as f64),
            interrupts_per_cpu_second: counts.interrupts() as f64 / cpu_seconds,
            interrupted_share: counts.all_interrupted() as f64 / SECOND as f64 / cpu_seconds,
            lines_per_call: per_call(counts.moved() as f64),
            lock_wait_ns: per_call(counts.lock_wait() as f64 / 1e3),
            scan_ns: ran.measure.scan_ns(ran.ended),
            switch_registered_ns,
            switch_other_ns,
            most_pending: counts.most_undelivered(),
            bystander_loss,
        }
    }
}

/// A machine that has run.
struct Ran {
    ended: Ps,
    clock: Rc<Clock>,
    measure: Rc<Measure>,
}

impl Ran {
    fn useful(&self) -> f64 {
        self.measure.useful(self.ended)
    }
}

impl Latency {
    /// Of times in picoseconds, shortest first.
    fn of(took: &[Ps]) -> Option<Self> {
        let last = took.len().checked_sub(1)?;
        // CAST: an index within the list.
        let at = |share: f64| took[(last as f64 * share).round() as usize] as f64 / 1e3;
        Some(Self { median: at(0.5), p99: at(0.99), p999: at(0.999) })
    }
}

/// Makes the processes and threads of a workload, and says where they run.
fn place(workload: &Workload, cpus: usize, barriers: &dyn Barriers) -> Vec<Task> {
    let mut placed = Placed {
        cpus,
        processes: 0,
        threads: 0,
        next_cpu: 0,
        last_cpu: 0,
        first_of_last: 0,
        tasks: Vec::new(),
    };
    for group in &workload.groups {
        placed.group(group, barriers);
    }
    placed.tasks
}

struct Placed {
    cpus: usize,
    processes: usize,
    threads: usize,
    next_cpu: usize,
    /// Where the group before began.
    last_cpu: usize,
    /// The first process of the last group that had its own.
    first_of_last: usize,
    tasks: Vec<Task>,
}

impl Placed {
    fn group(&mut self, group: &Group, barriers: &dyn Barriers) {
        let own = group.processes.map(|count| count.on(self.cpus));
        if let Some(processes) = own {
            self.first_of_last = self.processes;
            self.processes += processes;
            (self.first_of_last..self.processes).for_each(|process| barriers.new_process(process));
        }
        let processes = self.first_of_last..self.processes;
        let (running, asleep) = (group.threads.on(self.cpus), group.asleep.on(self.cpus));
        let homes = self.homes(group.place, processes.len() * running);
        for (index, process) in processes.enumerate() {
            let homes: Rc<[usize]> = homes[index * running..(index + 1) * running].into();
            for (place, &home) in homes.iter().enumerate() {
                let first = own.is_some() && place == 0;
                self.task(group, process, home, first, &homes, barriers);
            }
            // Spread over the CPUs, from the one beside the first that runs.
            let first = homes.first().map_or(0, |home| home + 1);
            for sleeper in 0..asleep {
                self.thread(process, (first + sleeper) % self.cpus, barriers);
            }
        }
    }

    fn task(
        &mut self,
        group: &Group,
        process: usize,
        home: usize,
        first: bool,
        homes: &Rc<[usize]>,
        barriers: &dyn Barriers,
    ) {
        let who = self.thread(process, home, barriers);
        let others = Rc::clone(homes);
        let Group { does, role, registered, .. } = *group;
        self.tasks.push(Task { who, does, role, registered, first, home, others });
    }

    fn thread(&mut self, process: usize, home: usize, barriers: &dyn Barriers) -> Who {
        let who = Who { process, thread: self.threads };
        barriers.new_thread(who, home);
        self.threads += 1;
        who
    }

    fn homes(&mut self, place: Place, threads: usize) -> Vec<usize> {
        let first = match place {
            Place::Next => self.next_cpu,
            Place::Same => self.last_cpu,
            Place::Over => 0,
        };
        if place == Place::Next {
            self.last_cpu = self.next_cpu;
            self.next_cpu += threads;
        }
        (first..first + threads).map(|cpu| cpu % self.cpus).collect()
    }
}
