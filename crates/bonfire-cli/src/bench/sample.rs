//! Samples, taken in turn, and what is said of them.

use serde::Serialize;

/// What something costs: a median with its spread, in nanoseconds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Cost {
    pub(super) group: &'static str,
    pub(super) name: String,
    /// How many other threads the process had, where that is the question.
    pub(super) threads: Option<usize>,
    pub(super) median_ns: f64,
    pub(super) p10_ns: f64,
    pub(super) p90_ns: f64,
    pub(super) samples: usize,
}

/// One of several things that are measured in turn: its name, and a function
/// that does it and says how many nanoseconds each took, if it could tell.
pub(super) type Variant<'a> = (&'static str, Box<dyn FnMut() -> Option<f64> + 'a>);

/// Measures each variant once a round; the first round warms up.
pub(super) fn interleaved(
    group: &'static str,
    threads: Option<usize>,
    rounds: usize,
    mut variants: Vec<Variant>,
) -> Vec<Cost> {
    let mut samples = vec![Vec::new(); variants.len()];
    for round in 0..=rounds {
        for ((_, variant), samples) in variants.iter_mut().zip(&mut samples) {
            samples.extend(variant().filter(|_| round > 0));
        }
    }
    let named = variants.iter().zip(samples);
    named.filter_map(|((name, _), samples)| cost(group, *name, threads, samples)).collect()
}

/// Sums up samples; nothing if there are none.
pub(super) fn cost(
    group: &'static str,
    name: impl Into<String>,
    threads: Option<usize>,
    mut samples: Vec<f64>,
) -> Option<Cost> {
    samples.sort_by(f64::total_cmp);
    let at =
        |share: f64| samples.get(((samples.len().checked_sub(1)?) as f64 * share).round() as usize).copied();
    Some(Cost {
        group,
        name: name.into(),
        threads,
        median_ns: at(0.5)?,
        p10_ns: at(0.1)?,
        p90_ns: at(0.9)?,
        samples: samples.len(),
    })
}

/// Nanoseconds as a person writes them, to three digits.
pub(super) fn human(ns: f64) -> String {
    let (value, unit) = match ns {
        ns if ns < 1e3 => (ns, "ns"),
        ns if ns < 1e6 => (ns / 1e3, "µs"),
        ns if ns < 1e9 => (ns / 1e6, "ms"),
        ns => (ns / 1e9, "s"),
    };
    let digits = if value.abs() < 10.0 { 2 } else { usize::from(value.abs() < 100.0) };
    format!("{value:.digits$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cost_is_the_median_and_its_spread() {
        let samples = (0..=100).rev().map(f64::from).collect();
        let cost = cost("group", "name", None, samples).unwrap();
        assert_eq!((cost.p10_ns, cost.median_ns, cost.p90_ns, cost.samples), (10.0, 50.0, 90.0, 101));
        assert_eq!(super::cost("group", "name", None, Vec::new()), None);
    }

    #[test]
    fn variants_take_turns_and_the_first_round_does_not_count() {
        let turns = std::cell::RefCell::new(String::new());
        let variant = |name: char| {
            let turns = &turns;
            Box::new(move || {
                turns.borrow_mut().push(name);
                Some(1.0)
            })
        };
        let costs = interleaved("group", None, 2, vec![("a", variant('a')), ("b", variant('b'))]);
        assert_eq!(turns.borrow().as_str(), "ababab");
        assert!(costs.iter().all(|cost| cost.samples == 2));
    }

    #[test]
    fn times_are_written_to_three_digits() {
        let written = [0.284, 5.17, 9_240.0, 99_500.0, 13_280_000.0, 2.5e9].map(human);
        assert_eq!(written, ["0.28 ns", "5.17 ns", "9.24 µs", "99.5 µs", "13.3 ms", "2.50 s"]);
    }
}
