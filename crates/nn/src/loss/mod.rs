//! Losses: what each network minimises, as a function of the discriminator's output for an image, or of the
//! difference between outputs.
//!
//! Each is a [`Loss`], written once in a file of its own, in operations that every backend has
//! ([`Outputs`]). Derivatives follow from the formula: by [`Dual`] numbers, or by a backend's own
//! differentiation. [`visit`] lists them all; a backend does its work in a [`Visitor`], which is compiled
//! for each.

mod definition;
mod hinge;
mod labels;
mod least_squares;
mod minimax;
mod non_saturating;
mod outputs;
mod wasserstein;

use gansweep_config::LossKind;

pub use definition::{Loss, Score, Targets};
pub use hinge::Hinge;
pub use labels::Labels;
pub use least_squares::LeastSquares;
pub use minimax::Minimax;
pub use non_saturating::NonSaturating;
pub use outputs::{Dual, Outputs, sigmoid};
pub use wasserstein::Wasserstein;

/// Work that is compiled for each loss.
pub trait Visitor {
    /// The result.
    type Output;

    /// Does the work for the loss `L`.
    fn visit<L: Loss>(self) -> Self::Output;
}

/// Does `work` for the loss of that kind.
#[inline]
pub fn visit<V: Visitor>(kind: LossKind, work: V) -> V::Output {
    match kind {
        LossKind::NonSaturating => work.visit::<NonSaturating>(),
        LossKind::Minimax => work.visit::<Minimax>(),
        LossKind::LeastSquares => work.visit::<LeastSquares>(),
        LossKind::Hinge => work.visit::<Hinge>(),
        LossKind::Wasserstein => work.visit::<Wasserstein>(),
    }
}

#[cfg(test)]
mod tests {
    use gansweep_config::{Combine, LossConfig, Relativistic};

    use super::*;

    /// The losses of a discriminator whose D(x) is 1/2 for every image.
    struct Undecided<'a>(&'a LossConfig);

    impl Visitor for Undecided<'_> {
        /// The discriminator's, and the generator's.
        type Output = [f64; 2];

        fn visit<L: Loss>(self) -> [f64; 2] {
            let config = self.0;
            let output = Dual::output(Score::of::<L>(config).threshold());
            let on = |target| L::discriminator(output, Dual::constant(target)).value;
            let sum = |Labels { real, fake, .. }| real.map_or(0.0, on) + fake.map_or(0.0, on);
            let generator = match config.relativistic {
                Relativistic::None => L::generator(output).value,
                _ => config.generator_weight() * sum(Labels::generator::<L>(config)),
            };
            [config.discriminator_weight() * sum(Labels::discriminator::<L>(config)), generator]
        }
    }

    #[test]
    fn losses_of_an_undecided_discriminator_are_those_of_the_config() {
        for kind in LossKind::ALL {
            for relativistic in [Relativistic::None, Relativistic::Paired, Relativistic::Average] {
                for (label_smoothing, combine) in [(0.0, Combine::Sum), (0.1, Combine::Mean)] {
                    let config = LossConfig {
                        kind,
                        relativistic,
                        ..LossConfig::non_saturating(combine, label_smoothing)
                    };
                    let gansweep_config::Undecided { discriminator, generator, .. } = config.undecided();
                    let found = visit(kind, Undecided(&config));
                    // No loss of differences.
                    let is_refused = matches!(kind, LossKind::Minimax | LossKind::Wasserstein)
                        && relativistic != Relativistic::None;
                    if !is_refused {
                        for (found, expected) in found.iter().zip([discriminator, generator]) {
                            assert!((found - expected).abs() < 1e-15, "{config:?}: {found}, not {expected}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_score_of_one_half_is_at_the_threshold() {
        for score in [Score::Probability, Score::Output, Score::Place] {
            assert!((score.value(score.threshold()) - 0.5).abs() < 1e-15, "{score:?}");
        }
        for (output, score) in [(-1.0, 0.0), (0.0, 0.5), (1.0, 1.0)] {
            assert!((Score::Place.value(output) - score).abs() < 1e-15);
        }
    }
}
