//! What defines a loss.

use gansweep_config::{LossConfig, Relativistic};

use super::{Outputs, sigmoid};

/// What each network minimises.
///
/// A network's loss is the mean over a batch. The discriminator's is the sum of its means over real images
/// and over fakes, times [`LossConfig::discriminator_weight`]. Where the config says so, the loss is a function of
/// differences between outputs ([`Labels`](super::Labels)).
pub trait Loss: 'static {
    /// What is reported as D(x), for a loss of outputs.
    const SCORE: Score;

    /// The labels of real images and fakes.
    fn targets(config: &LossConfig) -> Targets;

    /// The discriminator's loss for an image with a target.
    fn discriminator<E: Outputs>(output: E, target: E) -> E;

    /// The generator's loss for a fake.
    fn generator<E: Outputs>(output: E) -> E;
}

/// What is reported as D(x) (`d_real`, `d_fake_before`, `d_fake_after`). An image is classified as real where it is
/// above 1/2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Score {
    /// The sigmoid of the output: the probability of being real.
    Probability,
    /// The output itself, with targets 0 and 1.
    Output,
    /// The place of the output between targets of -1 and 1: 0 at the lower and 1 at the upper.
    Place,
}

impl Score {
    /// The score of the loss `L` in that config.
    pub fn of<L: Loss>(config: &LossConfig) -> Self {
        match (L::SCORE, config.relativistic) {
            (Self::Output, Relativistic::Paired | Relativistic::Average) => Self::Place,
            (score, _) => score,
        }
    }

    /// Outputs above this classify an image as real.
    pub const fn threshold(self) -> f64 {
        match self {
            Self::Probability | Self::Place => 0.0,
            Self::Output => 0.5,
        }
    }

    /// The score of an output.
    #[inline]
    pub fn value(self, output: f64) -> f64 {
        match self {
            Self::Probability => sigmoid(output),
            Self::Output => output,
            Self::Place => f64::midpoint(output, 1.0),
        }
    }
}

/// The labels that the discriminator's loss compares outputs with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Targets {
    /// The label of real images.
    pub real: f64,
    /// The label of fakes.
    pub fake: f64,
}
