//! A long randomised run: everything that can happen to the engine, all at
//! once, with invariants that see a missing barrier.
//!
//! *Processes* come and go. The threads of each race as `races` tells, while
//! it registers, forks, calls `exec`, and lends its address space to a kernel
//! thread. Beneath them the timer pre-empts, threads move, CPUs go offline and
//! come back.
//!
//! # What a seed reproduces
//! Every decision: what each process does, with how many rounds, which commands in
//! which order, which process forks, where each thread is placed, in which order CPUs go offline
//! and come back, how long time slices last. Not what the host decides: at which
//! instruction a signal arrives, how fast one virtual CPU runs against another,
//! and so how many processes there are in a given time. The same seed tries the
//! same things again, in another interleaving.

mod races;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use bonfire_engine::abi::Cpu;

use crate::{Faults, OnThreads, Options, Process, SpaceHandle, System};
use races::Races;

/// What a storm is like.
#[derive(Clone, Copy, Debug)]
pub struct Storm {
    /// No process begins after this.
    pub duration: Duration,
    /// Nor after so many processes.
    pub processes: u64,
    /// From where every decision comes.
    pub seed: u64,
    /// How many virtual CPUs.
    pub cpus: usize,
    /// What the machine lacks.
    pub faults: Faults,
}

/// What happened, and how often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Event {
    /// A process with races ended.
    Process,
    /// A call that asks for a barrier.
    Call,
    /// A registration.
    Registration,
    /// A process was forked.
    Fork,
    /// A process executed a new image.
    Exec,
    /// A thread exited.
    Exit,
    /// A kernel thread used the address space of a process.
    Borrowing,
    /// A CPU was wanted offline.
    Offline,
    /// An invariant was looked at.
    Check,
    /// Two threads were in a section that excludes them by store, barrier, load.
    Overlap,
    /// Code ran that was replaced before a core serialisation.
    StaleCode,
    /// A restartable section committed after the barrier that restarts it.
    LateCommit,
    /// A call returned something else than it must.
    WrongAnswer,
}

/// The counts of a storm.
#[derive(Debug, Default)]
pub struct Counts([AtomicU64; Event::ALL.len()]);

/// How a storm ended.
#[derive(Debug)]
pub struct Report {
    counts: Arc<Counts>,
    /// For a minute no thread got any further, with so many processes left.
    pub hung: bool,
    /// Pokes that were served.
    pub pokes: u64,
    /// Changes of what occupies a CPU.
    pub switches: u64,
    /// The most pokes that were on their way to one CPU at one time.
    pub most_pending: u32,
}

/// A process begins when there are fewer processes and kernel threads than this.
const AT_ONCE: usize = 3;
/// Short time slices: much is interrupted.
const TICK: Duration = Duration::from_micros(60);
/// How long nothing may happen before it is called a hang.
const PATIENCE: Duration = Duration::from_secs(60);

impl Storm {
    /// Lets it run on a machine of its own, in the design `D`.
    ///
    /// # Errors
    /// If the host has no memory or no threads left.
    pub fn run<K: OnThreads>(&self) -> io::Result<Report> {
        let counts = Arc::<Counts>::default();
        let options = Options {
            cpus: self.cpus,
            seed: self.seed,
            tick: TICK,
            faults: self.faults,
            ..Options::default()
        };
        let system = System::<K>::boot(options)?;
        let hung = !self.run_processes(&system, &counts)?;
        let of_cpus = || (0..).map(Cpu).take(self.cpus).map(|cpu| system.counts(cpu));
        Ok(Report {
            hung,
            pokes: of_cpus().map(crate::Counts::pokes_served).sum(),
            switches: of_cpus().map(crate::Counts::switches).sum(),
            most_pending: of_cpus().map(crate::Counts::most_pending).max().unwrap_or(0),
            counts,
        })
    }

