//! What was measured on a machine beside its costs, and what the same takes here.
//!
//! A machine file may hold such measurements. No run reads them: they are there to
//! hold the model to, by [`Hardware::compared`].

use crate::design::Design;
use crate::hardware::{Hardware, NS, Ps};
use crate::run::{Failure, Job};
use crate::workload::Workload;

/// What was measured: medians.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Recorded {
    /// A call of a process whose other thread is asleep.
    pub(crate) alone: Ps,
    /// One whose other thread runs.
    pub(crate) one_running: Ps,
    /// A signal to each of so many sleeping threads, until all have answered.
    pub(crate) signals: [(usize, Ps); 4],
}

/// A measurement, and what the model makes of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Compared {
    /// What was measured.
    pub what: String,
    /// How long it took on the machine, in nanoseconds.
    pub measured_ns: f64,
    /// How long it takes here, in nanoseconds.
    pub here_ns: f64,
}

impl Compared {
    /// Whether neither is more than 1.5 times the other.
    #[must_use]
    pub fn is_near(&self) -> bool {
        (1.0 / 1.5..=1.5).contains(&(self.here_ns / self.measured_ns))
    }
}

/// One thread calls now and then; another of its process is asleep.
const ALONE: &str = r#"
name = "alone"
says = "One thread calls, another sleeps"
time_us = 1000000
calls = 100

[[group]]
processes = 1
threads = 1
asleep = 1
does = { what = "call", think_us = 5 }
"#;

/// One thread calls now and then; another of its process runs.
const ONE_RUNNING: &str = r#"
name = "one-running"
says = "One thread calls, another runs"
time_us = 1000000
calls = 100

[[group]]
processes = 1
threads = 1
does = { what = "call", think_us = 5 }

[[group]]
threads = 1
does = { what = "compute" }
"#;

impl Hardware {
    /// What was measured on this machine beside its costs, against the model of its
    /// kernel, Linux with one mutex. Empty if nothing was.
    ///
    /// # Errors
    /// As [`Job::run`].
    pub fn compared(&self) -> Result<Vec<Compared>, Failure> {
        let Some(recorded) = &self.recorded else { return Ok(Vec::new()) };
        let read = |text| Workload::parse("recorded", text).expect("the crate's own is tested");
        let (alone, running) = (read(ALONE), read(ONE_RUNNING));
        let call = Design::Linux2024;
        let mut all = vec![
            self.compare("a call, the other thread asleep".to_owned(), recorded.alone, &alone, call)?,
            self.compare(
                "a call, the other thread running".to_owned(),
                recorded.one_running,
                &running,
                call,
            )?,
        ];
        for (threads, took) in recorded.signals {
            let workload = read(ALONE).with_asleep(threads).with_calls(20);
            let what = format!("a signal to each of {threads} sleeping threads");
            all.push(self.compare(what, took, &workload, Design::Signals)?);
        }
        Ok(all)
    }

    fn compare(
        &self,
        what: String,
        measured: Ps,
        workload: &Workload,
        design: Design,
    ) -> Result<Compared, Failure> {
        let workload = workload.clone();
        let job = Job { hardware: self.clone(), workload, design, seed: 1, steps: 4_000_000, loses: None };
        let here_ns = job.run()?.latency_ns.map_or(0.0, |latency| latency.median);
        Ok(Compared { what, measured_ns: measured as f64 / NS as f64, here_ns })
    }
}
