//! Which runs are made, and whether they fit.

use anyhow::{Result, anyhow, bail};
use bonfire_scale::{Design, Hardware, Job, Workload};
use serde::{Deserialize, Serialize};

/// The runs.
pub(super) struct Plan {
    pub(super) runs: Vec<Run>,
}

/// A run, and what it is there for.
#[derive(Clone)]
pub(super) struct Run {
    pub(super) part: Part,
    pub(super) job: Job,
}

/// What a run is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Part {
    /// The designs, on one machine.
    Designs,
    /// How costs grow with the CPUs.
    Cpus,
    /// With the threads of the process.
    Threads,
    /// With the threads that call.
    Attackers,
    /// The largest machine.
    Largest,
}

/// How many steps a second of one core of the host are counted on.
const STEPS_PER_SECOND: u64 = 1_000_000;

impl Plan {
    /// What `bonfire scale` runs if it is asked for nothing else.
    pub(super) fn usual(seed: u64, steps: u64) -> Result<Self> {
        let mut plan = Usual { runs: Vec::new(), seed, steps };
        plan.designs()?;
        plan.growth()?;
        Ok(Self { runs: plan.runs })
    }

    /// Everything with everything.
    pub(super) fn product(
        machines: &[Hardware],
        cpus: &[usize],
        workloads: &[Workload],
        designs: &[Design],
        seed: u64,
        steps: u64,
    ) -> Result<Self> {
        let mut runs = Vec::new();
        for machine in machines {
            let own = [machine.cpus];
            for &cpus in if cpus.is_empty() { &own[..] } else { cpus } {
                let hardware = machine.clone().with_cpus(cpus).map_err(|problem| anyhow!(problem))?;
                for workload in workloads {
                    runs.extend(designs.iter().map(|&design| {
                        let (hardware, workload) = (hardware.clone(), workload.clone());
                        Run {
                            part: Part::Designs,
                            job: Job { hardware, workload, design, seed, steps, loses: None },
                        }
                    }));
                }
            }
        }
        Ok(Self { runs })
    }

    /// Refuses what would not fit, before anything runs.
    pub(super) fn fits(&self, memory_mib: u64, seconds: u64) -> Result<()> {
        for Run { job, .. } in &self.runs {
            let takes = job.memory_bytes() >> 20;
            if takes > memory_mib {
                bail!(
                    "{} of {} on {} CPUs would take up to {takes} MiB, more than the {memory_mib} of --memory; \
                     ask for fewer CPUs (--cpus), or for more memory",
                    job.design.name(),
                    job.workload.name,
                    job.hardware.cpus
                );
            }
        }
        let takes = self.seconds();
        if takes > seconds {
            bail!(
                "{} runs may take {takes} s, more than the {seconds} of --time; ask for fewer steps (--steps), \
                 for a part (--shard), or for more time",
                self.runs.len()
            );
        }
        Ok(())
    }

    /// How long it may take at most.
    fn seconds(&self) -> u64 {
        let threads = std::thread::available_parallelism().map_or(1, usize::from) as u64;
        let steps: u64 = self.runs.iter().map(|run| run.job.steps).sum();
        steps.div_ceil(STEPS_PER_SECOND * threads)
    }
}

struct Usual {
    runs: Vec<Run>,
    seed: u64,
    steps: u64,
}

/// The designs that the growth is shown of.
const GROWING: [Design; 6] = [
    Design::Everywhere,
    Design::Running,
    Design::Mask,
    Design::LockedMask,
    Design::Linux2017,
    Design::Linux2024,
];

impl Usual {
    /// Every design with every workload.
    fn designs(&mut self) -> Result<()> {
        for (name, _) in bonfire_scale::WORKLOADS {
            for design in Design::ALL {
                // A round of all callers takes that many steps.
                let is_crowded = matches!(
                    name,
                    "hammer-all" | "hammer-threads" | "hammer-shared" | "targeted" | "run-queues"
                );
                let steps = if is_crowded { self.steps } else { self.steps / 4 };
                self.add(Part::Designs, 384, workload(name), design, steps)?;
            }
        }
        Ok(())
    }

    fn growth(&mut self) -> Result<()> {
        for design in GROWING {
            for cpus in [24, 48, 96, 192] {
                for name in ["one-caller", "two-threads", "hammer-all", "hammer-processes"] {
                    self.add(Part::Cpus, cpus, workload(name), design, self.steps * cpus as u64 / 768)?;
                }
            }
        }
        for design in [Design::Running, Design::Threads, Design::Linux2024, Design::Signals] {
            for asleep in [10, 100, 1_000, 10_000, 100_000] {
                let sleepers = workload("sleepers").with_asleep(asleep).with_calls(20);
                self.add(Part::Threads, 96, sleepers, design, self.steps)?;
            }
        }
        for design in GROWING {
            for callers in [1, 8, 64] {
                let hammer = workload("hammer-threads").with_callers(callers);
                self.add(Part::Attackers, 384, hammer, design, self.steps / 8)?;
            }
        }
        for design in [Design::Running, Design::Linux2024] {
            for name in ["two-threads", "one-caller"] {
                self.add_on(
                    "large-4096",
                    Part::Largest,
                    4096,
                    workload(name).with_calls(10),
                    design,
                    self.steps,
                )?;
            }
        }
        Ok(())
    }

    fn add(&mut self, part: Part, cpus: usize, workload: Workload, design: Design, steps: u64) -> Result<()> {
        self.add_on("server-384", part, cpus, workload, design, steps)
    }

    fn add_on(
        &mut self,
        machine: &str,
        part: Part,
        cpus: usize,
        workload: Workload,
        design: Design,
        steps: u64,
    ) -> Result<()> {
        let hardware = Hardware::named(machine).expect("it comes with the crate");
        let hardware = hardware.with_cpus(cpus).map_err(|problem| anyhow!(problem))?;
        let job = Job { hardware, workload, design, seed: self.seed, steps, loses: None };
        self.runs.push(Run { part, job });
        Ok(())
    }
}

fn workload(name: &str) -> Workload {
    Workload::named(name).expect("it comes with the crate")
}