    /// Begins processes until it is time, and waits for the last. False if they
    /// hang.
    fn run_processes<K: OnThreads>(&self, system: &System<K>, counts: &Arc<Counts>) -> io::Result<bool> {
        let mut random = fastrand::Rng::with_seed(self.seed);
        let mut watch = Watch::new(counts);
        let mut processes: Vec<Process> = Vec::new();
        let (began, mut begun) = (Instant::now(), 0);
        loop {
            let more = begun < self.processes && began.elapsed() < self.duration;
            if more && processes.len() < AT_ONCE {
                begun += 1;
                self.begin_process(system, counts, &mut random, &mut processes)?;
            } else if !more && processes.is_empty() {
                return Ok(true);
            }
            self.shake(system, counts, &mut random);
            processes.retain(|process| !process.wait(Duration::from_micros(200)));
            if watch.sees_a_hang() {
                return Ok(false);
            }
        }
    }

    fn begin_process<K: OnThreads>(
        &self,
        system: &System<K>,
        counts: &Arc<Counts>,
        random: &mut fastrand::Rng,
        processes: &mut Vec<Process>,
    ) -> io::Result<()> {
        let space = SpaceHandle::new();
        let races = Arc::new(Races::new(Arc::clone(counts), random.u64(..)));
        let of_process = Arc::clone(&races);
        processes.push(system.process_in(&space, None, move |user| of_process.run(user))?);
        if random.bool() {
            let cpu = Cpu(random.u32(..u32::try_from(self.cpus).unwrap_or(1)));
            processes.push(system.kernel_thread(Some(cpu), move |this| races.borrow(this, &space))?);
        }
        Ok(())
    }

    /// Wants one CPU or another offline or online.
    fn shake<K: OnThreads>(&self, system: &System<K>, counts: &Counts, random: &mut fastrand::Rng) {
        let cpu = Cpu(random.u32(..u32::try_from(self.cpus).unwrap_or(1)));
        let online = random.u8(..4) != 0;
        if !online && cpu != Cpu(0) {
            counts.add(Event::Offline);
        }
        system.want_online(cpu, online);
    }
}

/// Looks whether anything still happens.
struct Watch<'a> {
    counts: &'a Counts,
    last: u64,
    since: Instant,
}

impl<'a> Watch<'a> {
    fn new(counts: &'a Counts) -> Self {
        Self { counts, last: 0, since: Instant::now() }
    }

    fn sees_a_hang(&mut self) -> bool {
        let now = Event::ALL.into_iter().map(|event| self.counts.get(event)).sum();
        if now != self.last {
            (self.last, self.since) = (now, Instant::now());
        }
        self.since.elapsed() > PATIENCE
    }
}

impl Event {
    /// Every event.
    pub const ALL: [Self; 13] = [
        Self::Process,
        Self::Call,
        Self::Registration,
        Self::Fork,
        Self::Exec,
        Self::Exit,
        Self::Borrowing,
        Self::Offline,
        Self::Check,
        Self::Overlap,
        Self::StaleCode,
        Self::LateCommit,
        Self::WrongAnswer,
    ];

    /// Whether it must never happen.
    #[must_use]
    pub const fn is_violation(self) -> bool {
        matches!(self, Self::Overlap | Self::StaleCode | Self::LateCommit | Self::WrongAnswer)
    }
}

impl Counts {
    /// How often `event` happened.
    #[must_use]
    pub fn get(&self, event: Event) -> u64 {
        self.0[event as usize].load(Relaxed)
    }

    fn add(&self, event: Event) {
        self.add_many(event, 1);
    }

    fn add_many(&self, event: Event, times: u64) {
        self.0[event as usize].fetch_add(times, Relaxed);
    }
}

impl Report {
    /// How often `event` happened.
    #[must_use]
    pub fn count(&self, event: Event) -> u64 {
        self.counts.get(event)
    }

    /// How often something happened that must not.
    #[must_use]
    pub fn violations(&self) -> u64 {
        Event::ALL.into_iter().filter(|event| event.is_violation()).map(|event| self.count(event)).sum()
    }
}
