//! Activations whose derivative has no jump.

use serde::{Deserialize, Serialize};

/// An activation whose derivative has no jump, with PyTorch's default settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SmoothActivation {
    /// `nn.SiLU`: `x / (1 + exp(-x))` (Elfwing et al. 2018), also called Swish.
    Silu,
    /// `nn.GELU`: `x` times the share of a standard normal distribution that is below `x` (Hendrycks and Gimpel 2016).
    Gelu,
    /// `nn.ELU`: `x` above zero, `exp(x) - 1` below (Clevert et al. 2016).
    Elu,
}

impl SmoothActivation {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Silu, Self::Gelu, Self::Elu];

    /// Its name in experiment files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Silu => "silu",
            Self::Gelu => "gelu",
            Self::Elu => "elu",
        }
    }

    /// The activation of that name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|activation| activation.name() == name)
    }
}
