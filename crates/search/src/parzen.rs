//! Parzen estimators: densities over a search space, as mixtures of kernels around observed points.

use std::f64::consts::{PI, SQRT_2};

use crate::space::{Dimension, Place, Space};

/// Bandwidth of one observation in one dimension, in units of the range; that of Optuna's multivariate sampler.
const BANDWIDTH: f64 = 0.2;
/// However many observations there are, a kernel is never narrower than this part of the range.
const NARROWEST: f64 = 0.01;
/// Steps of the bisection that inverts a normal distribution: a step adds a binary digit.
const BISECTIONS: usize = 50;

/// A mixture of one kernel for each observation and one that covers the whole space, all of equal weight.
///
/// The last kernel keeps every point possible. Where an observation has no coordinate, because the dimension had no effect on
/// it, its kernel is the covering one in that dimension.
#[derive(Debug)]
pub(crate) struct Parzen<'s> {
    space: &'s Space,
    /// For each kernel, its factor in each dimension.
    kernels: Vec<Vec<Factor>>,
}

/// The factor of a kernel in one dimension.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Factor {
    /// A normal distribution, cut off at the ends of the unit interval: `below` of its mass is below 0, `within` inside.
    Normal { mean: f64, deviation: f64, below: f64, within: f64 },
    /// One of `choices` has `extra` more weight than each of the others, whose weight is `base`.
    Choice { favourite: Option<usize>, base: f64, extra: f64, choices: usize },
}

impl<'s> Parzen<'s> {
    /// An estimator of the density of these points; `None` where a dimension had no effect.
    pub(crate) fn new<'p>(space: &'s Space, points: impl Iterator<Item = &'p [Option<f64>]>) -> Self {
        let points: Vec<&[Option<f64>]> = points.collect();
        let kernels = points.len() + 1;
        let exponent = -1.0 / (space.dimensions.len() as f64 + 4.0);
        let by_count = BANDWIDTH * libm::pow(points.len().max(1) as f64, exponent);
        let narrowest = NARROWEST.max(1.0 / (kernels as f64 + 1.0));
        let deviation = by_count.clamp(narrowest, 1.0);
        let base = 1.0 / kernels as f64;
        let factor = |dimension: &Dimension, number: Option<f64>| match (dimension, number) {
            (Dimension::Choice(choices), None) => {
                Factor::Choice { favourite: None, base: 1.0, extra: 0.0, choices: *choices }
            }
            (Dimension::Choice(choices), Some(index)) => {
                Factor::Choice { favourite: Some(index as usize), base, extra: 1.0, choices: *choices }
            }
            (_, None) => Factor::normal(0.5, 1.0),
            (_, Some(number)) => Factor::normal(dimension.centre(number), deviation),
        };
        let observed = points.iter().map(|point| {
            space
                .dimensions
                .iter()
                .zip(*point)
                .map(|(dimension, number)| factor(dimension, *number))
                .collect()
        });
        let covering = space.dimensions.iter().map(|dimension| factor(dimension, None)).collect();
        Self { space, kernels: observed.chain([covering]).collect() }
    }

    /// Draws a point. Takes one uniform number for the kernel and one for each dimension.
    pub(crate) fn sample(&self, uniform: &mut dyn FnMut() -> f64) -> Vec<f64> {
        let kernel = ((uniform() * self.kernels.len() as f64) as usize).min(self.kernels.len() - 1);
        let dimensions = self.space.dimensions.iter().zip(&self.kernels[kernel]);
        dimensions.map(|(dimension, factor)| factor.sample(*dimension, uniform())).collect()
    }

    /// The logarithm of the density at a point, over the dimensions that have an effect there.
    pub(crate) fn log_density(&self, point: &[f64], has_effect: &[bool]) -> f64 {
        let logs: Vec<f64> = self
            .kernels
            .iter()
            .map(|factors| {
                let dimensions = self.space.dimensions.iter().zip(factors).zip(point).zip(has_effect);
                dimensions
                    .filter(|(_, has_effect)| **has_effect)
                    .map(|(((dimension, factor), number), _)| factor.log_density(*dimension, *number))
                    .sum()
            })
            .collect();
        // The largest is taken out of the sum, so that it neither overflows nor vanishes.
        let largest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = logs.iter().map(|log| libm::exp(log - largest)).sum();
        largest + libm::log(sum / self.kernels.len() as f64)
    }
}

impl Factor {
    fn normal(mean: f64, deviation: f64) -> Self {
        let below = mass_below(mean, deviation, 0.0);
        Self::Normal { mean, deviation, below, within: mass_below(mean, deviation, 1.0) - below }
    }

