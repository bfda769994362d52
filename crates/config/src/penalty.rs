//! `[penalty]`: a penalty on the discriminator's gradient with respect to its input.

use serde::{Deserialize, Serialize};

/// A penalty on the discriminator's gradient with respect to its input, which is added to its loss.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PenaltyConfig {
    /// Where the gradient is measured, and what is penalised.
    pub kind: PenaltyKind,
    /// The factor before the penalty.
    pub weight: f64,
    /// `wgan-gp` and `dragan`: whether norms below one cost nothing (Petzka et al. 2018).
    pub one_sided: bool,
    /// The penalty is part of every how many updates, with its weight times that number (Karras et al. 2020,
    /// appendix B: lazy regularisation).
    pub every: u32,
    /// `dragan`: the standard deviation of the noise on real images.
    pub noise: f64,
}

/// The kinds of penalties.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PenaltyKind {
    /// No penalty.
    #[default]
    None,
    /// The squared distance of the norm from one, between real images and fakes (Gulrajani et al. 2017, equation 3).
    WganGp,
    /// The same, around real images (Kodali et al. 2017, section 2.4).
    Dragan,
    /// Half the squared norm at real images (Mescheder et al. 2018, equation 9).
    R1,
    /// Half the squared norm at fakes (Mescheder et al. 2018, equation 10).
    R2,
    /// The sum of `r1` and `r2` (Huang et al. 2024, R3GAN).
    #[serde(rename = "r1-r2")]
    R1R2,
}

impl PenaltyKind {
    /// Every kind, in the order of the documentation.
    pub const ALL: [Self; 6] = [Self::None, Self::WganGp, Self::Dragan, Self::R1, Self::R2, Self::R1R2];

    /// The names of [`Self::ALL`], in the same order.
    pub(crate) const NAMES: [&'static str; 6] = ["none", "wgan-gp", "dragan", "r1", "r2", "r1-r2"];
}

impl Default for PenaltyConfig {
    /// No penalty: the identity defaults.
    fn default() -> Self {
        Self { kind: PenaltyKind::None, weight: 10.0, one_sided: false, every: 1, noise: 0.3 }
    }
}

impl PenaltyConfig {
    /// Whether there is a penalty.
    pub fn exists(&self) -> bool {
        self.kind != PenaltyKind::None
    }

    /// Whether the discriminator's update number `update`, counted from 0, has the penalty.
    pub fn is_due(&self, update: u64) -> bool {
        self.exists() && update.is_multiple_of(u64::from(self.every))
    }

    /// The factor before the penalty in the discriminator's update number `update`, counted from 0.
    pub fn factor(&self, update: u64) -> f64 {
        if self.is_due(update) { self.weight * f64::from(self.every) } else { 0.0 }
    }

    /// Replaces what the kind does not use by its identity default.
    pub(crate) fn canonical(&self) -> Self {
        let default = Self::default();
        if !self.exists() {
            return default;
        }
        let is_norm_one = matches!(self.kind, PenaltyKind::WganGp | PenaltyKind::Dragan);
        Self {
            one_sided: self.one_sided && is_norm_one,
            noise: if self.kind == PenaltyKind::Dragan { self.noise } else { default.noise },
            ..self.clone()
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
    fn names_of_penalties_are_those_of_their_serialised_form() {
        for (kind, name) in PenaltyKind::ALL.into_iter().zip(PenaltyKind::NAMES) {
            assert_eq!(serde_json::to_value(kind).unwrap(), name);
        }
    }

    #[test]
    fn a_lazy_penalty_has_the_weight_of_the_updates_that_it_is_left_out_of() {
        let lazy = PenaltyConfig { kind: PenaltyKind::R1, weight: 2.5, every: 4, ..PenaltyConfig::default() };
        let factors: Vec<f64> = (0..6).map(|update| lazy.factor(update)).collect();
        assert_eq!(factors, [10.0, 0.0, 0.0, 0.0, 10.0, 0.0]);
        assert!(!PenaltyConfig::default().is_due(0));
    }

    #[test]
    fn what_a_penalty_does_not_use_has_its_identity_default() {
        let all = |kind| PenaltyConfig { kind, weight: 3.0, one_sided: true, every: 4, noise: 0.7 };
        assert_eq!(all(PenaltyKind::None).canonical(), PenaltyConfig::default());
        assert_eq!(all(PenaltyKind::Dragan).canonical(), all(PenaltyKind::Dragan));
        let found = all(PenaltyKind::WganGp).canonical();
        assert_eq!(found, PenaltyConfig { noise: 0.3, ..all(PenaltyKind::WganGp) });
        let found = all(PenaltyKind::R1).canonical();
        assert_eq!(found, PenaltyConfig { noise: 0.3, one_sided: false, ..all(PenaltyKind::R1) });
    }

    #[test]
    fn a_penalty_on_a_critic_with_a_normalisation_is_refused_with_the_reason() {
        let fault = |norm: &str| {
            let text = format!("model.discriminator.{norm} = true\npenalty.kind = \"wgan-gp\"\n");
            Experiment::parse(Path::new("gp.toml"), text, &LoadOptions::default()).map(|_| ()).unwrap_err()
        };
        assert_snapshot!(fault("batch_norm"), @r#"gp.toml:2: penalty.kind: a penalty is of each image's gradient, and with the discriminator's `batch_norm` its output depends on the other images of the batch; expected `model.discriminator.batch_norm = false`, or `penalty.kind = "none"` (from file)"#);
    }
}
