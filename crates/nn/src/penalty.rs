//! Penalties on the discriminator's gradient with respect to its input.
//!
//! A penalty is a function of the gradient's norm at some points: between real images and fakes, around real images,
//! or at the images themselves. Its derivative with respect to the discriminator's weights needs no second-order
//! differentiation where the network is linear but for (leaky) `ReLU`s and dropout, and little of it elsewhere. With `v`, the derivative of the
//! penalty with respect to the gradient `dD/dx`, it is the derivative of `<v, dD/dx>` for a constant `v`; and
//! `<v, dD/dx>` is the derivative of the output along `v`, which a forward pass of tangents computes: `t_0 = v`, and
//! each layer multiplies its tangents by its weights and by the factors of its activation at the point.

use gansweep_config::{PenaltyConfig, PenaltyKind};

use crate::loss::{Dual, Outputs};

/// The points at which the gradient is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Points {
    /// On the line between a real image and the fake in the same row, at a place that is uniform on `[0, 1)`.
    Between,
    /// Real images with normal noise.
    AroundReal,
    /// The images of the batch, in the same forward pass as for the loss.
    Images {
        /// Real images.
        real: bool,
        /// Fakes.
        fake: bool,
    },
}

impl Points {
    /// Of a config; `None` without a penalty.
    pub fn of(config: &PenaltyConfig) -> Option<Self> {
        Some(match config.kind {
            PenaltyKind::None => return None,
            PenaltyKind::WganGp => Self::Between,
            PenaltyKind::Dragan => Self::AroundReal,
            PenaltyKind::R1 => Self::Images { real: true, fake: false },
            PenaltyKind::R2 => Self::Images { real: false, fake: true },
            PenaltyKind::R1R2 => Self::Images { real: true, fake: true },
        })
    }

    /// Points for each real image of a batch.
    pub const fn per_image(self) -> usize {
        match self {
            Self::Images { real: true, fake: true } => 2,
            _ => 1,
        }
    }
}

/// What is penalised: a function of a norm. The penalty is its mean over a batch (for `r1-r2` the sum of the means over
/// real images and over fakes), times the weight.
pub trait Penalty: 'static {
    /// The penalty of a norm.
    fn of_norm<E: Outputs>(norm: E) -> E;
}

/// The squared distance of the norm from one (Gulrajani et al. 2017, equation 3).
#[derive(Debug)]
pub struct TwoSided;

impl Penalty for TwoSided {
    fn of_norm<E: Outputs>(norm: E) -> E {
        (norm + -1.0).square()
    }
}

/// The square of what the norm exceeds one by (Petzka et al. 2018, equation 8).
#[derive(Debug)]
pub struct OneSided;

impl Penalty for OneSided {
    fn of_norm<E: Outputs>(norm: E) -> E {
        (norm + -1.0).relu().square()
    }
}

/// Half the squared norm (Mescheder et al. 2018, equations 9 and 10).
#[derive(Debug)]
pub struct HalfSquare;

impl Penalty for HalfSquare {
    fn of_norm<E: Outputs>(norm: E) -> E {
        norm.square() * 0.5
    }
}

/// Work that is compiled for each penalty.
pub trait Visitor {
    /// The result.
    type Output;

    /// Does the work for the penalty `P`.
    fn visit<P: Penalty>(self) -> Self::Output;
}

/// Does `work` for the penalty of a config that has one.
pub fn visit<V: Visitor>(config: &PenaltyConfig, work: V) -> V::Output {
    match (config.kind, config.one_sided) {
        (PenaltyKind::WganGp | PenaltyKind::Dragan, false) => work.visit::<TwoSided>(),
        (PenaltyKind::WganGp | PenaltyKind::Dragan, true) => work.visit::<OneSided>(),
        (PenaltyKind::None | PenaltyKind::R1 | PenaltyKind::R2 | PenaltyKind::R1R2, _) => {
            work.visit::<HalfSquare>()
        }
    }
}

/// The penalty of a norm, and its derivative.
pub fn of_norm(config: &PenaltyConfig, norm: f64) -> Dual {
    struct OfNorm(f64);

    impl Visitor for OfNorm {
        type Output = Dual;

        fn visit<P: Penalty>(self) -> Dual {
            P::of_norm(Dual::output(self.0))
        }
    }

    visit(config, OfNorm(norm))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(kind: PenaltyKind, one_sided: bool) -> PenaltyConfig {
        PenaltyConfig { kind, one_sided, ..PenaltyConfig::default() }
    }

    #[test]
    fn norms_are_drawn_to_one_or_to_zero() {
        let dual = |value, derivative| Dual { value, derivative };
        let two_sided = |norm| of_norm(&config(PenaltyKind::WganGp, false), norm);
        assert_eq!([two_sided(3.0), two_sided(0.5)], [dual(4.0, 4.0), dual(0.25, -1.0)]);
        let one_sided = |norm| of_norm(&config(PenaltyKind::Dragan, true), norm);
        assert_eq!([one_sided(3.0), one_sided(0.5)], [dual(4.0, 4.0), dual(0.0, 0.0)]);
        for kind in [PenaltyKind::R1, PenaltyKind::R2, PenaltyKind::R1R2] {
            assert_eq!(of_norm(&config(kind, false), 3.0), dual(4.5, 3.0));
        }
    }

    #[test]
    fn every_penalty_has_points() {
        for kind in PenaltyKind::ALL {
            assert_eq!(Points::of(&config(kind, false)).is_some(), kind != PenaltyKind::None);
        }
    }
}
