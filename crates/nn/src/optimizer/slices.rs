//! Updates of parameters in plain memory.

use std::marker::PhantomData;

use pulp::{Arch, Simd, WithSimd};

use super::{Optimizer, Vector, splat};

/// Moves parameters along their gradients, which lie one after the other without order or padding; all
/// slices are of one length.
pub fn step_slices<O: Optimizer<STATE, NUMBERS>, const STATE: usize, const NUMBERS: usize>(
    numbers: &[f32; NUMBERS],
    gradient: &[f32],
    value: &mut [f32],
    buffers: [&mut [f32]; STATE],
) {
    let optimizer = PhantomData::<O>;
    Arch::new().dispatch(Slices { optimizer, numbers, gradient, value, buffers });
}

struct Slices<'a, O, const STATE: usize, const NUMBERS: usize> {
    optimizer: PhantomData<O>,
    numbers: &'a [f32; NUMBERS],
    gradient: &'a [f32],
    value: &'a mut [f32],
    buffers: [&'a mut [f32]; STATE],
}

impl<O: Optimizer<STATE, NUMBERS>, const STATE: usize, const NUMBERS: usize> WithSimd
    for Slices<'_, O, STATE, NUMBERS>
{
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let numbers = splat(simd, self.numbers);
        let (gradients, last_gradient) = S::as_simd_f32s(self.gradient);
        let (values, last_value) = S::as_mut_simd_f32s(self.value);
        let buffers = self.buffers.map(S::as_mut_simd_f32s);
        let mut own = [Vector::new(simd, simd.splat_f32s(0.0)); STATE];
        for (index, (gradient, value)) in gradients.iter().zip(values).enumerate() {
            for buffer in 0..STATE {
                own[buffer].value = buffers[buffer].0[index];
            }
            let (gradient, old) = (Vector::new(simd, *gradient), Vector::new(simd, *value));
            let (new, own) = O::step(&numbers, gradient, old, own);
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
        let (new, own) = O::step(&numbers, gradient, old, own);
        simd.partial_store_f32s(last_value, new.value);
        for buffer in 0..STATE {
            simd.partial_store_f32s(buffers[buffer].1, own[buffer].value);
        }
    }
}
