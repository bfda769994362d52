//! Dropout masks made on the device, with the bits of [`rng::dropout_mask`](gansweep_nn::rng).
//!
//! Only their keys travel: a step of 64 lanes of `realpython` needs ten million entries.

use burn::tensor::{Device, Int, IntDType, Tensor};

use super::mask_plan::{Cut, Mask, MaskPlan};
use gansweep_nn::rng::mask_threshold;

/// Makes all masks of one network in one step, `[lanes, entries]`.
#[derive(Debug, Clone)]
pub(super) struct MaskMaker {
    /// Index of each entry within its mask, `[1, entries]`.
    index: Tensor<2, Int>,
    /// Which mask each entry belongs to, `[entries]`.
    owner: Tensor<1, Int>,
    /// Hashes below drop, with the sign bit flipped, `[lanes, 1]`.
    threshold: Tensor<2, Int>,
    /// What kept entries hold, `[lanes, 1]`.
    kept: Tensor<2>,
    cuts: Vec<Cut>,
}

/// The constants of `lowbias32` as the signed integers of the same bits.
const FIRST: i32 = 0x7feb_352d;
const SECOND: i32 = 0x846c_a68b_u32.cast_signed();

impl MaskMaker {
    /// For the masks of `plan`; `rates` are the lanes' dropout rates. `None` without any.
    pub(super) fn new(plan: &MaskPlan, rates: &[f64], device: &Device) -> Option<Self> {
        let masks = &plan.masks;
        if masks.is_empty() {
            return None;
        }
        let entries: usize = masks.iter().map(Mask::count).sum();
        let index: Vec<i32> = masks.iter().flat_map(|mask| 0..mask.count() as i32).collect();
        let owner: Vec<i32> =
            (0i32..).zip(masks).flat_map(|(owner, mask)| vec![owner; mask.count()]).collect();
        let threshold: Vec<i32> = rates.iter().map(|&rate| signed(mask_threshold(rate))).collect();
        let kept: Vec<f32> = rates.iter().map(|rate| (1.0 / (1.0 - rate)) as f32).collect();
        let integers = |values: &[i32]| integers(values, device);
        Some(Self {
            index: integers(&index).reshape([1, entries]),
            owner: integers(&owner),
            threshold: integers(&threshold).reshape([rates.len(), 1]),
            kept: Tensor::<1>::from_data(kept.as_slice(), device).reshape([rates.len(), 1]),
            cuts: plan.cuts.clone(),
        })
    }

    /// All masks from the halves of their keys, each `[lanes, masks]`: one `[lanes, rows,
    /// features]` tensor a cut, in order.
    pub(super) fn make(&self, low: Tensor<2, Int>, high: Tensor<2, Int>) -> Vec<Tensor<3>> {
        let low = low.select(1, self.owner.clone());
        let high = high.select(1, self.owner.clone());
        let hash = lowbias32(lowbias32(low + self.index.clone()).bitwise_xor(high));
        // The comparison is of unsigned numbers: flipping the top bit of both sides keeps their order.
        let [lanes, entries] = hash.dims();
        let dropped =
            hash.bitwise_xor_scalar(i32::MIN).lower(self.threshold.clone().expand([lanes, entries]));
        let flat = self.kept.clone().expand([lanes, entries]).mask_fill(dropped, 0.0);
        let mut start = 0;
        let part = |cut: &Cut| {
            let end = start + cut.rows * cut.features;
            let part = flat.clone().slice([0..lanes, start..end]).reshape([lanes, cut.rows, cut.features]);
            start = end;
            part
        };
        self.cuts.iter().map(part).collect()
    }
}

/// A vector of 32-bit integers, whatever the device's usual width: the hash wraps at 32 bits.
pub(super) fn integers(values: &[i32], device: &Device) -> Tensor<1, Int> {
    Tensor::from_data(values, (device, IntDType::I32.into()))
}

fn signed(threshold: u32) -> i32 {
    (threshold ^ (1 << 31)).cast_signed()
}

fn lowbias32(x: Tensor<2, Int>) -> Tensor<2, Int> {
    let x = xor_shift(x, 16).mul_scalar(FIRST);
    let x = xor_shift(x, 15).mul_scalar(SECOND);
    xor_shift(x, 16)
}

/// `x ^ (x >> bits)` of unsigned numbers: a signed shift fills with the sign, which is masked off.
fn xor_shift(x: Tensor<2, Int>, bits: i32) -> Tensor<2, Int> {
    let shifted = x.clone().bitwise_right_shift_scalar(bits).bitwise_and_scalar((1 << (32 - bits)) - 1);
    x.bitwise_xor(shifted)
}
