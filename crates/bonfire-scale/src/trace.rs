//! Who interrupted whom, as a timeline that Perfetto and the tracing page of
//! Chrome read (the Trace Event Format, JSON).

use std::cell::RefCell;
use std::collections::BTreeSet;
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
        let cpus: BTreeSet<usize> = noted.iter().map(|&(_, cpu, _)| cpu).collect();
        let names = cpus.into_iter().map(name);
        let lines = noted.iter().map(|&(at, cpu, what)| event(at, cpu, what));
        text.push_str(&names.chain(lines).collect::<Vec<_>>().join(",\n"));
        text.push_str("\n]}\n");
        text
    }
}

/// What a viewer calls the line of a CPU.
fn name(cpu: usize) -> String {
    format!(r#"{{"ph":"M","name":"thread_name","pid":1,"tid":{cpu},"args":{{"name":"CPU {cpu}"}}}}"#)
}

/// One event. Times are in microseconds, as the format has it.
fn event(at: Ps, cpu: usize, what: What) -> String {
    let span = |name: &str, until: Ps| {
        // Viewers add the two as floating point: what begins where this ends must not seem to
        // begin within it, so it ends a picosecond before.
        let length = micro(until.saturating_sub(at).saturating_sub(1));
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

#[cfg(test)]
mod tests {
    use super::*;

    /// `key` of an event, as a viewer reads it.
    fn number(event: &str, key: &str) -> f64 {
        let rest = event.split(&format!(r#""{key}":"#)).nth(1).unwrap();
        rest.split([',', '}']).next().unwrap().parse().unwrap()
    }

    #[test]
    fn spans_one_after_the_other_do_not_overlap_for_who_adds_floating_point() {
        let (call, off) = (What::Calls { until: 26_744_010 }, What::Off { until: 44_978_980 });
        let (first, next) = (event(8_509_040, 0, call), event(26_744_010, 0, off));
        assert!(8.50904 + 18.23497 > number(&next, "ts"), "the twin, as long as it was, overlaps");
        assert!(number(&first, "ts") + number(&first, "dur") <= number(&next, "ts"));
    }

    #[test]
    fn a_line_has_the_name_of_its_cpu() {
        let trace = Trace::default();
        trace.note(1, 3, What::Calls { until: 2 });
        assert!(trace.json().contains(r#""tid":3,"args":{"name":"CPU 3"}"#));
    }
}
