//! `[loss]`: the loss of each network.

use std::f64::consts::LN_2;

use serde::{Deserialize, Serialize};

/// The loss of each network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LossConfig {
    /// The kind of loss, common to both networks.
    #[serde(default)]
    pub kind: LossKind,
    /// How the discriminator's losses on real and fake images are combined.
    pub combine: Combine,
    /// One-sided label smoothing: the discriminator's target on real images is lowered by this
    /// (Salimans et al. 2016, section 3.4). The generator's target stays.
    pub label_smoothing: f64,
    /// `wasserstein`: the largest magnitude of the discriminator's parameters; larger ones are clipped to it after
    /// each of its updates.
    #[serde(default)]
    pub weight_clip: f64,
}

/// The kinds of losses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LossKind {
    /// Binary cross-entropy, the generator's in its non-saturating form (Goodfellow et al. 2014,
    /// section 3).
    #[default]
    NonSaturating,
    /// Binary cross-entropy, the generator's that of the minimax game (Goodfellow et al. 2014, equation 1).
    Minimax,
    /// Half the squared distance of an output from its target (Mao et al. 2017, equation 2).
    LeastSquares,
    /// The distance of a logit from the right side of a margin (Lim and Ye 2017).
    Hinge,
    /// The difference of the outputs on real images and fakes, with clipped weights (Arjovsky et al. 2017).
    Wasserstein,
}

/// The losses while D(x) is 1/2 for every image, so that the discriminator cannot tell real from fake.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Undecided {
    /// The discriminator's loss for a real image and for a fake.
    pub discriminator: [f64; 2],
    /// The generator's loss.
    pub generator: f64,
    /// A label for the discriminator's combined loss.
    pub discriminator_text: &'static str,
    /// A label for the generator's loss.
    pub generator_text: &'static str,
}

/// How the discriminator's losses on real and fake images are combined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Combine {
    /// `real + fake`.
    Sum,
    /// `(real + fake) / 2`.
    Mean,
}

impl LossKind {
    /// Every loss, in the order of the documentation.
    pub const ALL: [Self; 5] =
        [Self::NonSaturating, Self::Minimax, Self::LeastSquares, Self::Hinge, Self::Wasserstein];

    /// The names of [`Self::ALL`], in the same order.
    pub(crate) const NAMES: [&'static str; Self::ALL.len()] = {
        let mut names = [""; Self::ALL.len()];
        let mut index = 0;
        while index < names.len() {
            names[index] = Self::ALL[index].name();
            index += 1;
        }
        names
    };

    /// The name in experiment files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NonSaturating => "non-saturating",
            Self::Minimax => "minimax",
            Self::LeastSquares => "least-squares",
            Self::Hinge => "hinge",
            Self::Wasserstein => "wasserstein",
        }
    }

    /// Why label smoothing is not possible; `None` if it is.
    pub(crate) const fn refuses_label_smoothing(self) -> Option<&'static str> {
        match self {
            Self::NonSaturating | Self::Minimax | Self::LeastSquares => None,
            Self::Hinge => Some("has no labels to smooth: only sides of a margin"),
            Self::Wasserstein => Some("has no labels to smooth: outputs have no target"),
        }
    }
}

impl LossConfig {
    /// Identity default of the weights' largest magnitude.
    const WEIGHT_CLIP: f64 = 0.01;

    /// The largest magnitude of the discriminator's parameters, if they are clipped.
    pub fn clipped_weights(&self) -> Option<f64> {
        (self.kind == LossKind::Wasserstein).then_some(self.weight_clip)
    }

    /// Replaces what the loss does not use by its identity default.
    pub(crate) fn canonical(&self) -> Self {
        let weight_clip = self.clipped_weights().unwrap_or(Self::WEIGHT_CLIP);
        Self { weight_clip, ..self.clone() }
    }

    /// The non-saturating loss.
    pub const fn non_saturating(combine: Combine, label_smoothing: f64) -> Self {
        Self { kind: LossKind::NonSaturating, combine, label_smoothing, weight_clip: Self::WEIGHT_CLIP }
    }

    /// The losses while D(x) is 1/2 for every image.
    pub fn undecided(&self) -> Undecided {
        match self.kind {
            // Whatever the target (Goodfellow et al. 2014, section 4.1).
            LossKind::NonSaturating => Undecided {
                discriminator: [LN_2; 2],
                generator: LN_2,
                discriminator_text: match self.combine {
                    Combine::Sum => "2 ln 2: D gives ½ to everything",
                    Combine::Mean => "ln 2: D gives ½ to everything",
                },
                generator_text: "ln 2: D gives ½ to every fake",
            },
            LossKind::Minimax => Undecided {
                generator: -LN_2,
                generator_text: "-ln 2: D gives ½ to every fake",
                ..Self { kind: LossKind::NonSaturating, ..self.clone() }.undecided()
            },
            LossKind::LeastSquares => Undecided {
                discriminator: [(0.5 - self.label_smoothing).powi(2) / 2.0, 0.125],
                generator: 0.125,
                discriminator_text: "D gives ½ to everything",
                generator_text: "⅛: D gives ½ to every fake",
            },
            LossKind::Hinge => Undecided {
                discriminator: [1.0; 2],
                generator: 0.0,
                discriminator_text: "D gives ½ to everything",
                generator_text: "0: D gives ½ to every fake",
            },
            LossKind::Wasserstein => Undecided {
                discriminator: [0.0; 2],
                generator: 0.0,
                discriminator_text: "0: D gives ½ to everything",
                generator_text: "0: D gives ½ to every fake",
            },
        }
    }
}

impl Combine {
    /// The factor before `real + fake`.
    pub const fn weight(self) -> f64 {
        match self {
            Self::Sum => 1.0,
            Self::Mean => 0.5,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use insta::assert_snapshot;

    use super::*;
    use crate::{Experiment, LoadOptions};

    #[test]
    fn names_of_losses_are_those_of_their_serialised_form() {
        for kind in LossKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
    }

    #[test]
    fn the_hinge_loss_refuses_label_smoothing_when_a_sweep_is_planned() {
        let fault = |smoothing: f64| {
            let text = format!("loss.kind = \"hinge\"\nloss.label_smoothing = {smoothing}\n");
            Experiment::parse(Path::new("hinge.toml"), text, &LoadOptions::default()).map(|_| ())
        };
        assert_eq!(fault(0.0), Ok(()));
        assert_snapshot!(fault(0.1).unwrap_err(), @r#"hinge.toml:2: loss.label_smoothing: `loss.kind = "hinge"` has no labels to smooth: only sides of a margin; expected `loss.label_smoothing = 0`, or another loss (from file)"#);
    }
}
