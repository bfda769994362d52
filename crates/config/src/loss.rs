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
    /// What a loss is a function of: outputs, or differences between outputs on real images and on fakes.
    #[serde(default)]
    pub relativistic: Relativistic,
    /// How the losses on real and fake images are combined.
    pub combine: Combine,
    /// One-sided label smoothing: the discriminator's target on real images is lowered by this
    /// (Salimans et al. 2016, section 3.4). The generator's target stays.
    pub label_smoothing: f64,
    /// Label smoothing on the other side: the discriminator's target on fakes is raised by this.
    #[serde(default)]
    pub fake_label_smoothing: f64,
    /// The probability that the discriminator gets an image with the label of the other kind.
    #[serde(default)]
    pub label_flip: f64,
    /// `wasserstein` without a penalty: the largest magnitude of the discriminator's parameters; larger ones are clipped
    /// to it after each of its updates.
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

/// What a loss is a function of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Relativistic {
    /// The output for an image.
    #[default]
    None,
    /// The output for a real image minus that for the fake in the same place of the batch (Jolicoeur-Martineau
    /// 2018).
    Paired,
    /// The output for an image minus the mean output for the images of the other kind (Jolicoeur-Martineau
    /// 2018).
    Average,
}

/// The losses while D(x) is 1/2 for every image, so that the discriminator cannot tell real from fake.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Undecided {
    /// The discriminator's loss.
    pub discriminator: f64,
    /// The generator's loss.
    pub generator: f64,
    /// A label for the discriminator's combined loss.
    pub discriminator_text: &'static str,
    /// A label for the generator's loss.
    pub generator_text: &'static str,
}

/// How the losses on real and fake images are combined: the discriminator's, and with [`Relativistic::Average`]
/// the generator's too.
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

    /// Why it is no loss of differences; `None` if it is one.
    pub(crate) const fn refuses_differences(self) -> Option<&'static str> {
        match self {
            // RSGAN and RaSGAN; RaLSGAN; RaHingeGAN (Jolicoeur-Martineau 2018, 2019).
            Self::NonSaturating | Self::LeastSquares | Self::Hinge => None,
            Self::Minimax => {
                Some("has a generator that maximises D's loss; relativistic losses are not defined so")
            }
            Self::Wasserstein => Some("is a difference of mean outputs already, and would not change"),
        }
    }
}

impl Relativistic {
    /// The names in experiment files.
    pub(crate) const NAMES: [&'static str; 3] = ["none", "paired", "average"];
}

impl LossConfig {
    /// Identity default of the weights' largest magnitude.
    const WEIGHT_CLIP: f64 = 0.01;

    /// Replaces what the loss does not use by its identity default.
    pub(crate) fn canonical(&self, clipped_weights: Option<f64>) -> Self {
        let weight_clip = clipped_weights.unwrap_or(Self::WEIGHT_CLIP);
        let combine = if self.relativistic == Relativistic::Paired { Combine::Sum } else { self.combine };
        Self { combine, weight_clip, ..self.clone() }
    }

    /// The factor before the discriminator's losses on real images and on fakes. A pair has one loss, which is not
    /// combined with another.
    pub fn discriminator_weight(&self) -> f64 {
        match self.relativistic {
            Relativistic::None | Relativistic::Average => self.combine.weight(),
            Relativistic::Paired => 1.0,
        }
    }

    /// The factor before the generator's losses on real images and on fakes; it has both only with
    /// [`Relativistic::Average`].
    pub fn generator_weight(&self) -> f64 {
        match self.relativistic {
            Relativistic::Average => self.combine.weight(),
            Relativistic::None | Relativistic::Paired => 1.0,
        }
    }

    /// The non-saturating loss.
    pub const fn non_saturating(combine: Combine, label_smoothing: f64) -> Self {
        Self {
            kind: LossKind::NonSaturating,
            relativistic: Relativistic::None,
            combine,
            label_smoothing,
            fake_label_smoothing: 0.0,
            label_flip: 0.0,
            weight_clip: Self::WEIGHT_CLIP,
        }
    }

