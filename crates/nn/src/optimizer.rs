//! Optimisers: what one update does to each parameter.

#![expect(
    clippy::inline_always,
    reason = "what is not inlined into a function for the processor's vectors is compiled without them"
)]

use gansweep_config::AdamConfig;
use pulp::{Arch, Simd, WithSimd};

/// The coefficients of one update of Adam (Kingma and Ba 2015, algorithm 1), as PyTorch computes it.
#[derive(Debug, Clone, Copy)]
pub struct AdamUpdate {
    /// `1 - beta1`.
    first_weight: f32,
    beta2: f32,
    /// `1 - beta2`.
    second_weight: f32,
    /// `lr / (1 - beta1^t)`.
    step_size: f32,
    /// `1 / sqrt(1 - beta2^t)`.
    root_scale: f32,
    eps: f32,
}

impl AdamUpdate {
    /// Of the update number `t`, counted from 1.
    pub fn new(adam: &AdamConfig, t: u64) -> Self {
        let correction = |beta: f64| 1.0 - libm::pow(beta, t as f64);
        let step_size = (adam.lr / correction(adam.beta1)) as f32;
        Self::corrected(adam, step_size, (1.0 / libm::sqrt(correction(adam.beta2))) as f32)
    }

    /// With `lr / (1 - beta1^t)` and `1 / sqrt(1 - beta2^t)`.
    pub fn corrected(adam: &AdamConfig, step_size: f32, root_scale: f32) -> Self {
        Self {
            first_weight: (1.0 - adam.beta1) as f32,
            beta2: adam.beta2 as f32,
            second_weight: (1.0 - adam.beta2) as f32,
            step_size,
            root_scale,
            eps: adam.eps as f32,
        }
    }

    /// Moves parameters along their gradients, which lie one after the other without order or
    /// padding; all four are of one length.
    pub fn descend(&self, gradient: &[f32], value: &mut [f32], first: &mut [f32], second: &mut [f32]) {
        Arch::new().dispatch(Plain { update: self, gradient, value, first, second });
    }

    /// The same in every element of vectors.
    #[inline(always)]
    pub fn vectors<S: Simd>(&self, simd: S) -> AdamVectors<S> {
        AdamVectors {
            first_weight: simd.splat_f32s(self.first_weight),
            beta2: simd.splat_f32s(self.beta2),
            second_weight: simd.splat_f32s(self.second_weight),
            step_size: simd.splat_f32s(self.step_size),
            root_scale: simd.splat_f32s(self.root_scale),
            eps: simd.splat_f32s(self.eps),
        }
    }
}

/// An [`AdamUpdate`] in vectors.
#[derive(Debug)]
pub struct AdamVectors<S: Simd> {
    first_weight: S::f32s,
    beta2: S::f32s,
    second_weight: S::f32s,
    step_size: S::f32s,
    root_scale: S::f32s,
    eps: S::f32s,
}

impl<S: Simd> AdamVectors<S> {
    /// Moves one vector of parameters along one of gradients.
    #[inline(always)]
    pub fn step(&self, simd: S, g: S::f32s, value: &mut S::f32s, first: &mut S::f32s, second: &mut S::f32s) {
        let m = simd.mul_add_e_f32s(simd.sub_f32s(g, *first), self.first_weight, *first);
        let m = normal_or_zero(simd, m);
        let square = simd.mul_f32s(simd.mul_f32s(g, self.second_weight), g);
        let s = normal_or_zero(simd, simd.mul_add_e_f32s(*second, self.beta2, square));
        let root = simd.mul_add_e_f32s(simd.sqrt_f32s(s), self.root_scale, self.eps);
        *value = simd.sub_f32s(*value, simd.div_f32s(simd.mul_f32s(m, self.step_size), root));
        (*first, *second) = (m, s);
    }
}

/// Zero for subnormal numbers, on which many processors are a hundred times slower. Without this
/// the moments of every parameter whose gradient has become zero (behind a dead ReLU) would end up
/// there and stay; next to `eps` they are nothing.
#[inline(always)]
fn normal_or_zero<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let magnitude = simd.and_f32s(x, simd.splat_f32s(f32::from_bits(0x7fff_ffff)));
    let subnormal = simd.less_than_f32s(magnitude, simd.splat_f32s(f32::MIN_POSITIVE));
    simd.select_f32s(subnormal, simd.splat_f32s(0.0), x)
}

/// Parameters in plain slices.
struct Plain<'a> {
    update: &'a AdamUpdate,
    gradient: &'a [f32],
    value: &'a mut [f32],
    first: &'a mut [f32],
    second: &'a mut [f32],
}

impl WithSimd for Plain<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let update = self.update.vectors(simd);
        let (gradients, rest_of_gradient) = S::as_simd_f32s(self.gradient);
        let (values, rest_of_value) = S::as_mut_simd_f32s(self.value);
        let (firsts, rest_of_first) = S::as_mut_simd_f32s(self.first);
        let (seconds, rest_of_second) = S::as_mut_simd_f32s(self.second);
        let vectors = gradients.iter().zip(values).zip(firsts).zip(seconds);
        for (((gradient, value), first), second) in vectors {
            update.step(simd, *gradient, value, first, second);
        }
        let gradient = simd.partial_load_f32s(rest_of_gradient);
        let mut value = simd.partial_load_f32s(rest_of_value);
        let mut first = simd.partial_load_f32s(rest_of_first);
        let mut second = simd.partial_load_f32s(rest_of_second);
        update.step(simd, gradient, &mut value, &mut first, &mut second);
        simd.partial_store_f32s(rest_of_value, value);
        simd.partial_store_f32s(rest_of_first, first);
        simd.partial_store_f32s(rest_of_second, second);
    }
}
