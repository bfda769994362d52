//! What defines a loss.

use gansweep_config::LossConfig;

use super::Outputs;

/// What each network minimises.
///
/// A network's loss is the mean over a batch. The discriminator's is the sum of its means over real images
/// and over fakes, times [`Combine::weight`](gansweep_config::Combine::weight).
pub trait Loss: 'static {
    /// What is reported as D(x).
    const SCORE: Score;

    /// Outputs above this classify an image as real.
    const THRESHOLD: f64;

    /// The labels of real images and fakes.
    fn targets(config: &LossConfig) -> Targets;

    /// The discriminator's loss for an image with a target.
    fn discriminator<E: Outputs>(output: E, target: E) -> E;

    /// The generator's loss for a fake.
    fn generator<E: Outputs>(output: E) -> E;
}

/// What is reported as D(x) (`d_real`, `d_fake_before`, `d_fake_after`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Score {
    /// The sigmoid of the output: the probability of being real.
    Probability,
    /// The output itself.
    Output,
}

/// The labels that the discriminator's loss compares outputs with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Targets {
    /// The label of real images.
    pub real: f64,
    /// The label of fakes.
    pub fake: f64,
}
