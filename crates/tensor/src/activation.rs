//! Activations of hidden layers: leaky ReLUs, whose slope may differ between lanes, and smooth ones.

use std::f64::consts::{SQRT_2, TAU};
use std::ops::Range;

use burn::tensor::{Device, Tensor, activation};
use gansweep_config::SmoothActivation;

/// The slopes below zero of a network's leaky ReLUs.
#[derive(Debug, Clone)]
pub(super) enum Slopes {
    /// All lanes have a ReLU.
    Relu,
    /// All lanes have the same slope.
    Same(f64),
    /// `slope` and `1 - slope`, each `[lanes, 1, 1]`.
    PerLane {
        /// Below zero.
        slope: Tensor<3>,
        /// Added above zero.
        rest: Tensor<3>,
    },
}

impl Slopes {
    /// Of lanes with these slopes.
    pub(super) fn new(slopes: &[f64], device: &Device) -> Self {
        let first = slopes.first().copied().unwrap_or(0.0);
        if slopes.iter().any(|slope| slope.to_bits() != first.to_bits()) {
            let slope = per_lane(slopes.iter().copied(), device);
            let rest = per_lane(slopes.iter().map(|slope| 1.0 - slope), device);
            return Self::PerLane { slope, rest };
        }
        if first == 0.0 { Self::Relu } else { Self::Same(first) }
    }

    /// Those of some of the lanes.
    pub(super) fn of_lanes(&self, lanes: Range<usize>) -> Self {
        let own = |all: &Tensor<3>| all.clone().narrow(0, lanes.start, lanes.len());
        match self {
            Self::PerLane { slope, rest } => Self::PerLane { slope: own(slope), rest: own(rest) },
            Self::Relu | Self::Same(_) => self.clone(),
        }
    }

    /// `x` above zero, `slope * x` below, on `[lanes, batch, features]`.
    pub(super) fn apply(&self, x: Tensor<3>) -> Tensor<3> {
        match self {
            Self::Relu => activation::relu(x),
            // Multiplies by a factor outside of autodiff, exactly one or the slope. Burn's own leaky ReLU
            // selects between two tensors, and twice more in its gradient.
            Self::Same(slope) if (0.0..1.0).contains(slope) => {
                let above = x.clone().without_autodiff().greater_elem(0.0).float();
                x * above.clamp_min(*slope)
            }
            Self::Same(slope) => activation::leaky_relu(x, *slope),
            Self::PerLane { slope, rest } => {
                let above = x.clone().without_autodiff().greater_elem(0.0).float();
                x * (above * rest.clone() + slope.clone())
            }
        }
    }

    /// The derivative at `x`, `[lanes, batch, features]`, outside of autodiff.
    pub(super) fn factors(&self, x: Tensor<3>) -> Tensor<3> {
        let above = x.without_autodiff().greater_elem(0.0).float();
        match self {
            Self::Relu => above,
            Self::Same(slope) if (0.0..1.0).contains(slope) => above.clamp_min(*slope),
            Self::Same(slope) => above * (1.0 - slope) + *slope,
            Self::PerLane { slope, rest } => above * rest.clone() + slope.clone(),
        }
    }
}

/// A smooth activation of each number.
pub(super) fn smooth(activation: SmoothActivation, x: Tensor<3>) -> Tensor<3> {
    match activation {
        SmoothActivation::Silu => x.clone() * activation::sigmoid(x),
        // Burn's own GELU has the gradient of an approximation.
        SmoothActivation::Gelu => x.clone() * share_below(x),
        SmoothActivation::Elu => activation::relu(x.clone()) + (x.clamp_max(0.0).exp() - 1.0),
    }
}

/// The derivative of [`smooth`] at each number, in operations that autodiff knows.
pub(super) fn smooth_factors(activation: SmoothActivation, x: Tensor<3>) -> Tensor<3> {
    match activation {
        SmoothActivation::Silu => {
            let s = activation::sigmoid(x.clone());
            s.clone() * (x * (s.neg() + 1.0) + 1.0)
        }
        SmoothActivation::Gelu => {
            let density = (x.clone().square() * -0.5).exp() / TAU.sqrt();
            share_below(x.clone()) + x * density
        }
        SmoothActivation::Elu => x.clamp_max(0.0).exp(),
    }
}

/// The share of a standard normal distribution below each number.
fn share_below(x: Tensor<3>) -> Tensor<3> {
    ((x / SQRT_2).erf() + 1.0) * 0.5
}

/// One number a lane as `[lanes, 1, 1]`, which broadcasts over `[lanes, batch, features]`.
pub(super) fn per_lane(values: impl Iterator<Item = f64>, device: &Device) -> Tensor<3> {
    let values: Vec<f32> = values.map(|value| value as f32).collect();
    let lanes = values.len();
    Tensor::<1>::from_data(values.as_slice(), device).reshape([lanes, 1, 1])
}
