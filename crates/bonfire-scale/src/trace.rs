//! Who interrupted whom, as a timeline that Perfetto and the tracing page of
//! Chrome read (the Trace Event Format, JSON).

use std::cell::RefCell;
use std::fmt::Write;

use crate::hardware::Ps;

/// What happens on a CPU.
#[derive(Clone, Copy, Debug)]
pub(crate) enum What {
    /// It sends an interrupt.
    Sends { to: usize },
    /// An interrupt arrives.
    Arrives { from: usize },
    /// It handles an interrupt.
    Handles { until: Ps },
    /// It is in the call.
    Calls { until: Ps },
    /// It waits for a lock.
    Locks { until: Ps },
    /// It keeps interrupts off.
    Off { until: Ps },
}

/// The timeline.
#[derive(Default)]
pub(crate) struct Trace {
    noted: RefCell<Vec<(Ps, usize, What)>>,
}

/// How much is kept: a page that shows more does not open.
const MOST: usize = 1_000_000;

impl Trace {
    pub(crate) fn note(&self, at: Ps, cpu: usize, what: What) {
        let mut noted = self.noted.borrow_mut();
        if noted.len() < MOST {
            noted.push((at, cpu, what));
        }
    }

    /// The timeline as JSON.
    pub(crate) fn json(&self) -> String {
        let mut text = String::from("{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n");
        let noted = self.noted.borrow();
        let lines = noted.iter().map(|&(at, cpu, what)| event(at, cpu, what));
        text.push_str(&lines.collect::<Vec<_>>().join(",\n"));
        text.push_str("\n]}\n");
        text
    }
}

/// One event. Times are in microseconds, as the format has it.
fn event(at: Ps, cpu: usize, what: What) -> String {
    let span = |name: &str, until: Ps| {
        let length = micro(until.saturating_sub(at));
        format!(r#"{{"ph":"X","name":"{name}","pid":1,"tid":{cpu},"ts":{},"dur":{length}}}"#, micro(at))
    };
    let instant = |name: &str, arguments: &str| {
        let at = micro(at);
        format!(
            r#"{{"ph":"i","s":"t","name":"{name}","pid":1,"tid":{cpu},"ts":{at},"args":{{{arguments}}}}}"#
        )
    };
    let mut arguments = String::new();
    match what {
        What::Sends { to } => {
            let _ = write!(arguments, r#""to CPU":{to}"#);
            instant("sends an interrupt", &arguments)
        }
        What::Arrives { from } => {
            let _ = write!(arguments, r#""from CPU":{from}"#);
            instant("interrupt arrives", &arguments)
        }
        What::Handles { until } => span("interrupt", until),
        What::Calls { until } => span("membarrier", until),
        What::Locks { until } => span("waits for a lock", until),
        What::Off { until } => span("interrupts off", until),
    }
}

/// Picoseconds as microseconds.
fn micro(time: Ps) -> String {
    format!("{}.{:06}", time / 1_000_000, time % 1_000_000)
}