    /// The losses while D(x) is 1/2 for every image.
    pub fn undecided(&self) -> Undecided {
        if self.relativistic != Relativistic::None {
            return self.undecided_differences();
        }
        let text = "D gives ½ to everything";
        let of = |discriminator: f64, generator, discriminator_text, generator_text| {
            let discriminator = self.combine.weight() * discriminator;
            Undecided { discriminator, generator, discriminator_text, generator_text }
        };
        let bits = match self.combine {
            Combine::Sum => "2 ln 2: D gives ½ to everything",
            Combine::Mean => "ln 2: D gives ½ to everything",
        };
        match self.kind {
            // Whatever the target (Goodfellow et al. 2014, section 4.1).
            LossKind::NonSaturating => of(2.0 * LN_2, LN_2, bits, "ln 2: D gives ½ to every fake"),
            LossKind::Minimax => of(2.0 * LN_2, -LN_2, bits, "-ln 2: D gives ½ to every fake"),
            LossKind::LeastSquares => {
                let real = (0.5 - self.label_smoothing).powi(2) / 2.0;
                let fake = (0.5 - self.fake_label_smoothing).powi(2) / 2.0;
                of(real + fake, 0.125, text, "⅛: D gives ½ to every fake")
            }
            LossKind::Hinge => of(2.0, 0.0, text, "0: D gives ½ to every fake"),
            LossKind::Wasserstein => of(0.0, 0.0, "0: D gives ½ to everything", "0: D gives ½ to every fake"),
        }
    }

    /// The losses where the outputs on real images and on fakes do not differ.
    fn undecided_differences(&self) -> Undecided {
        // Of one half, against a target of 1 or -1 as far as there are targets.
        let half = |target: f64| match self.kind {
            LossKind::NonSaturating | LossKind::Minimax => LN_2,
            LossKind::LeastSquares => target * target / 2.0,
            LossKind::Hinge => 1.0,
            LossKind::Wasserstein => 0.0,
        };
        let (real, fake) = (1.0 - self.label_smoothing, -1.0 + self.fake_label_smoothing);
        let [discriminator, generator] = match self.relativistic {
            Relativistic::Average => [half(real) + half(fake), half(1.0) + half(-1.0)],
            Relativistic::None | Relativistic::Paired => [half(real), half(1.0)],
        };
        Undecided {
            discriminator: self.discriminator_weight() * discriminator,
            generator: self.generator_weight() * generator,
            discriminator_text: "D finds real and fake images equally real",
            generator_text: "D finds real and fake images equally real",
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
    fn names_of_comparisons_are_those_of_their_serialised_form() {
        let all = [Relativistic::None, Relativistic::Paired, Relativistic::Average];
        assert_eq!(all.map(|it| serde_json::to_value(it).unwrap()), Relativistic::NAMES);
    }

    #[test]
    fn losses_that_no_one_takes_of_differences_are_refused_with_the_reason() {
        let fault = |kind: &str| {
            let text = format!("loss.kind = \"{kind}\"\nloss.relativistic = \"paired\"\n");
            Experiment::parse(Path::new("pairs.toml"), text, &LoadOptions::default()).map(|_| ())
        };
        for kind in ["non-saturating", "least-squares", "hinge"] {
            assert_eq!(fault(kind), Ok(()));
        }
        assert_snapshot!(fault("wasserstein").unwrap_err(), @r#"pairs.toml:2: loss.relativistic: `loss.kind = "wasserstein"` is a difference of mean outputs already, and would not change; expected `loss.relativistic = "none"`, or the loss `non-saturating`, `least-squares` or `hinge` (from file)"#);
        assert_snapshot!(fault("minimax").unwrap_err(), @r#"pairs.toml:2: loss.relativistic: `loss.kind = "minimax"` has a generator that maximises D's loss; relativistic losses are not defined so; expected `loss.relativistic = "none"`, or the loss `non-saturating`, `least-squares` or `hinge` (from file)"#);
    }

    #[test]
    fn a_pair_has_one_loss_whatever_is_said_of_combining_two() {
        let loss =
            |relativistic| LossConfig { relativistic, ..LossConfig::non_saturating(Combine::Mean, 0.0) };
        assert_eq!(loss(Relativistic::Paired).canonical(None).combine, Combine::Sum);
        assert_eq!(loss(Relativistic::Average).canonical(None).combine, Combine::Mean);
        assert_eq!(loss(Relativistic::None).canonical(None).combine, Combine::Mean);
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
