//! The least-squares loss.

use gansweep_config::{LossConfig, Relativistic};

use super::{Loss, Outputs, Score, Targets};

/// Half the squared distance of an output from its target: 0 for fakes and 1 for real images, and for the
/// generator 1 (Mao et al. 2017, equation 2 with a = 0 and b = c = 1). Label smoothing lowers b alone. Differences
/// between outputs are as far from 1 and -1 (`RaLSGAN`, Jolicoeur-Martineau 2018).
#[derive(Debug)]
pub struct LeastSquares;

impl Loss for LeastSquares {
    const SCORE: Score = Score::Output;

    fn targets(config: &LossConfig) -> Targets {
        let fake = match config.relativistic {
            Relativistic::None => 0.0,
            Relativistic::Paired | Relativistic::Average => -1.0,
        };
        Targets { real: 1.0 - config.label_smoothing, fake: fake + config.fake_label_smoothing }
    }

    fn discriminator<E: Outputs>(output: E, target: E) -> E {
        (output - target).square() * 0.5
    }

    fn generator<E: Outputs>(output: E) -> E {
        (output + -1.0).square() * 0.5
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loss::Dual;

    #[test]
    fn the_loss_is_half_the_squared_distance_from_the_target() {
        let on = |output, target| LeastSquares::discriminator(Dual::output(output), Dual::constant(target));
        assert_eq!(on(3.0, 1.0), Dual { value: 2.0, derivative: 2.0 });
        assert_eq!(on(-1.0, 0.0), Dual { value: 0.5, derivative: -1.0 });
        assert_eq!(LeastSquares::generator(Dual::output(0.5)), Dual { value: 0.125, derivative: -0.5 });
    }

    #[test]
    fn label_smoothing_lowers_the_target_of_real_images_alone() {
        let mut config = LossConfig::non_saturating(gansweep_config::Combine::Sum, 0.0);
        assert_eq!(LeastSquares::targets(&config), Targets { real: 1.0, fake: 0.0 });
        config.label_smoothing = 0.25;
        assert_eq!(LeastSquares::targets(&config), Targets { real: 0.75, fake: 0.0 });
    }
}
