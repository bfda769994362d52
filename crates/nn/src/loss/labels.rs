//! Which images each network's loss is of, and with which labels: where the losses of outputs and of differences
//! between outputs differ.

use gansweep_config::{LossConfig, Relativistic};

use super::{Loss, Targets};

/// The labels of both halves of a batch in a network's loss; `None` where the loss has no terms for a half.
///
/// With [`Relativistic::None`] a loss is a function of an output, and the generator's is [`Loss::generator`]. Otherwise
/// both networks' losses are [`Loss::discriminator`] of differences (Jolicoeur-Martineau 2018, section 4):
/// of an image's output from that of the other half's image in the same row
/// ([`Relativistic::Paired`]), or from the mean over the other half ([`Relativistic::Average`]). Gradients flow to both
/// terms of a difference. The discriminator wants real images above fakes and the generator the opposite, so their
/// labels are exchanged. The two differences of a pair are each other's negative, so that one of them is enough: that
/// of the real image for the discriminator (RSGAN in the paper; Huang et al. 2024) and that of the
/// fake for the generator.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Labels {
    /// The label of real images.
    pub real: Option<f64>,
    /// The label of fakes.
    pub fake: Option<f64>,
    /// The labels of real images and of fakes whose labels are flipped.
    pub flipped: [f64; 2],
}

impl Labels {
    /// In the discriminator's loss.
    pub fn discriminator<L: Loss>(config: &LossConfig) -> Self {
        let Targets { real, fake } = L::targets(config);
        let of_fake = (config.relativistic != Relativistic::Paired).then_some(fake);
        Self { real: Some(real), fake: of_fake, flipped: [fake, real] }
    }

    /// In the generator's loss, which knows neither smoothing nor flips.
    pub fn generator<L: Loss>(config: &LossConfig) -> Self {
        let clean = LossConfig { label_smoothing: 0.0, fake_label_smoothing: 0.0, ..config.clone() };
        let Targets { real, fake } = L::targets(&clean);
        let of_real = (config.relativistic == Relativistic::Average).then_some(fake);
        Self { real: of_real, fake: Some(real), flipped: [real, fake] }
    }
}

#[cfg(test)]
mod tests {
    use gansweep_config::Combine;

    use super::*;
    use crate::loss::{Hinge, LeastSquares, NonSaturating};

    fn config(relativistic: Relativistic) -> LossConfig {
        let smoothed = LossConfig::non_saturating(Combine::Sum, 0.25);
        LossConfig { relativistic, fake_label_smoothing: 0.125, ..smoothed }
    }

    #[test]
    fn the_generator_has_the_labels_of_the_other_half_without_smoothing() {
        let average = config(Relativistic::Average);
        let both = |labels: Labels| (labels.real.unwrap().to_bits(), labels.fake.unwrap().to_bits());
        let bits = |real: f64, fake: f64| (real.to_bits(), fake.to_bits());
        assert_eq!(both(Labels::discriminator::<NonSaturating>(&average)), bits(0.75, 0.125));
        assert_eq!(both(Labels::generator::<NonSaturating>(&average)), bits(0.0, 1.0));
        assert_eq!(both(Labels::discriminator::<LeastSquares>(&average)), bits(0.75, -0.875));
        assert_eq!(both(Labels::generator::<LeastSquares>(&average)), bits(-1.0, 1.0));
        assert_eq!(both(Labels::generator::<Hinge>(&average)), bits(-1.0, 1.0));
    }

    #[test]
    fn a_flipped_image_has_the_label_of_the_other_kind() {
        for relativistic in [Relativistic::None, Relativistic::Paired, Relativistic::Average] {
            let labels = Labels::discriminator::<NonSaturating>(&config(relativistic));
            assert_eq!(labels.flipped.map(f64::to_bits), [0.125, 0.75].map(f64::to_bits));
        }
    }

    #[test]
    fn a_pair_has_one_label() {
        let paired = config(Relativistic::Paired);
        let labels = Labels::discriminator::<LeastSquares>(&paired);
        assert_eq!((labels.real, labels.fake), (Some(0.75), None));
        let labels = Labels::generator::<LeastSquares>(&paired);
        assert_eq!((labels.real, labels.fake), (None, Some(1.0)));
    }
}
