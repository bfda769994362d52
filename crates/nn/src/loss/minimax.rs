//! The minimax loss.

use gansweep_config::LossConfig;

use super::{Loss, NonSaturating, Outputs, Score, Targets};

/// Binary cross-entropy of logits; the generator maximises what the discriminator minimises on fakes
/// (Goodfellow et al. 2014, equation 1). Its gradient vanishes where the discriminator is sure of its fakes.
#[derive(Debug)]
pub struct Minimax;

impl Loss for Minimax {
    const SCORE: Score = Score::Probability;

    fn targets(config: &LossConfig) -> Targets {
        NonSaturating::targets(config)
    }

    fn discriminator<E: Outputs>(output: E, target: E) -> E {
        output.cross_entropy(target)
    }

    /// `log(1 - s(x))` with the sigmoid `s`.
    fn generator<E: Outputs>(output: E) -> E {
        -output.softplus()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loss::{Dual, sigmoid};

    #[test]
    fn the_generators_loss_is_the_negative_of_the_discriminators_on_fakes() {
        for output in [-4.0, -0.3, 0.0, 2.5] {
            let generator = Minimax::generator(Dual::output(output));
            let discriminator = Minimax::discriminator(Dual::output(output), Dual::constant(0.0));
            assert!((generator.value + discriminator.value).abs() < 1e-15);
            assert!((generator.derivative + sigmoid(output)).abs() < 1e-15, "it vanishes for certain fakes");
        }
    }
}
