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
}

impl Labels {
    /// In the discriminator's loss.
    pub fn discriminator<L: Loss>(config: &LossConfig) -> Self {
        let Targets { real, fake } = L::targets(config);
        let fake = (config.relativistic != Relativistic::Paired).then_some(fake);
        Self { real: Some(real), fake }
    }

    /// In the generator's loss, which knows neither smoothing nor any other noise of labels.
    pub fn generator<L: Loss>(config: &LossConfig) -> Self {
        let Targets { real, fake } = L::targets(&LossConfig { label_smoothing: 0.0, ..config.clone() });
        let of_real = (config.relativistic == Relativistic::Average).then_some(fake);
        Self { real: of_real, fake: Some(real) }
    }
}

#[cfg(test)]
mod tests {
    use gansweep_config::Combine;

    use super::*;
    use crate::loss::{Hinge, LeastSquares, NonSaturating};

    fn config(relativistic: Relativistic) -> LossConfig {
        LossConfig { relativistic, ..LossConfig::non_saturating(Combine::Sum, 0.25) }
    }

    #[test]
    fn the_generator_has_the_labels_of_the_other_half_without_smoothing() {
        let average = config(Relativistic::Average);
        let both = |real, fake| Labels { real: Some(real), fake: Some(fake) };
        assert_eq!(Labels::discriminator::<NonSaturating>(&average), both(0.75, 0.0));
        assert_eq!(Labels::generator::<NonSaturating>(&average), both(0.0, 1.0));
        assert_eq!(Labels::discriminator::<LeastSquares>(&average), both(0.75, -1.0));
        assert_eq!(Labels::generator::<LeastSquares>(&average), both(-1.0, 1.0));
        assert_eq!(Labels::generator::<Hinge>(&average), both(-1.0, 1.0));
    }

    #[test]
    fn a_pair_has_one_label() {
        let paired = config(Relativistic::Paired);
        let labels = Labels::discriminator::<LeastSquares>(&paired);
        assert_eq!(labels, Labels { real: Some(0.75), fake: None });
        let labels = Labels::generator::<LeastSquares>(&paired);
        assert_eq!(labels, Labels { real: None, fake: Some(1.0) });
    }
}
