//! The Fréchet distance (Heusel et al. 2017) between Gaussians that are fitted to features.

use std::sync::OnceLock;

use crate::Features;
use crate::eigen::Symmetric;

/// Mean and covariance of features.
#[derive(Debug, Clone)]
pub struct Moments {
    count: usize,
    mean: Vec<f64>,
    covariance: Symmetric,
    /// The square root of the covariance, computed once for a set that many others are compared with.
    root: OnceLock<Symmetric>,
}

impl Moments {
    /// Of a set of images. The covariance has `count - 1` in the denominator.
    pub fn new(features: Features<'_>) -> Self {
        let (count, size) = (features.count(), features.dimensions());
        let mean = features.mean();
        let mut values = vec![0.0; size * size];
        let mut centred = vec![0.0; size];
        for row in features.rows() {
            for ((centred, value), mean) in centred.iter_mut().zip(row).zip(&mean) {
                *centred = f64::from(*value) - mean;
            }
            for (i, factor) in centred.iter().enumerate() {
                for (sum, other) in values[i * size + i..(i + 1) * size].iter_mut().zip(&centred[i..]) {
                    *sum += factor * other;
                }
            }
        }
        let freedom = count.saturating_sub(1) as f64;
        for i in 0..size {
            for j in i..size {
                let value = values[i * size + j] / freedom;
                values[i * size + j] = value;
                values[j * size + i] = value;
            }
        }
        Self { count, mean, covariance: Symmetric { size, values }, root: OnceLock::new() }
    }

    /// Number of images. Distances of different counts are not comparable: a small sample is further away.
    pub fn count(&self) -> usize {
        self.count
    }

    fn is_usable(&self) -> bool {
        self.count > 1 && self.mean.iter().chain(&self.covariance.values).all(|value| value.is_finite())
    }
}

/// `|m1 - m2|^2 + tr(S1 + S2 - 2 (S1^(1/2) S2 S1^(1/2))^(1/2))`, with the means `m` and the covariances `S`.
///
/// The matrix under the last root is symmetric, so its root is real however singular the covariances are, as
/// those of images that are all alike, or of fewer images than features. NaN for fewer than two images on either
/// side, for features that are not finite, and for sets of different dimensions.
pub fn frechet_distance(one: &Moments, other: &Moments) -> f64 {
    if !one.is_usable() || !other.is_usable() || one.mean.len() != other.mean.len() {
        return f64::NAN;
    }
    let between: f64 = one.mean.iter().zip(&other.mean).map(|(a, b)| (a - b).powi(2)).sum();
    let root = one.root.get_or_init(|| one.covariance.clone().square_root());
    let eigenvalues = root.sandwich(&other.covariance).eigenvalues();
    let root_trace: f64 = eigenvalues.iter().map(|value| value.max(0.0).sqrt()).sum();
    // Of equal sets rounding may leave less than nothing.
    (between + one.covariance.trace() + other.covariance.trace() - 2.0 * root_trace).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(values: &[f32], dimensions: usize) -> Moments {
        Moments::new(Features::new(values, dimensions).unwrap())
    }

    /// Four points with that mean, and those standard deviations along the axes.
    fn cross(mean: [f32; 2], deviations: [f32; 2]) -> Moments {
        let [x, y] = deviations.map(|deviation| deviation * 1.5_f32.sqrt());
        let points = [[x, 0.0], [-x, 0.0], [0.0, y], [0.0, -y]];
        moments(&points.map(|[a, b]| [a + mean[0], b + mean[1]]).concat(), 2)
    }

    #[test]
    fn gaussians_of_known_moments_have_the_distance_of_the_formula() {
        // With a common basis: the squared distance of the means plus that of the standard deviations.
        let distance = frechet_distance(&cross([1.0, 2.0], [1.0, 2.0]), &cross([4.0, -2.0], [3.0, 2.5]));
        assert!((distance - (9.0 + 16.0 + 4.0 + 0.25)).abs() < 1e-5, "{distance}");
    }

    #[test]
    fn equal_sets_are_at_distance_zero() {
        let values: Vec<f32> = (0..300).map(|i| ((i * i) % 97) as f32 / 9.0).collect();
        let set = moments(&values, 3);
        assert!(frechet_distance(&set, &set) < 1e-9);
    }

    #[test]
    fn singular_covariances_have_a_distance() {
        // All images alike: no covariance. Two images in three dimensions: rank one.
        let point = moments(&[1.0, 1.0, 1.0, 1.0, 1.0, 1.0], 3);
        let pair = moments(&[0.0, 1.0, 1.0, 2.0, 1.0, 1.0], 3);
        assert!((frechet_distance(&point, &pair) - 2.0).abs() < 1e-9);
        assert!((frechet_distance(&pair, &point) - 2.0).abs() < 1e-9);
        assert!(frechet_distance(&pair, &pair) < 1e-7);
    }

    #[test]
    fn what_has_no_distance_is_nan() {
        let good = moments(&[0.0, 1.0, 2.0, 3.0], 2);
        for bad in [
            moments(&[f32::NAN, 1.0, 2.0, 3.0], 2),
            moments(&[f32::INFINITY, 1.0, 2.0, 3.0], 2),
            moments(&[1.0, 2.0], 2),
            moments(&[], 2),
            moments(&[1.0, 2.0, 3.0], 1),
        ] {
            assert!(frechet_distance(&good, &bad).is_nan() && frechet_distance(&bad, &good).is_nan());
        }
    }
}
