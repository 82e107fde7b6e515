#![doc = include_str!("../README.md")]
#![deny(unsafe_code)]

// From the outside in: what is run, what it is made of, who makes the barriers,
// and the machine below.
mod run;

mod hardware;
mod workload;

mod barriers;
mod design;
mod engine;
mod linux;
mod signals;

mod clock;
mod count;
mod line;
mod lock;
mod machine;
mod measure;
mod os;
mod queue;
mod recorded;
#[expect(unsafe_code, reason = "stacks that are suspended half-way; each block is argued for")]
mod sys;
mod trace;
mod word;

pub use design::Design;
pub use hardware::{BadFile, Hardware, MACHINES, MOST_CPUS, NS, Ps, SECOND};
pub use recorded::Compared;
pub use run::{Failure, Job, Latency, Outcome};
pub use workload::{WORKLOADS, Workload};
