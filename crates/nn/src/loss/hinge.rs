//! The hinge loss.

use gansweep_config::LossConfig;

use super::{Loss, Outputs, Score, Targets};

/// `max(0, 1 - D(x))` for real images, `max(0, 1 + D(G(z)))` for fakes, and `-D(G(z))` for the generator
/// (Lim and Ye 2017, algorithm 1; Miyato et al. 2018, equations 16 and 17).
#[derive(Debug)]
pub struct Hinge;

impl Loss for Hinge {
    const SCORE: Score = Score::Probability;

    /// The sign of the margin: the loss is `max(0, 1 - target * output)`.
    fn targets(_: &LossConfig) -> Targets {
        Targets { real: 1.0, fake: -1.0 }
    }

    fn discriminator<E: Outputs>(output: E, target: E) -> E {
        (-(output * target) + 1.0).relu()
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
    fn only_outputs_on_the_wrong_side_of_the_margin_cost_something() {
        let on = |output, target| Hinge::discriminator(Dual::output(output), Dual::constant(target));
        assert_eq!(on(0.25, 1.0), Dual { value: 0.75, derivative: -1.0 });
        assert_eq!(on(-2.0, 1.0), Dual { value: 3.0, derivative: -1.0 });
        assert_eq!(on(-0.25, -1.0), Dual { value: 0.75, derivative: 1.0 });
        assert_eq!(on(2.0, -1.0), Dual { value: 3.0, derivative: 1.0 });
        for (output, target) in [(1.0, 1.0), (1.5, 1.0), (-1.0, -1.0), (-7.0, -1.0)] {
            assert_eq!(on(output, target), Dual::constant(0.0));
        }
    }

    #[test]
    fn the_generator_gains_by_every_increase_of_the_output() {
        for output in [-3.0, 0.0, 5.0] {
            assert_eq!(Hinge::generator(Dual::output(output)), Dual { value: -output, derivative: -1.0 });
        }
    }
}
