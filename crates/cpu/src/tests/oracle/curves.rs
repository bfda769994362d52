//! Activations that bend.

use gansweep_config::SmoothActivation;
use gansweep_nn::network::Layer;

/// Value, first and second derivative of such an activation at `x`.
pub(in crate::tests) fn curve(layer: Layer, x: f64) -> [f64; 3] {
    match layer {
        Layer::Tanh => {
            let y = x.tanh();
            [y, 1.0 - y * y, -2.0 * y * (1.0 - y * y)]
        }
        Layer::Sigmoid => {
            let y = 1.0 / (1.0 + (-x).exp());
            [y, y * (1.0 - y), y * (1.0 - y) * (1.0 - 2.0 * y)]
        }
        Layer::Smooth(activation) => smooth(activation, x),
        other => unreachable!("{other:?} does not bend"),
    }
}

/// [`curve`] of a smooth activation.
pub(crate) fn smooth(activation: SmoothActivation, x: f64) -> [f64; 3] {
    match activation {
        SmoothActivation::Silu => {
            let s = 1.0 / (1.0 + (-x).exp());
            [x * s, s + x * s * (1.0 - s), s * (1.0 - s) * (2.0 + x * (1.0 - 2.0 * s))]
        }
        SmoothActivation::Gelu => {
            let (density, share) = standard_normal(x);
            [x * share, share + x * density, density * (2.0 - x * x)]
        }
        SmoothActivation::Elu if x < 0.0 => [x.exp_m1(), x.exp(), x.exp()],
        SmoothActivation::Elu => [x, 1.0, 0.0],
    }
}

/// Density at `x` and share below it, by the series in odd powers (Abramowitz and Stegun 1964, 26.2.11).
fn standard_normal(x: f64) -> (f64, f64) {
    let density = (-x * x / 2.0).exp() / std::f64::consts::TAU.sqrt();
    let (mut term, mut sum) = (x, 0.0);
    for odd in (3..400).step_by(2) {
        sum += term;
        term *= x * x / f64::from(odd);
    }
    (density, 0.5 + density * sum)
}
