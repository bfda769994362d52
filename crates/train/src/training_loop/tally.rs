//! Sums since the last point and since the epoch's begin, and the clock.

use gansweep_protocol::Metric;
use serde::{Deserialize, Serialize};

use crate::StepValues;

/// What the record carries from step to step; part of every checkpoint, so that a resumed run
/// records the same bits.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Tally {
    /// Since the last point.
    pub(super) window: Sums,
    /// Since the begin of the epoch.
    pub(super) epoch: Sums,
    /// Seconds of training so far, over all attempts.
    pub(super) seconds: f64,
    /// `seconds` at the last point.
    pub(super) seconds_at_point: f64,
    /// Images seen at the last point.
    pub(super) images_at_point: u64,
}

/// Sums over steps in the order of the steps, in 64 bits.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Sums {
    steps: u64,
    /// As bits: text could lose the last one.
    sums: [u64; 5],
}

impl Sums {
    pub(super) fn add(&mut self, values: &StepValues) {
        let added = [values.d_loss, values.g_loss, values.d_real, values.d_fake_before, values.d_fake_after];
        self.steps += 1;
        for (sum, value) in self.sums.iter_mut().zip(added) {
            *sum = (f64::from_bits(*sum) + f64::from(value)).to_bits();
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.steps == 0
    }

    /// The means under the names given, in the order of [`StepValues`]' fields.
    pub(super) fn means(&self, names: [Metric; 5]) -> impl Iterator<Item = (Metric, f64)> {
        let steps = self.steps.max(1) as f64;
        let sums = self.sums;
        names.into_iter().zip(sums).map(move |(name, sum)| (name, f64::from_bits(sum) / steps))
    }
}
