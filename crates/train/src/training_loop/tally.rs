//! Sums of metrics since the last point and since the beginning of the epoch, and training time.

use std::collections::BTreeMap;

use gansweep_protocol::{Cadence, Metric};
use serde::{Deserialize, Serialize};

/// Metrics that have been measured and not recorded yet. Part of every checkpoint, so that a resumed run
/// records the same bits.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Tally {
    /// Since the last point.
    pub(super) window: Sums,
    /// Since the beginning of the epoch.
    pub(super) epoch: Sums,
    /// Seconds of training so far, over all attempts.
    pub(super) seconds: f64,
    /// `seconds` at the last point.
    pub(super) seconds_at_point: f64,
    /// Images seen at the last point.
    pub(super) images_at_point: u64,
}

/// Sums over steps of each metric of a step, in the order of the steps and in 64 bits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "StoredSums", into = "StoredSums")]
pub(super) struct Sums(Vec<(Metric, Sum)>);

/// The sum of one metric. A metric that did not exist when the checkpoint was written, or is not measured in every step,
/// has fewer steps than the others.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Sum {
    steps: u64,
    sum: f64,
}

impl Sums {
    /// Adds a row of a step, in the order of [`Metric::of_steps`].
    pub(super) fn add(&mut self, row: &[f32]) {
        for ((metric, sum), &value) in self.0.iter_mut().zip(row) {
            if value.is_nan() && metric.is_optional() {
                continue;
            }
            // Sums of a damaged checkpoint may stand at the largest number.
            sum.steps = sum.steps.saturating_add(1);
            sum.sum += f64::from(value);
        }
    }

    /// The means over a window of steps, under the metrics of such means.
    pub(super) fn window_means(&self) -> impl Iterator<Item = (Metric, f64)> {
        let measured = self.0.iter().filter(|(_, sum)| sum.steps > 0);
        measured.map(|&(metric, Sum { steps, sum })| (metric, sum / steps as f64))
    }

    /// The means over an epoch, under the metrics of such means.
    pub(super) fn epoch_means(&self) -> impl Iterator<Item = (Metric, f64)> {
        self.window_means().filter_map(|(metric, mean)| match metric.declaration().cadence {
            Cadence::Step(epoch) => Some((epoch, mean)),
            _ => None,
        })
    }
}

impl Default for Sums {
    fn default() -> Self {
        Self(Metric::of_steps().map(|metric| (metric, Sum::default())).collect())
    }
}

/// [`Sums`] in a checkpoint. Values are stored as bits, since decimal text might not restore them exactly.
#[derive(Serialize, Deserialize)]
struct StoredSums {
    /// Steps and sum by the metric's name.
    #[serde(default)]
    by_metric: BTreeMap<String, (u64, u64)>,
    /// Only in checkpoints of the first edition, which had [`FIRST_METRICS`] and no others.
    #[serde(default, skip_serializing)]
    steps: u64,
    #[serde(default, skip_serializing)]
    sums: Vec<u64>,
}

/// The metrics of checkpoints of the first edition, in the order of their sums.
const FIRST_METRICS: [Metric; 5] =
    [Metric::DLoss, Metric::GLoss, Metric::DReal, Metric::DFakeBefore, Metric::DFakeAfter];

impl From<StoredSums> for Sums {
    fn from(mut stored: StoredSums) -> Self {
        for (metric, bits) in FIRST_METRICS.iter().zip(stored.sums) {
            stored.by_metric.insert(metric.name().to_owned(), (stored.steps, bits));
        }
        let sum = |metric: Metric| {
            let (steps, bits) = stored.by_metric.get(metric.name()).copied().unwrap_or_default();
            (metric, Sum { steps, sum: f64::from_bits(bits) })
        };
        Self(Metric::of_steps().map(sum).collect())
    }
}

impl From<Sums> for StoredSums {
    fn from(sums: Sums) -> Self {
        let stored =
            |(metric, sum): (Metric, Sum)| (metric.name().to_owned(), (sum.steps, sum.sum.to_bits()));
        Self { by_metric: sums.0.into_iter().map(stored).collect(), steps: 0, sums: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally() -> Tally {
        let mut tally = Tally::default();
        for step in 1..=3u8 {
            let row: Vec<f32> =
                (0..Metric::of_steps().count()).map(|i| f32::from(step) / (i as f32 + 3.0)).collect();
            tally.window.add(&row);
            tally.epoch.add(&row);
        }
        tally
    }

    #[test]
    fn a_tally_comes_back_from_a_checkpoint_with_the_same_bits() {
        let json = serde_json::to_string(&tally()).unwrap();
        assert_eq!(serde_json::from_str::<Tally>(&json).unwrap(), tally());
    }

    #[test]
    fn sums_of_the_first_edition_are_read_and_younger_metrics_begin_with_the_next_step() {
        let bits: Vec<u64> = [1.5f64, 2.5, 0.25, 0.125, 0.5].map(f64::to_bits).to_vec();
        let mut sums: Sums = serde_json::from_value(serde_json::json!({"steps": 2, "sums": bits})).unwrap();
        assert_eq!(sums.window_means().next(), Some((Metric::DLoss, 0.75)));
        assert_eq!(sums.window_means().count(), 5);
        sums.add(&vec![0.5; Metric::of_steps().count()]);
        let means: Vec<_> = sums.epoch_means().collect();
        assert_eq!(means[0], (Metric::EpochDLoss, 2.0 / 3.0));
        assert_eq!(means.len(), Metric::of_steps().count());
        assert!(means[5..].iter().all(|(_, mean)| (mean - 0.5).abs() < f64::EPSILON));
    }

    #[test]
    fn a_metric_that_is_not_measured_has_no_point_and_one_that_is_measured_at_times_has_the_mean_of_these() {
        let row = |penalty: f32| {
            let value = |metric| if metric == Metric::DPenalty { penalty } else { f32::NAN };
            Metric::of_steps().map(value).collect::<Vec<_>>()
        };
        let mut sums = Sums::default();
        sums.add(&row(f32::NAN));
        assert!(sums.window_means().all(|(metric, _)| !metric.is_optional()));
        for penalty in [1.0, f32::NAN, 4.0] {
            sums.add(&row(penalty));
        }
        let measured: Vec<_> = sums.epoch_means().filter(|(metric, _)| metric.is_optional()).collect();
        assert_eq!(measured, [(Metric::EpochDPenalty, 2.5)]);
    }

    #[test]
    fn a_metric_that_is_no_more_is_left_out() {
        let json = serde_json::json!({"by_metric": {"d_loss": [1, 2.0f64.to_bits()], "of_old": [1, 0]}});
        let sums: Sums = serde_json::from_value(json).unwrap();
        assert_eq!(sums.window_means().collect::<Vec<_>>(), [(Metric::DLoss, 2.0)]);
    }
}
