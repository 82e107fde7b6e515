//! Samples, taken in turn, and what may be said of them.
//!
//! Small differences are what a bench gets wrong: the machine drifts, an order
//! repeats, a loop lies otherwise in memory. So the variants of a group are
//! measured in rounds, each round in an order of its own; and before a
//! difference is told, it is compared with the differences that the same samples
//! show where there is none.

use std::hash::{DefaultHasher, Hasher};

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
    /// How far two medians of this would be apart, 19 times of 20 no further, if
    /// they were of the same thing.
    pub(super) noise_ns: f64,
    /// What it costs more than the first of its group, if that is more than noise
    /// and there are samples enough to say so.
    pub(super) difference_ns: Option<f64>,
}

/// Fewer samples than these make a median that is shown, but faded.
const FEW: usize = 15;

impl Cost {
    /// Whether there are too few samples to lean on.
    pub(super) fn is_faint(&self) -> bool {
        self.samples < FEW
    }

    /// What may be said of it beside the first of its group.
    pub(super) fn claim(&self) -> String {
        let sign = |ns: f64| if ns < 0.0 { '−' } else { '+' };
        self.difference_ns.map(|ns| format!("{}{}", sign(ns), human(ns.abs()))).unwrap_or_default()
    }
}

/// One of several things that are measured in turn: its name, and a function
/// that does it and says how many nanoseconds each took, if it could tell.
pub(super) type Variant<'a> = (&'static str, Box<dyn FnMut() -> Option<f64> + 'a>);

/// Measures each variant once a round, each round in an order of its own; the
/// first round warms up. Variants of one name are one thing, in several places
/// of the program: their samples are kept together, and what lies between them
/// is noise.
pub(super) fn interleaved(
    group: &'static str,
    threads: Option<usize>,
    rounds: usize,
    mut variants: Vec<Variant>,
) -> Vec<Cost> {
    let mut samples = vec![Vec::new(); variants.len()];
    let mut order: Vec<usize> = (0..variants.len()).collect();
    let mut random = Random(rounds as u64);
    for round in 0..=rounds {
        random.shuffle(&mut order);
        for &at in &order {
            samples[at].extend(variants[at].1().filter(|_| round > 0));
        }
    }
    let named = variants.iter().map(|(name, _)| *name).zip(samples);
    costs(group, threads, named.collect())
}

