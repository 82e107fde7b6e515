//! How fast a cost grows: the exponent of a power law, with an interval.

/// An exponent: the cost grows as the quantity to the power of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Exponent {
    pub(super) value: f64,
    /// Half the width of the 95 % interval.
    pub(super) within: f64,
}

/// Fits the power law through points, by least squares on logarithms; `None`
/// with fewer than three.
pub(super) fn exponent(points: &[(f64, f64)]) -> Option<Exponent> {
    let points = points
        .iter()
        .filter(|(x, y)| *x > 0.0 && *y > 0.0)
        .map(|(x, y)| (x.ln(), y.ln()))
        .collect::<Vec<_>>();
    let count = points.len();
    if count < 3 {
        return None;
    }
    let mean = |of: &dyn Fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count as f64;
    let (x_mean, y_mean) = (mean(&|point| point.0), mean(&|point| point.1));
    let spread: f64 = points.iter().map(|(x, _)| (x - x_mean).powi(2)).sum();
    let slope = points.iter().map(|(x, y)| (x - x_mean) * (y - y_mean)).sum::<f64>() / spread;
    let off: f64 = points.iter().map(|(x, y)| (y - y_mean - slope * (x - x_mean)).powi(2)).sum();
    let error = (off / (count - 2) as f64 / spread).sqrt();
    Some(Exponent { value: slope, within: STUDENT[(count - 3).min(STUDENT.len() - 1)] * error })
}

/// The 97.5th percentile of Student's distribution, from one degree of freedom on.
const STUDENT: [f64; 8] = [12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_power_law_is_found_and_noise_widens_the_interval() {
        let law = |noise: f64| {
            let points = (1..=5)
                .map(|n| (f64::from(1 << n), f64::from(1 << n).powf(1.5) * (1.0 + noise * f64::from(n % 2))));
            exponent(&points.collect::<Vec<_>>()).expect("five points")
        };
        assert!((law(0.0).value - 1.5).abs() < 1e-9 && law(0.0).within < 1e-6);
        assert!(law(0.2).within > 0.05);
        assert_eq!(exponent(&[(1.0, 1.0), (2.0, 2.0)]), None);
    }
}
