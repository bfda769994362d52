//! The non-saturating loss.

use gansweep_config::LossConfig;

use super::{Loss, Outputs, Score, Targets};

/// Binary cross-entropy of logits, and for the generator that of the opposite label, which does not
/// saturate where its fakes are found out (Goodfellow et al. 2014, section 3). One-sided label smoothing
/// lowers the target of real images (Salimans et al. 2016, section 3.4).
#[derive(Debug)]
pub struct NonSaturating;

impl Loss for NonSaturating {
    const SCORE: Score = Score::Probability;

    fn targets(config: &LossConfig) -> Targets {
        Targets { real: 1.0 - config.label_smoothing, fake: config.fake_label_smoothing }
    }

    fn discriminator<E: Outputs>(output: E, target: E) -> E {
        output.cross_entropy(target)
    }

    /// `-log s(x)` with the sigmoid `s`.
    fn generator<E: Outputs>(output: E) -> E {
        (-output).softplus()
    }
}