/// Sums up the samples of one group, the first of which the others are compared
/// with. What has no samples is left out.
pub(super) fn costs(
    group: &'static str,
    threads: Option<usize>,
    named: Vec<(&'static str, Vec<f64>)>,
) -> Vec<Cost> {
    let mut costs = Vec::<Cost>::new();
    let places = |name| named.iter().filter(move |(other, _)| *other == name).map(|(_, samples)| samples);
    for (name, _) in &named {
        if costs.iter().any(|cost| cost.name == *name) {
            continue;
        }
        let medians: Vec<f64> = places(*name).filter_map(|samples| median(samples)).collect();
        let apart = medians.iter().copied().fold(f64::NEG_INFINITY, f64::max)
            - medians.iter().copied().fold(f64::INFINITY, f64::min);
        costs.extend(cost(group, name, threads, places(*name).flatten().copied().collect(), apart));
    }
    claim(&mut costs);
    costs
}

/// Says the differences that are larger than the noise of both medians.
fn claim(costs: &mut [Cost]) {
    let Some((first, others)) = costs.split_first_mut() else { return };
    for cost in others {
        let difference = cost.median_ns - first.median_ns;
        let floor = cost.noise_ns.max(first.noise_ns);
        let is_told = difference.abs() > floor && !cost.is_faint() && !first.is_faint();
        cost.difference_ns = is_told.then_some(difference);
    }
}

/// Sums up samples; nothing if there are none. `apart` is how far medians of
/// the same thing in other places were.
fn cost(
    group: &'static str,
    name: &str,
    threads: Option<usize>,
    mut samples: Vec<f64>,
    apart: f64,
) -> Option<Cost> {
    samples.sort_by(f64::total_cmp);
    Some(Cost {
        group,
        name: name.to_owned(),
        threads,
        median_ns: at(&samples, 0.5)?,
        p10_ns: at(&samples, 0.1)?,
        p90_ns: at(&samples, 0.9)?,
        samples: samples.len(),
        noise_ns: noise(&samples).max(resolution(&samples)).max(apart),
        difference_ns: None,
    })
}

/// How far the medians of two draws of as many samples are apart, 19 times of 20.
fn noise(samples: &[f64]) -> f64 {
    const DRAWS: usize = 200;
    let mut random = Random(samples.len() as u64);
    let mut draw = || {
        let draw: Vec<f64> = (0..samples.len()).map(|_| samples[random.below(samples.len())]).collect();
        median(&draw).unwrap_or(0.0)
    };
    let mut apart: Vec<f64> = (0..DRAWS).map(|_| (draw() - draw()).abs()).collect();
    apart.sort_by(f64::total_cmp);
    at(&apart, 0.95).unwrap_or(0.0)
}

/// The smallest step between samples: what the clock can tell at all.
fn resolution(sorted: &[f64]) -> f64 {
    let steps = sorted.windows(2).map(|pair| pair[1] - pair[0]).filter(|step| *step > 0.0);
    steps.reduce(f64::min).unwrap_or(0.0)
}

fn median(samples: &[f64]) -> Option<f64> {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    at(&sorted, 0.5)
}

/// The sample at this share of a sorted list.
fn at(sorted: &[f64], share: f64) -> Option<f64> {
    sorted.get((sorted.len().checked_sub(1)? as f64 * share).round() as usize).copied()
}

/// Numbers that look random: a hash of a count. Nothing hangs on how good they are.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 += 1;
        let mut hasher = DefaultHasher::new();
        hasher.write_u64(self.0);
        hasher.finish() as usize % bound
    }

    /// Fisher and Yates's.
    fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
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
        let cost = cost("group", "name", None, samples, 0.0).unwrap();
        assert_eq!((cost.p10_ns, cost.median_ns, cost.p90_ns, cost.samples), (10.0, 50.0, 90.0, 101));
        assert_eq!(super::cost("group", "name", None, Vec::new(), 0.0), None);
        // Of a hundred even numbers the median is told to about a tenth.
        assert!((5.0..30.0).contains(&cost.noise_ns), "{}", cost.noise_ns);
    }

    /// Samples around `centre`, as far apart as a bench's.
    fn around(centre: f64) -> Vec<f64> {
        (0..51).map(|sample| centre + f64::from(sample % 7) - 3.0).collect()
    }

    #[test]
    fn a_difference_is_claimed_only_if_it_is_larger_than_the_noise() {
        let claims = |second, third| {
            let named = vec![("first", around(100.0)), ("second", around(second)), ("third", around(third))];
            costs("group", None, named).iter().map(Cost::claim).collect::<Vec<_>>()
        };
        assert_eq!(claims(100.5, 150.0), ["", "", "+50.0 ns"]);
        assert_eq!(claims(60.0, 99.5), ["", "−40.0 ns", ""]);
    }

    #[test]
    fn a_tick_of_the_clock_is_noise() {
        let samples = |odd: f64| [vec![100.0; 20], vec![odd; 30]].concat();
        let costs = costs("group", None, vec![("first", samples(101.0)), ("second", samples(102.0))]);
        assert_eq!((costs[0].median_ns, costs[1].median_ns), (101.0, 102.0));
        assert!(costs[0].noise_ns >= 1.0 && costs[1].difference_ns.is_none(), "{costs:?}");
    }

    #[test]
    fn what_lies_between_two_places_of_the_same_code_is_noise() {
        let named = vec![
            ("plain", around(100.0)),
            ("plain", around(120.0)),
            ("light", around(118.0)),
            ("full", around(200.0)),
        ];
        let costs = costs("group", None, named);
        assert_eq!(
            costs.iter().map(|cost| cost.name.as_str()).collect::<Vec<_>>(),
            ["plain", "light", "full"]
        );
        assert_eq!(costs[0].noise_ns, 20.0);
        assert_eq!(costs[1].difference_ns, None, "no further than the places");
        assert!(costs[2].difference_ns.is_some_and(|ns| ns > 80.0));
    }

    #[test]
    fn variants_take_turns_in_many_orders_and_the_first_round_does_not_count() {
        let turns = std::cell::RefCell::new(String::new());
        let variant = |name: char| {
            let turns = &turns;
            Box::new(move || {
                turns.borrow_mut().push(name);
                Some(1.0)
            })
        };
        let costs = interleaved("group", None, 20, vec![("a", variant('a')), ("b", variant('b'))]);
        let turns = turns.take();
        let rounds: Vec<&str> = (0..21).map(|round| &turns[2 * round..2 * round + 2]).collect();
        assert!(rounds.iter().all(|round| ["ab", "ba"].contains(round)));
        assert!(rounds.contains(&"ab") && rounds.contains(&"ba"), "{turns}");
        assert!(costs.iter().all(|cost| cost.samples == 20 && !cost.is_faint()));
    }

    #[test]
    fn times_are_written_to_three_digits() {
        let written = [0.284, 5.17, 9_240.0, 99_500.0, 13_280_000.0, 2.5e9].map(human);
        assert_eq!(written, ["0.28 ns", "5.17 ns", "9.24 µs", "99.5 µs", "13.3 ms", "2.50 s"]);
    }
}