    fn sample(self, dimension: Dimension, uniform: f64) -> f64 {
        match self {
            Self::Normal { mean, deviation, below, within } => {
                dimension.number(quantile(mean, deviation, below + uniform * within))
            }
            Self::Choice { favourite, base, extra, choices } => {
                let mut left = uniform * (base * choices as f64 + extra);
                for choice in 0..choices {
                    left -= if favourite == Some(choice) { base + extra } else { base };
                    if left < 0.0 {
                        return choice as f64;
                    }
                }
                choices.saturating_sub(1) as f64
            }
        }
    }

    /// The logarithm of the density of a real number, or of the probability of an integer or choice.
    fn log_density(self, dimension: Dimension, number: f64) -> f64 {
        match self {
            Self::Normal { mean, deviation, within, .. } => match dimension.place(number) {
                Place::At(unit) => {
                    let z = (unit - mean) / deviation;
                    -0.5 * z * z - libm::log(deviation * libm::sqrt(2.0 * PI) * within)
                }
                // A cell far from the mean has no mass in double precision. It still must not count as impossible,
                // because the difference of two infinities would be NaN.
                Place::Cell(from, to) => {
                    let mass = mass_below(mean, deviation, to) - mass_below(mean, deviation, from);
                    libm::log((mass / within).max(f64::MIN_POSITIVE))
                }
            },
            Self::Choice { favourite, base, extra, choices } => {
                let weight = if favourite == Some(number as usize) { base + extra } else { base };
                libm::log(weight / (base * choices as f64 + extra))
            }
        }
    }
}

/// The probability that a normal variable is below a number.
fn mass_below(mean: f64, deviation: f64, number: f64) -> f64 {
    0.5 * libm::erfc((mean - number) / (deviation * SQRT_2))
}

/// The number in the unit interval that a normal variable is below with that probability.
fn quantile(mean: f64, deviation: f64, probability: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..BISECTIONS {
        let middle = 0.5 * (low + high);
        if mass_below(mean, deviation, middle) < probability {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers 0.5/n, 1.5/n, ...: every n-quantile once.
    fn even(n: usize) -> impl Iterator<Item = f64> {
        (0..n).map(move |index| (index as f64 + 0.5) / n as f64)
    }

    fn space() -> Space {
        Space::new(vec![
            Dimension::Real { low: 1e-4, high: 1e-1, log: true },
            Dimension::Integer { low: 1, high: 6, log: false },
            Dimension::Choice(3),
        ])
    }

    #[test]
    fn the_density_of_a_dimension_sums_to_one() {
        let space = space();
        let points = [vec![Some(1e-3), Some(2.0), Some(1.0)], vec![Some(1e-1), None, Some(0.0)]];
        let parzen = Parzen::new(&space, points.iter().map(Vec::as_slice));
        let total = |dimension: usize, numbers: &mut dyn Iterator<Item = f64>, width: f64| -> f64 {
            let density = |number: f64| {
                let mut point = vec![1e-3, 1.0, 0.0];
                point[dimension] = number;
                let mut has_effect = vec![false; 3];
                has_effect[dimension] = true;
                libm::exp(parzen.log_density(&point, &has_effect))
            };
            numbers.map(|number| density(number) * width).sum()
        };
        let rates = space.dimensions[0];
        assert!((total(0, &mut even(4000).map(|unit| rates.number(unit)), 1.0 / 4000.0) - 1.0).abs() < 1e-4);
        assert!((total(1, &mut (1..=6).map(f64::from), 1.0) - 1.0).abs() < 1e-12);
        assert!((total(2, &mut (0..3).map(f64::from), 1.0) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn samples_fall_as_often_as_the_density_says() {
        let space = Space::new(vec![Dimension::Integer { low: 1, high: 4, log: true }]);
        let points = [vec![Some(1.0)], vec![Some(1.0)], vec![Some(4.0)]];
        let parzen = Parzen::new(&space, points.iter().map(Vec::as_slice));
        let mut hits = [0_u32; 4];
        // Every kernel with every quantile.
        for kernel in even(4) {
            for quantile in even(2500) {
                let mut uniforms = [kernel, quantile].into_iter();
                let point = parzen.sample(&mut || uniforms.next().unwrap());
                hits[point[0] as usize - 1] += 1;
            }
        }
        for (integer, hits) in (1..=4).zip(hits) {
            let share = libm::exp(parzen.log_density(&[f64::from(integer)], &[true]));
            assert!(
                (f64::from(hits) / 10_000.0 - share).abs() < 1e-3,
                "{integer}: {hits} of 10,000, not {share}"
            );
        }
    }

    #[test]
    fn a_point_far_from_every_observation_is_still_possible() {
        let space = Space::new(vec![Dimension::Integer { low: 1, high: 1000, log: false }]);
        let points = vec![vec![Some(1.0)]; 500];
        let parzen = Parzen::new(&space, points.iter().map(Vec::as_slice));
        assert!(parzen.log_density(&[1000.0], &[true]) > -30.0);
    }
}
