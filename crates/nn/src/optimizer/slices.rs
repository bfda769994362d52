//! Updates of parameters in plain memory.

use std::marker::PhantomData;

use pulp::{Arch, Simd, WithSimd};

use super::{Optimizer, Vector, splat};

/// One update of parameters in contiguous memory; all slices have the same length.
pub fn step_slices<O: Optimizer<STATE, COEFFICIENTS>, const STATE: usize, const COEFFICIENTS: usize>(
    coefficients: &[f32; COEFFICIENTS],
    gradient: &[f32],
    value: &mut [f32],
    buffers: [&mut [f32]; STATE],
) {
    let optimizer = PhantomData::<O>;
    Arch::new().dispatch(Slices { optimizer, coefficients, gradient, value, buffers });
}

struct Slices<'a, O, const STATE: usize, const COEFFICIENTS: usize> {
    optimizer: PhantomData<O>,
    coefficients: &'a [f32; COEFFICIENTS],
    gradient: &'a [f32],
    value: &'a mut [f32],
    buffers: [&'a mut [f32]; STATE],
}

impl<O: Optimizer<STATE, COEFFICIENTS>, const STATE: usize, const COEFFICIENTS: usize> WithSimd
    for Slices<'_, O, STATE, COEFFICIENTS>
{
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let coefficients = splat(simd, self.coefficients);
        let (gradients, last_gradient) = S::as_simd_f32s(self.gradient);
        let (values, last_value) = S::as_mut_simd_f32s(self.value);
        let buffers = self.buffers.map(S::as_mut_simd_f32s);
        let mut own = [Vector::new(simd, simd.splat_f32s(0.0)); STATE];
        for (index, (gradient, value)) in gradients.iter().zip(values).enumerate() {
            for buffer in 0..STATE {
                own[buffer].value = buffers[buffer].0[index];
            }
            let (gradient, old) = (Vector::new(simd, *gradient), Vector::new(simd, *value));
            let (new, own) = O::step(&coefficients, gradient, old, own);
            *value = new.value;
            for buffer in 0..STATE {
                buffers[buffer].0[index] = own[buffer].value;
            }
        }
        for buffer in 0..STATE {
            own[buffer].value = simd.partial_load_f32s(buffers[buffer].1);
        }
        let gradient = Vector::new(simd, simd.partial_load_f32s(last_gradient));
        let old = Vector::new(simd, simd.partial_load_f32s(last_value));
        let (new, own) = O::step(&coefficients, gradient, old, own);
        simd.partial_store_f32s(last_value, new.value);
        for buffer in 0..STATE {
            simd.partial_store_f32s(buffers[buffer].1, own[buffer].value);
        }
    }
}
