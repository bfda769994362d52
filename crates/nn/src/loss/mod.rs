//! Losses: what each network minimises, as a function of the discriminator's output for an image.
//!
//! Each is a [`Loss`], written once in a file of its own, in operations that every backend has
//! ([`Outputs`]). Derivatives follow from the formula: by [`Dual`] numbers, or by a backend's own
//! differentiation. [`visit`] lists them all; a backend does its work in a [`Visitor`], which is compiled
//! for each.

mod definition;
mod hinge;
mod least_squares;
mod minimax;
mod non_saturating;
mod outputs;
mod wasserstein;

use gansweep_config::LossKind;

pub use definition::{Loss, Score, Targets};
pub use hinge::Hinge;
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
    use gansweep_config::{Combine, LossConfig};

    use super::*;

    /// The losses of a discriminator whose D(x) is 1/2 for every image.
    struct Undecided<'a>(&'a LossConfig);

    impl Visitor for Undecided<'_> {
        /// On a real image, on a fake, and the generator's.
        type Output = [f64; 3];

        fn visit<L: Loss>(self) -> [f64; 3] {
            let output = Dual::output(match L::SCORE {
                Score::Probability => 0.0,
                Score::Output => 0.5,
            });
            let Targets { real, fake } = L::targets(self.0);
            let on = |target| L::discriminator(output, Dual::constant(target)).value;
            [on(real), on(fake), L::generator(output).value]
        }
    }

    #[test]
    fn losses_of_an_undecided_discriminator_are_those_of_the_config() {
        for kind in LossKind::ALL {
            for label_smoothing in [0.0, 0.1] {
                let config = LossConfig { kind, ..LossConfig::non_saturating(Combine::Sum, label_smoothing) };
                let gansweep_config::Undecided { discriminator: [real, fake], generator, .. } =
                    config.undecided();
                for (found, expected) in visit(kind, Undecided(&config)).iter().zip([real, fake, generator]) {
                    assert!((found - expected).abs() < 1e-15, "{config:?}: {found}, not {expected}");
                }
            }
        }
    }
}
