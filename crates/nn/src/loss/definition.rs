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

    /// The output above which an image is taken for real.
    const THRESHOLD: f64;

    /// What the discriminator is to give to each kind of image.
    fn targets(config: &LossConfig) -> Targets;

    /// The discriminator's loss for an image with a target.
    fn discriminator<E: Outputs>(output: E, target: E) -> E;

    /// The generator's loss for a fake.
    fn generator<E: Outputs>(output: E) -> E;
}

/// What is reported as D(x).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Score {
    /// The sigmoid of the output: the probability of being real.
    Probability,
    /// The output itself.
    Output,
}

/// What the discriminator is to give to each kind of image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Targets {
    /// To real images.
    pub real: f64,
    /// To fakes.
    pub fake: f64,
}
