//! Dropout masks made on the device, with the bits of [`rng::dropout_mask`](gansweep_nn::rng).
//!
//! Only their keys are uploaded: the masks of a step of 64 lanes of `realpython` have ten million entries.

use burn::tensor::kind::Basic;
use burn::tensor::{Device, Int, IntDType, Tensor};

use super::step_plan::{Mask, MaskGroup, MaskPlan};
use gansweep_nn::rng::mask_threshold;

/// Makes all masks of one network in one step, `[lanes, entries]`.
#[derive(Debug, Clone)]
pub(super) struct MaskMaker {
    /// Index of each entry within its mask, `[1, entries]`.
    index: Tensor<2, Int>,
    /// Index of the mask of each entry, `[entries]`.
    owner: Tensor<1, Int>,
    /// Entries whose hash is below this are dropped, `[lanes, masks]`, or `[lanes, 1]` where all masks of a lane have one
    /// rate. The sign bit is flipped.
    threshold: Tensor<2, Int>,
    /// The value of kept entries, in the same shape.
    kept: Tensor<2>,
    groups: Vec<MaskGroup>,
}

/// The constants of `lowbias32` as the signed integers of the same bits.
const FIRST: i32 = 0x7feb_352d;
const SECOND: i32 = 0x846c_a68b_u32.cast_signed();

impl MaskMaker {
    /// For the masks of `plan`; `rates` tells each lane's dropout rate at the layer of an index. `None` if there are no
    /// masks.
    pub(super) fn new(plan: &MaskPlan, rates: impl Fn(usize) -> Vec<f64>, device: &Device) -> Option<Self> {
        let masks = &plan.masks;
        let mut columns: Vec<_> = masks.iter().map(|mask| rates(mask.layer)).collect();
        let lanes = columns.first()?.len();
        if columns.windows(2).all(|pair| pair[0] == pair[1]) {
            columns.truncate(1);
        }
        let shape = [lanes, columns.len()];
        let rates = || (0..lanes).flat_map(|lane| columns.iter().map(move |column| column[lane]));
        let entries: usize = masks.iter().map(Mask::count).sum();
        let index: Vec<i32> = masks.iter().flat_map(|mask| 0..mask.count() as i32).collect();
        let owner: Vec<i32> =
            (0i32..).zip(masks).flat_map(|(owner, mask)| vec![owner; mask.count()]).collect();
        let threshold: Vec<i32> = rates().map(|rate| signed(mask_threshold(rate))).collect();
        let kept: Vec<f32> = rates().map(|rate| (1.0 / (1.0 - rate)) as f32).collect();
        let integers = |values: &[i32]| integers(values, device);
        Some(Self {
            index: integers(&index).reshape([1, entries]),
            owner: integers(&owner),
            threshold: integers(&threshold).reshape(shape),
            kept: Tensor::<1>::from_data(kept.as_slice(), device).reshape(shape),
            groups: plan.groups.clone(),
        })
    }

    /// All masks from the halves of their keys, each `[lanes, masks]`: one tensor `[lanes, rows, features]`
    /// for each group, in order.
    pub(super) fn make(&self, low: Tensor<2, Int>, high: Tensor<2, Int>) -> Vec<Tensor<3>> {
        let low = low.select(1, self.owner.clone());
        let high = high.select(1, self.owner.clone());
        let hash = lowbias32(lowbias32(low + self.index.clone()).bitwise_xor(high));
        // Devices compare signed integers; flipping the sign bit of both sides gives the unsigned order.
        let [lanes, _] = hash.dims();
        let dropped = hash.bitwise_xor_scalar(i32::MIN).lower(self.of_entries(&self.threshold));
        let flat = self.of_entries(&self.kept).mask_fill(dropped, 0.0);
        let mut start = 0;
        let part = |group: &MaskGroup| {
            let end = start + group.rows * group.features;
            let part =
                flat.clone().slice([0..lanes, start..end]).reshape([lanes, group.rows, group.features]);
            start = end;
            part
        };
        self.groups.iter().map(part).collect()
    }

    /// The number of each mask for each of its entries, `[lanes, entries]`.
    fn of_entries<K: Basic>(&self, of_masks: &Tensor<2, K>) -> Tensor<2, K> {
        let ([lanes, masks], [_, entries]) = (of_masks.dims(), self.index.dims());
        match masks {
            1 => of_masks.clone().expand([lanes, entries]),
            _ => of_masks.clone().select(1, self.owner.clone()),
        }
    }
}

/// A tensor of 32-bit integers on devices of any default width, since the hash wraps at 32 bits.
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

/// `x ^ (x >> bits)` of unsigned integers. Devices shift signed ones, so the copies of the sign are masked.
fn xor_shift(x: Tensor<2, Int>, bits: i32) -> Tensor<2, Int> {
    let shifted = x.clone().bitwise_right_shift_scalar(bits).bitwise_and_scalar((1 << (32 - bits)) - 1);
    x.bitwise_xor(shifted)
}
