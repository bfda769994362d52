//! The Wasserstein loss.

use gansweep_config::LossConfig;

use super::{Loss, Outputs, Score, Targets};

/// The critic maximises the difference of its mean outputs on real images and on fakes; the generator maximises the
/// output on fakes. The critic's weights are clipped after each of its updates (Arjovsky, Chintala and Bottou 2017,
/// algorithm 1), which is no part of the loss.
#[derive(Debug)]
pub struct Wasserstein;

impl Loss for Wasserstein {
    const SCORE: Score = Score::Probability;

    /// The sign of the output in the objective.
    fn targets(_: &LossConfig) -> Targets {
        Targets { real: 1.0, fake: -1.0 }
    }

    fn discriminator<E: Outputs>(output: E, target: E) -> E {
        -(output * target)
    }

    fn generator<E: Outputs>(output: E) -> E {
        -output
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loss::Dual;

    #[test]
    fn the_critics_loss_is_minus_the_difference_of_its_outputs() {
        for (real, fake) in [(2.0, -1.0), (-0.5, 4.0)] {
            let on =
                |output, target| Wasserstein::discriminator(Dual::output(output), Dual::constant(target));
            assert!((on(real, 1.0).value + on(fake, -1.0).value + (real - fake)).abs() < 1e-15);
            assert_eq!((on(real, 1.0).derivative, on(fake, -1.0).derivative), (-1.0, 1.0));
            assert_eq!(Wasserstein::generator(Dual::output(fake)), Dual { value: -fake, derivative: -1.0 });
        }
    }
}
